"""Reads what lies in an environment's folder at a commit: its manifests, and the units that are rendered.

Links to files of the repo are followed; those that lead elsewhere, and submodules, are problems. A plain folder's
state is its own hash; that of one with units is what these read besides, so that a base's change is a change of it.
Which chart from elsewhere is rendered, each commit's own headway.yaml says.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from headway.domain.manifests.ignoring import FILE as IGNORE_FILE
from headway.domain.manifests.ignoring import Rule, is_ignored, parse_rules
from headway.domain.rendering.place import Place, SaidChart
from headway.domain.rendering.unit import CHART, RENDERING, Kind, Unit, kind_of, leaves, state_of
from headway.errors import Problem, UsageError
from headway.systems.git.tree import FOLDER, LINK, LINKS, MODULE, Item, Trees, folder_path
from headway.systems.git.unit_sources import UnitSources

MANIFESTS = (".yaml", ".yml", ".json")
REMEMBERED = 250_000
"""Folders of which it is known whether a unit is in them."""
REMEMBERED_CHARTS = 10_000
"""Versions of headway.yaml of which it is known which chart they say."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The manifests below a folder at a commit: path in the repo → SHA-1 of the content.

    `sha` is the folder's own hash, equal exactly when nothing in it differs; empty where there is no folder.
    `links` are those files that are links, and what they point to; `problems` what is no file to read. `units` are
    what has to be rendered; `state` is equal exactly when the folder and all that its units read are. `root` is the
    tree that all of it is in.
    """

    path: str
    sha: str
    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    units: tuple[Unit, ...] = ()
    state: str = ""
    root: str = ""


@dataclass(slots=True)
class _Found:
    """What a walk through a folder has come upon."""

    rules: list[Rule]
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    units: list[tuple[str, Kind, str]] = field(default_factory=list)
    ignoring: dict[str, str] = field(default_factory=dict)

    def refuse(self, path: str, said: str) -> None:
        """Note that a path is none to read."""
        self.problems.append(Problem(path, 1, 1, said))


@dataclass(frozen=True, slots=True)
class _Resolved:
    """What a place with units was found to be, and what that rests on."""

    tree: Tree
    ignoring: Mapping[str, str]
    said: SaidChart | None

    def holds(self, trees: Trees, sources: UnitSources, root: str) -> bool:
        """Return whether another root tree has the same: nothing is parsed to see it."""
        item = trees.at(root, self.tree.path)
        if (item.sha if item is not None else "") != self.tree.sha:
            return False
        for path, sha in self.ignoring.items():
            item = trees.at(root, path)
            if (item.sha if item is not None else "") != sha:
                return False
        reads = (it for unit in self.tree.units for it in unit.outside(self.tree.path).items())
        return all(sources.at(root, path)[2] == sha for path, sha in reads)


class Folders:
    """The environments' folders of one mirror, at any of its root trees."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees
        self._plain: dict[str, bool] = {}
        self._resolved: dict[Place, _Resolved] = {}
        self._said: dict[tuple[str, Place], SaidChart] = {}
        self.sources = UnitSources(trees)

    def state(self, root: str, where: str | Place) -> str:
        """Return the hash of what a place is made of; empty where there is nothing.

        For a plain folder it is the folder's own, at the cost of no more than that.
        """
        place = Place.of(where)
        folder = folder_path(place.path)
        item = self._trees.at(root, folder)
        sha = item.sha if item is not None else ""
        if not place.chart.is_named and (item is None or item.mode != FOLDER or self._is_plain(item.sha)):
            return sha
        try:
            return self.manifests(root, place).state
        except UsageError:
            return sha

    def contents(self, tree: Tree, unit: Unit) -> dict[str, bytes]:
        """Return the files that a unit of a tree reads; raise ConfigError for what no tool should be given."""
        shas = self.sources.files(unit, tree.root)
        files = dict(zip(shas, self._trees.read_many(list(shas.values())), strict=True))
        self.sources.check(unit, files)
        return files

    def outside(self, root: str, place: Place) -> frozenset[str]:
        """Return the paths that a place's units read outside of its folder."""
        item = self._trees.at(root, folder_path(place.path))
        if not place.chart.is_named and (item is None or item.mode != FOLDER or self._is_plain(item.sha)):
            return frozenset()
        try:
            tree = self.manifests(root, place)
        except UsageError:
            return frozenset()
        said_in = [place.said_in] if place.said_in else []
        return frozenset([*said_in, *(path for unit in tree.units for path in unit.outside(tree.path))])

    def _said_chart(self, root: str, place: Place) -> SaidChart:
        """Return a place's chart as it is at a root tree: one from elsewhere is what the headway.yaml there says."""
        item = self._trees.at(root, place.said_in)
        if item is None or not item.mode.startswith("100"):
            return SaidChart(place.chart)
        from headway.domain.config.chart_pin import said_chart

        known = self._said.get((item.sha, place))
        if known is None:
            if len(self._said) >= REMEMBERED_CHARTS:
                self._said.clear()
            known = self._said[item.sha, place] = said_chart(self._trees.read(item.sha), place)
        return known

    def _is_plain(self, sha: str) -> bool:
        """Return whether nothing in a folder makes a unit."""
        known = self._plain.get(sha)
        if known is None:
            entries = self._trees.entries(sha)
            below = [it.sha for name, it in entries.items() if it.mode == FOLDER and not name.startswith(".")]
            self._trees.read_ahead(below)
            known = not RENDERING & entries.keys() and all(map(self._is_plain, below))
            if len(self._plain) >= REMEMBERED:
                self._plain.clear()
            self._plain[sha] = known
        return known

    def manifests(self, root: str, where: str | Place) -> Tree:
        """Return what is in an environment's folder; names that start with a dot and what is ignored are left out.

        A place's own patterns come before those of `.headwayignore` files. Raises UsageError for a path that is
        a file or a link.
        """
        place = Place.of(where)
        known = self._resolved.get(place)
        said = self._said_chart(root, place) if place.said_in else None
        if known is not None and known.said == said and known.holds(self._trees, self.sources, root):
            return replace(known.tree, root=root)
        tree, found = self._walk(root, place, said or SaidChart(place.chart))
        if tree.units:
            self._resolved[place] = _Resolved(tree, found.ignoring, said)
        return tree

    def _walk(self, root: str, place: Place, said: SaidChart) -> tuple[Tree, _Found]:
        folder = folder_path(place.path)
        found = _Found(parse_rules(place.ignore))
        top = self._trees.at(root, folder)
        if top is None:
            self._refuse_linked_parent(root, folder)
            return self._tree(root, place, said, folder, "", found), found
        if top.mode == LINK:
            raise _link(folder)
        if top.mode != FOLDER:
            raise UsageError(f"{folder} is not a folder", hint="correct `path` in headway.yaml")
        for count in range(folder.count("/") + 1 if folder else 0):
            above = "/".join(folder.split("/")[:count])
            self._add_rules(root, above, found)
            if is_ignored(found.rules, "/".join(folder.split("/")[: count + 1]), folder=True):
                return Tree(folder, top.sha, state=top.sha, root=root), found
        waiting = [(folder, top.sha)]
        while waiting:
            waiting += self._look_into(root, *waiting.pop(), found)
        return self._tree(root, place, said, folder, top.sha, found), found

    def _tree(self, root: str, place: Place, said: SaidChart, folder: str, sha: str, found: _Found) -> Tree:
        """Make a tree of what was found, its units with all that they read."""
        use, units = said.use, []
        for path, kind, entry in sorted(found.units):
            if path != use.path:
                own = replace(use, path="", remote=None)
                units.append(self.sources.unit(root, path, kind, entry, own))
        units = list(leaves(units))
        if use.path:
            entry = f"{use.path}/{CHART}"
            units.append(self.sources.unit(root, use.path, "chart", entry, use))
        elif use.remote is not None:
            units.append(self.sources.remote_chart(root, use, place.said_in, said.line, said.column))
        values = {path for unit in units for path in unit.chart.values}
        files = {path: it for path, it in sorted(found.files.items()) if path not in values}
        outside = {path: it for unit in units for path, it in unit.outside(folder).items()}
        if use.remote is not None:
            outside[place.said_in] = str(use.remote)
        return Tree(
            folder,
            sha,
            files,
            found.links,
            tuple(sorted(found.problems)),
            tuple(units),
            state_of(sha, outside),
            root,
        )

    def _look_into(self, root: str, above: str, sha: str, found: _Found) -> list[tuple[str, str]]:
        """Sort what a folder holds; return the folders in it."""
        self._add_rules(root, above, found)
        below: list[tuple[str, str]] = []
        entries = self._trees.entries(sha)
        if RENDERING & entries.keys() and self._is_unit(above, entries, found):
            return []
        for name, item in entries.items():
            full = f"{above}/{name}" if above else name
            is_folder = item.mode == FOLDER
            if name.startswith(".") or is_ignored(found.rules, full, folder=is_folder):
                continue
            if is_folder:
                below.append((full, item.sha))
            elif item.mode == MODULE:
                found.refuse(full, "this is a submodule: its files are not in the config repo; put them here")
            elif item.mode == LINK:
                self._follow(root, full, item.sha, found)
            elif name.endswith(MANIFESTS) and not _is_own(name, entries):
                found.files[full] = item.sha
        return below

    def _is_unit(self, folder: str, entries: Mapping[str, Item], found: _Found) -> bool:
        """Note a folder that is rendered; what is only a part of others is none by itself."""
        paths = {name: f"{folder}/{name}" if folder else name for name in RENDERING & entries.keys()}
        names = [name for name, path in paths.items() if not is_ignored(found.rules, path, folder=False)]
        made = kind_of(names)
        if made is None:
            return False
        kind, entry = made
        if not entries[entry].mode.startswith("100") or not self.sources.component(kind, entries[entry].sha):
            found.units.append((folder, kind, paths[entry]))
        return True

    def _add_rules(self, root: str, folder: str, found: _Found) -> None:
        """Add the rules of a folder's `.headwayignore`."""
        path = f"{folder}/{IGNORE_FILE}" if folder else IGNORE_FILE
        item = self._trees.at(root, path)
        found.ignoring[path] = item.sha if item is not None else ""
        if item is None:
            return
        if item.mode in (FOLDER, LINK, MODULE):
            found.refuse(path, "a plain file is expected here")
            return
        text = self._trees.read(item.sha).decode("utf-8", "replace")
        found.rules += parse_rules(text.split("\n"), folder)

    def _follow(self, root: str, path: str, sha: str, found: _Found) -> None:
        """Take what a link to a file of the repo points to; refuse one that leads elsewhere."""
        at = path
        for _ in range(LINKS):
            target = self._trees.read(sha).decode("utf-8", "surrogateescape")
            at = posixpath.normpath(posixpath.join(posixpath.dirname(at), target))
            if target.startswith("/") or at == ".." or at.startswith("../"):
                said = f"this is a symbolic link out of the config repo (to {target}); put a copy of the file here"
                found.refuse(path, said)
                return
            aim = self._trees.at(root, "" if at == "." else at)
            if aim is None or aim.mode != LINK:
                break
            sha = aim.sha
        else:
            aim = None
        if aim is not None and aim.mode.startswith("100"):
            # A link to a text beside the manifests brings nothing in.
            if path.endswith(MANIFESTS):
                found.files[path], found.links[path] = aim.sha, at
        elif aim is not None:
            found.refuse(path, f"this is a symbolic link to a folder ({target}), which is not followed")
        elif path.endswith(MANIFESTS):
            found.refuse(path, f"this is a symbolic link to nothing ({target})")

    def _refuse_linked_parent(self, root: str, folder: str) -> None:
        parts = folder.split("/")
        for count in range(1, len(parts)):
            above = self._trees.at(root, "/".join(parts[:count]))
            if above is not None and above.mode == LINK:
                raise _link("/".join(parts[:count]))


def _link(path: str) -> UsageError:
    return UsageError(
        f"{path} is a symbolic link, and headway does not follow links in a config repo",
        hint="put the file or folder itself there",
    )


def _is_own(name: str, beside: Mapping[str, Item]) -> bool:
    """Return whether a file is headway's own: an application's headway.yaml, or the holds.yaml beside it."""
    return name == "headway.yaml" or (name == "holds.yaml" and "headway.yaml" in beside)
