"""What a folder is: plain YAML, or a unit that a tool renders."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from headway.domain.rendering.place import ChartUse
from headway.errors import Problem

Kind = Literal["kustomization", "chart"]
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What kustomize takes for a folder's kustomization (`RecognizedKustomizationFileNames`)."""
CHART = "Chart.yaml"
RENDERING = frozenset({*KUSTOMIZATIONS, CHART})


@dataclass(frozen=True, slots=True)
class Unit:
    """A folder that a tool renders, or a chart that is elsewhere.

    `reads` are the files and whole folders of the config repo that go into it, each with its hash; one that is
    named and missing has none. `problems` are why it is not rendered. What is wrong with it as a whole is said of
    the file `entry`, at `line` and `column`.
    """

    path: str
    kind: Kind
    entry: str
    reads: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    chart: ChartUse = field(default_factory=ChartUse)
    with_helm: bool = False
    bases: frozenset[str] = frozenset()
    line: int = 1
    column: int = 1

    def problem(self, said: str) -> Problem:
        """Make a problem of the unit as a whole."""
        return Problem(self.entry, self.line, self.column, said)

    @property
    def fetched(self) -> str:
        """The folder that stands for a chart which is elsewhere; empty for any other."""
        return self.chart.remote.folder if self.chart.remote is not None else ""

    def outside(self, folder: str) -> dict[str, str]:
        """Return what it reads that is not in a folder."""
        return {path: sha for path, sha in self.reads.items() if not within(path, folder)}

    def key(self, versions: str) -> str:
        """Return what its rendering follows from: equal keys give equal bytes."""
        asked = asdict(self.chart) if self.kind == "chart" else {}
        if self.chart.remote is None:
            asked.pop("remote", None)
        asked.pop("keep", None)
        said = [versions, self.kind, self.path, asked, sorted(self.reads.items())]
        if self.chart.keep:
            # It decides whether there is a rendering at all.
            said.append(sorted(map(repr, self.chart.keep)))
        return hashlib.sha256(json.dumps(said).encode("utf-8", "surrogateescape")).hexdigest()


def kind_of(names: Collection[str]) -> tuple[Kind, str] | None:
    """Return what a folder with these files is rendered as, and the file that makes it so; None for plain YAML."""
    for name in KUSTOMIZATIONS:
        if name in names:
            return "kustomization", name
    return ("chart", CHART) if CHART in names else None


def leaves(units: Collection[Unit]) -> tuple[Unit, ...]:
    """Return the units that no other one of the same environment reads as its base."""
    read = {base for unit in units for base in unit.bases if base != unit.path}
    return tuple(it for it in units if it.path not in read)


def state_of(tree: str, outside: Mapping[str, str]) -> str:
    """Return the hash of an environment's sources: its folder's own, where it reads nothing else."""
    if not outside:
        return tree
    said = [tree, *(f"{path}\0{sha}" for path, sha in sorted(outside.items()))]
    return hashlib.sha1("\n".join(said).encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def within(path: str, folder: str) -> bool:
    """Return whether a path of the repo is a folder or below it; the root is the empty path."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def joined(folder: str, written: str) -> str | None:
    """Return the repo's path that something written in a folder means; None where it leads out of the repo."""
    if written.startswith("/"):
        return None
    path = posixpath.normpath(posixpath.join(folder, written))
    if path == ".." or path.startswith("../"):
        return None
    return "" if path == "." else path
