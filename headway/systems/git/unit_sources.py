"""What of a commit a tool needs to render a unit: found by parsing alone, so that a history can be asked for it.

Nothing leads out of the repo, neither a path nor a link, and nothing is fetched: such a reference is a problem of
the unit at its own place. A loop of bases is one too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from headway.domain.rendering.place import ChartUse
from headway.domain.rendering.references import (
    Reference,
    References,
    chart_references,
    config_references,
    is_remote,
    kustomization_references,
    remote,
)
from headway.domain.rendering.unit import CHART, KUSTOMIZATIONS, Kind, Unit, joined
from headway.errors import ConfigError, Problem
from headway.systems.git.tree import FOLDER, LINK, MODULE, Trees

DEPTH, FILES, BYTES = 30, 5_000, 50 * 1024 * 1024
LINKS = 40
PARSED = 20_000
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(slots=True)
class _Walk:
    """What was come upon on the way through a unit's sources."""

    root: str
    reads: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    bases: set[str] = field(default_factory=set)
    with_helm: bool = False


class UnitSources:
    """Finds the sources of units; what a file names is remembered by the file's hash."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees
        self._parsed: dict[tuple[str, str], References] = {}

    def component(self, kind: Kind, sha: str) -> bool:
        """Return whether a kustomization's or a chart's own file says that it is only a part of others."""
        return self._references(kind, sha).component

    def unit(self, root: str, path: str, kind: Kind, entry: str, use: ChartUse) -> Unit:
        """Return a unit with everything that it reads at a root tree."""
        walk = _Walk(root)
        if kind == "kustomization":
            self._kustomization(path, (), walk)
        else:
            self._chart(use.path or path, (), walk)
            for values in use.values:
                self._file(Reference("file", values, 1, 1), "headway.yaml", values, walk)
        if len(walk.reads) > FILES:
            said = f"it reads {len(walk.reads)} files and folders, and {FILES} at most are rendered"
            walk.problems.append(Problem(entry, 1, 1, said))
        return Unit(
            path,
            kind,
            entry,
            dict(sorted(walk.reads.items())),
            tuple(sorted(set(walk.problems))),
            use if kind == "chart" else ChartUse(keep=use.keep),
            walk.with_helm,
            frozenset(walk.bases),
        )

    def remote_chart(self, root: str, use: ChartUse, said_in: str, line: int, column: int) -> Unit:
        """Return a chart that is elsewhere as a unit, with the values files of the repo that it reads."""
        assert use.remote is not None
        walk = _Walk(root)
        for values in use.values:
            self._file(Reference("file", values, line, column), said_in, values, walk)
        return Unit(
            use.remote.folder,
            "chart",
            said_in,
            dict(sorted(walk.reads.items())),
            tuple(sorted(set(walk.problems))),
            use,
            line=line,
            column=column,
        )

    def files(self, unit: Unit, root: str) -> dict[str, str]:
        """Return every file that a unit reads (path → hash of its content), those of whole folders too."""
        found: dict[str, str] = {}
        for path, sha in unit.reads.items():
            if not sha:
                continue
            at, mode, aim = self.at(root, path)
            if mode == FOLDER:
                found.update(self._below(root, path, aim, 0))
            elif at:
                found[path] = aim
            if len(found) > FILES:
                said = f"it reads more than {FILES} files"
                raise ConfigError([unit.problem(said)])
        return found

    def check(self, unit: Unit, files: Mapping[str, bytes]) -> None:
        """Raise ConfigError for contents that no tool should be given."""
        wrong = [
            Problem(path, 1, 1, "this is a pointer of Git LFS, and headway does not fetch what it points to")
            for path, data in files.items()
            if data.startswith(_POINTER)
        ]
        if sum(map(len, files.values())) > BYTES:
            wrong.append(unit.problem(f"it reads more than {BYTES // 1024**2} MB of files"))
        if wrong:
            raise ConfigError(wrong)

    # --- kustomizations ---

    def _kustomization(self, folder: str, above: tuple[str, ...], walk: _Walk) -> None:
        walk.bases.add(folder)
        _, _, tree = self.at(walk.root, folder)
        entries = self._trees.entries(tree)
        for name in KUSTOMIZATIONS:
            if name not in entries:
                continue
            file = f"{folder}/{name}" if folder else name
            sha = self._add(file, walk)
            refs = self._references("kustomization", sha) if sha else References()
            walk.problems += [replace(it, file=file) for it in refs.problems]
            walk.with_helm = walk.with_helm or refs.with_helm
            for ref in refs.found:
                self._follow(ref, file, folder, (*above, folder), walk)

    def _follow(self, ref: Reference, file: str, folder: str, above: tuple[str, ...], walk: _Walk) -> None:
        target = self._target(ref, file, folder, walk)
        if target is None:
            return
        if ref.role == "chart":
            self._local_chart(ref, file, target, above, walk)
            return
        _, mode, sha = self.at(walk.root, target)
        if mode == FOLDER and ref.role in ("any", "base", "config"):
            entries = self._trees.entries(sha)
            if not any(name in entries for name in KUSTOMIZATIONS):
                walk.reads[target] = sha
                said = f"{ref.written} is a folder without a kustomization.yaml: name its files, or write one there"
                walk.problems.append(ref.problem(file, said))
            elif target in above:
                loop = " → ".join(it or "." for it in (*above[above.index(target) :], target))
                walk.problems.append(ref.problem(file, f"a loop of bases: {loop}"))
            elif len(above) > DEPTH:
                walk.problems.append(ref.problem(file, f"more than {DEPTH} bases upon bases"))
            elif target not in walk.bases:
                self._kustomization(target, above, walk)
        elif ref.role == "base" and mode and mode != FOLDER:
            walk.problems.append(ref.problem(file, f"{ref.written} is a file, and a folder is expected"))
        elif self._file(ref, file, target, walk) and ref.role == "config":
            refs = self._references("config", walk.reads[target])
            walk.problems += [replace(it, file=target) for it in refs.problems]
            for each in refs.found:
                inner = joined(folder, each.written)
                if inner and not is_remote(each.written) and self.at(walk.root, inner)[1]:
                    self._add(inner, walk)

    # --- charts ---

    def _chart(self, folder: str, above: tuple[str, ...], walk: _Walk) -> None:
        walk.bases.add(folder)
        at, mode, tree = self.at(walk.root, folder)
        walk.reads[folder] = tree
        file = f"{folder}/{CHART}" if folder else CHART
        _, _, sha = self.at(walk.root, file)
        if mode != FOLDER or not sha or not at:
            said = f"there is no chart in {folder or '.'}/: it has no {CHART}"
            walk.problems.append(Problem(file, 1, 1, said))
            return
        refs = self._references("chart", sha)
        walk.problems += [replace(it, file=file) for it in refs.problems]
        packed = self._packed(walk.root, folder)
        for ref in refs.found:
            if ref.role == "base":
                target = self._target(ref, file, folder, walk)
                if target is None or target in (*above, folder):
                    continue
                self._chart(target, (*above, folder), walk)
            elif not any(name == ref.written or name.startswith(f"{ref.written}-") for name in packed):
                said = (
                    f"the chart {ref.written}, on which this one depends, is not in charts/: run `helm dependency "
                    "build` and commit what it puts there; nothing is fetched while rendering"
                )
                walk.problems.append(ref.problem(file, said))

    def _packed(self, root: str, folder: str) -> list[str]:
        _, mode, tree = self.at(root, f"{folder}/charts" if folder else "charts")
        return list(self._trees.entries(tree)) if mode == FOLDER else []

    def _local_chart(
        self, ref: Reference, file: str, target: str, above: tuple[str, ...], walk: _Walk
    ) -> None:
        """Take a chart that a kustomization inflates; without it, kustomize would fetch it."""
        if self.at(walk.root, target)[1] == FOLDER:
            self._chart(target, above, walk)
            return
        walk.reads[target] = ""
        folder = file.rpartition("/")[0] or "."
        said = (
            f"the chart is not in {target}/, and nothing is fetched while rendering: run `{ref.vendor}` in {folder}/ "
            "and commit what it puts there"
        )
        walk.problems.append(ref.problem(file, said))

    # --- paths ---

    def _target(self, ref: Reference, file: str, folder: str, walk: _Walk) -> str | None:
        if is_remote(ref.written):
            walk.problems.append(ref.problem(file, remote(ref.written)))
            return None
        target = joined(folder, ref.written)
        if target is None:
            walk.problems.append(ref.problem(file, f"{ref.written} leads out of the config repo"))
        return target

    def _file(self, ref: Reference, file: str, target: str, walk: _Walk) -> bool:
        sha = self._add(target, walk)
        if not sha:
            walk.problems.append(ref.problem(file, f"there is no {target}, which {ref.written} names"))
        return bool(sha)

    def _add(self, path: str, walk: _Walk) -> str:
        """Note what a path names; return its hash, empty where nothing is there that may be read."""
        at, mode, sha = self.at(walk.root, path)
        walk.reads[path] = sha if mode and mode != MODULE and at else ""
        return walk.reads[path]

    def at(self, root: str, path: str) -> tuple[str, str, str]:
        """Return where a path leads, through links, and the mode and hash there; three empty texts where nowhere."""
        parts = path.split("/") if path else []
        at: list[str] = []
        left = LINKS
        trail = [(FOLDER, root)]
        while parts:
            name = parts.pop(0)
            if name == "..":
                if not at:
                    return "", "", ""
                at.pop()
                trail.pop()
                continue
            mode, sha = trail[-1]
            item = self._trees.entries(sha).get(name) if mode == FOLDER else None
            if item is None:
                return "", "", ""
            if item.mode != LINK:
                at.append(name)
                trail.append((item.mode, item.sha))
                continue
            aim, left = self._trees.read(item.sha).decode("utf-8", "surrogateescape"), left - 1
            if aim.startswith("/") or not left:
                return "", "", ""
            parts = [it for it in aim.split("/") if it not in ("", ".")] + parts
        return "/".join(at) or ".", *trail[-1]

    def _below(self, root: str, folder: str, tree: str, depth: int) -> Iterator[tuple[str, str]]:
        for name, item in self._trees.entries(tree).items():
            path = f"{folder}/{name}" if folder else name
            mode, sha = item.mode, item.sha
            if mode == LINK:
                _, mode, sha = self.at(root, path)
            if mode == FOLDER and depth < DEPTH:
                yield from self._below(root, path, sha, depth + 1)
            elif mode.startswith("100"):
                yield path, sha

    def _references(self, kind: str, sha: str) -> References:
        key = (kind, sha)
        found = self._parsed.get(key)
        if found is None:
            if len(self._parsed) >= PARSED:
                self._parsed.clear()
            found = self._parsed[key] = _PARSERS[kind](self._trees.read(sha))
        return found


_PARSERS: Mapping[str, Callable[[bytes], References]] = {
    "kustomization": kustomization_references,
    "config": config_references,
    "chart": chart_references,
}
