"""Where an environment's objects come from: its folder, and what headway.yaml says of its chart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChartUse:
    """How a chart is rendered; paths are the config repo's.

    `path` is the chart that headway.yaml names, empty for those that are found in the folder. What a chart asks
    of the cluster is `kube_version` and `api_versions`: nothing is asked while it is rendered.
    """

    path: str = ""
    release: str = ""
    namespace: str = ""
    values: tuple[str, ...] = ()
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    hooks: str = "refuse"


@dataclass(frozen=True, slots=True)
class Place:
    """An environment's folder, what in it is no manifest, and how its charts are rendered."""

    path: str
    ignore: tuple[str, ...] = ()
    chart: ChartUse = ChartUse()

    @classmethod
    def of(cls, path: str | Place) -> Place:
        """Return a folder's place, where only its path is known."""
        return path if isinstance(path, Place) else cls(path)
