"""Where an environment's objects come from: its folder, and what headway.yaml says of its chart."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from headway.domain.objects.kept_fields import KeptField


@dataclass(frozen=True, slots=True)
class RemoteChart:
    """A chart that is not in the config repo, pinned: by `ref` in a registry, or by `name` in a repository at `repo`.

    `digest` is that of the manifest in a registry, and of the archive in a repository; empty where none is said yet.
    """

    ref: str = ""
    repo: str = ""
    name: str = ""
    version: str = ""
    digest: str = ""

    @property
    def host(self) -> str:
        """The host that it is fetched from, with its port."""
        return urlsplit(self.ref or self.repo).netloc.rpartition("@")[2].lower()

    @property
    def chart(self) -> str:
        """Its name."""
        return self.name or self.ref.rstrip("/").rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The folder that stands for it among a unit's files. It is named like the archive: no repo has such a one."""
        return f"{self.chart}-{self.version}.tgz"

    @property
    def address(self) -> str:
        """Where it is, without its version."""
        return self.ref or f"{self.repo.rstrip('/')}/{self.name}"

    def __str__(self) -> str:
        """Return what it is, with version and digest."""
        return f"{self.address}:{self.version}" + (f"@{self.digest}" if self.digest else "")


@dataclass(frozen=True, slots=True)
class ChartUse:
    """How a chart is rendered; paths are the config repo's.

    `path` is the chart that headway.yaml names, `remote` one that is elsewhere; without both, those that are found in
    the folder are rendered. What a chart asks of the cluster is `kube_version` and `api_versions`: nothing is asked
    while it is rendered. `keep` are fields that may be others in each rendering.
    """

    path: str = ""
    release: str = ""
    namespace: str = ""
    values: tuple[str, ...] = ()
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    hooks: str = "refuse"
    remote: RemoteChart | None = None
    keep: tuple[KeptField, ...] = ()

    @property
    def is_named(self) -> bool:
        """Return whether headway.yaml names the chart: the environment's own folder may be missing then."""
        return bool(self.path) or self.remote is not None


@dataclass(frozen=True, slots=True)
class SaidChart:
    """The chart that a headway.yaml says, and where it says so: its digest's line, or else its version's."""

    use: ChartUse
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """An environment's folder, what in it is no manifest, and how its charts are rendered.

    Where a chart is elsewhere, which one it is follows from each commit's own headway.yaml: `said_in` is that file,
    `name` the environment in it.
    """

    path: str
    ignore: tuple[str, ...] = ()
    chart: ChartUse = ChartUse()
    said_in: str = ""
    name: str = ""

    @classmethod
    def of(cls, path: str | Place) -> Place:
        """Return a folder's place, where only its path is known."""
        return path if isinstance(path, Place) else cls(path)
