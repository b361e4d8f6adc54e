"""Reads and writes Git's trees: what lies in a folder at a commit, and a folder with some files changed.

Only the trees on the way to a changed file are written, so the cost does not grow with
the repo. It refuses links, submodules and paths that lead out of the repo.
"""

from __future__ import annotations

import posixpath
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from headway.domain.manifests import unrendered
from headway.errors import ConfigError, Problem, UsageError
from headway.systems.git import Mirror

MANIFESTS = (".yaml", ".yml", ".json")
OWN_FILES = frozenset({"headway.yaml", "holds.yaml"})
"""At the root of the repo, about environments and not in one."""
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
FOLDER, FILE, LINK, MODULE = "40000", "100644", "120000", "160000"
KEPT = 4096

_ENTRY = re.compile(rb"(\d+) ([^\0]+)\0(.{20})", re.DOTALL)


class Item(NamedTuple):
    """One name in a folder."""

    mode: str
    sha: str


@dataclass(frozen=True, slots=True)
class Tree:
    """The manifests below a folder at a commit: path in the repo → SHA-1 of the content.

    `sha` is the folder's own hash, equal exactly when nothing in it differs; empty where there is no folder.
    """

    path: str
    sha: str
    files: Mapping[str, str] = field(default_factory=dict)


def folder_path(path: str) -> str:
    """Bring a folder's path to its plain form, `""` for the root; refuse one outside the repo."""
    plain = posixpath.normpath(path or ".")
    if plain.startswith(("/", "../")) or plain == ".." or "\0" in plain:
        raise UsageError(
            f"the path {path!r} leads out of the config repo", hint="name a folder below its root"
        )
    if ".git" in plain.lower().split("/"):
        raise UsageError(f"the path {path!r} cannot be in a Git repo", hint="choose another folder")
    return "" if plain == "." else plain


class Trees:
    """The trees of one mirror, remembered by hash."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._seen: OrderedDict[str, Mapping[str, Item]] = OrderedDict()

    def entries(self, sha: str) -> Mapping[str, Item]:
        """Give what a folder holds, by name."""
        found = self._seen.get(sha)
        if found is None:
            found = self._keep(sha, self._mirror.read(sha) if sha != EMPTY_TREE else b"")
        return found

    def read_ahead(self, shas: Iterable[str]) -> None:
        """Read trees that are going to be asked for, all at once."""
        unknown = [it for it in dict.fromkeys(shas) if it not in self._seen and it != EMPTY_TREE]
        for sha, raw in zip(unknown, self._mirror.read_many(unknown), strict=True):
            self._keep(sha, raw)

    def _keep(self, sha: str, raw: bytes) -> Mapping[str, Item]:
        found = {
            name.decode("utf-8", "surrogateescape"): Item(mode.decode(), binary.hex())
            for mode, name, binary in _ENTRY.findall(raw)
        }
        self._seen[sha] = found
        while len(self._seen) > KEPT:
            try:
                self._seen.popitem(last=False)
            except KeyError:
                break
        return found

    def at(self, root: str, path: str) -> Item | None:
        """Find what a path names below a root tree; None where there is nothing."""
        item = Item(FOLDER, root)
        for name in path.split("/") if path else ():
            if item.mode != FOLDER:
                return None
            below = self.entries(item.sha).get(name)
            if below is None:
                return None
            item = below
        return item

    def manifests(self, root: str, path: str) -> Tree:
        """List the manifests below a folder; names that start with a dot are left out.

        Raises UsageError for links, submodules and a path that is a file, ConfigError for what
        would have to be rendered first.
        """
        folder = folder_path(path)
        top = self.at(root, folder)
        if top is None:
            self._refuse_linked_parent(root, folder)
            return Tree(folder, "")
        if top.mode == LINK:
            raise _link(folder)
        if top.mode != FOLDER:
            raise UsageError(f"{folder} is not a folder", hint="correct `path` in headway.yaml")
        files: dict[str, str] = {}
        rendered: list[Problem] = []
        waiting = [(folder, top.sha)]
        while waiting:
            above, sha = waiting.pop()
            for name, item in self.entries(sha).items():
                if name.startswith("."):
                    continue
                full = f"{above}/{name}" if above else name
                if item.mode == FOLDER:
                    waiting.append((full, item.sha))
                elif item.mode == MODULE:
                    raise UsageError(
                        f"{full} is a submodule: its files are not in the config repo",
                        hint="put the manifests themselves into the config repo",
                    )
                elif item.mode == LINK:
                    self._refuse_link(root, full, item.sha)
                elif problem := unrendered(full):
                    rendered.append(problem)
                elif name.endswith(MANIFESTS) and full not in OWN_FILES:
                    files[full] = item.sha
        if rendered:
            raise ConfigError(rendered, hint=f"nothing of {folder or '.'}/ is applied or pruned meanwhile")
        return Tree(folder, top.sha, dict(sorted(files.items())))

    def _refuse_link(self, root: str, path: str, sha: str) -> None:
        target = self._mirror.read(sha).decode("utf-8", "surrogateescape")
        plain = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if target.startswith("/") or plain == ".." or plain.startswith("../"):
            raise UsageError(
                f"{path} is a symbolic link out of the config repo (to {target})",
                hint="put a copy of the file there instead",
            )
        aim = self.at(root, "" if plain == "." else plain)
        # A link to a text beside the manifests harms nobody; one that would add manifests must not be overlooked.
        if path.endswith(MANIFESTS) or (aim is not None and aim.mode in {FOLDER, LINK, MODULE}):
            raise _link(path)

    def _refuse_linked_parent(self, root: str, folder: str) -> None:
        parts = folder.split("/")
        for count in range(1, len(parts)):
            above = self.at(root, "/".join(parts[:count]))
            if above is not None and above.mode == LINK:
                raise _link("/".join(parts[:count]))

    def changed(
        self, root: str, files: Mapping[str, bytes | None], folders: Mapping[str, str] | None = None
    ) -> str:
        """Write a root tree with files changed (None: removed) and whole folders set to a tree; give its hash.

        A file that is there keeps its mode. Raises UsageError for a path that runs through a file or a link.
        """
        plan: dict[str, object] = {}
        for path, tree in (folders or {}).items():
            if not (plain := folder_path(path)):
                root = tree
                continue
            _put(plan, plain, Item(FOLDER, tree) if tree not in {"", EMPTY_TREE} else None)
        for path, content in files.items():
            plain = folder_path(path)
            if not plain:
                raise UsageError(f"{path!r} is not a file's path")
            _put(plan, plain, content)
        return self._write(root, plan) or EMPTY_TREE

    def _write(self, sha: str, plan: Mapping[str, object]) -> str:
        """Give the tree `sha` with the plan carried out; empty where nothing is left."""
        before = self.entries(sha) if sha else {}
        after = dict(before)
        for name, change in plan.items():
            old = before.get(name)
            if isinstance(change, dict):
                if old is not None and old.mode != FOLDER:
                    raise UsageError(f"{name} is not a folder", hint="a path of a change runs through it")
                tree = self._write(old.sha if old else "", change)
                new = Item(FOLDER, tree) if tree else None
            elif isinstance(change, bytes):
                if old is not None and not old.mode.startswith("100"):
                    raise UsageError(f"{name} is not a plain file", hint="headway edits plain files only")
                new = Item(old.mode if old else FILE, self._mirror.write("blob", change))
            else:
                new = change if isinstance(change, Item) else None
            if new is None:
                after.pop(name, None)
            else:
                after[name] = new
        if after == before:
            return sha
        return self._mirror.write("tree", _encode(after)) if after else ""


def _encode(entries: Mapping[str, Item]) -> bytes:
    rows = [(name.encode("utf-8", "surrogateescape"), item) for name, item in entries.items()]
    # Git's order takes a folder's name with a slash at its end.
    rows.sort(key=lambda row: row[0] + b"/" if row[1].mode == FOLDER else row[0])
    return b"".join(b"%s %s\0%s" % (item.mode.encode(), name, bytes.fromhex(item.sha)) for name, item in rows)


def _put(plan: dict[str, object], path: str, change: object) -> None:
    *above, last = path.split("/")
    here = plan
    for name in above:
        below = here.setdefault(name, {})
        if not isinstance(below, dict):
            raise UsageError(f"{path} lies in a folder that the same change replaces")
        here = below
    if isinstance(here.get(last), dict):
        raise UsageError(f"{path} is replaced by the same change that edits a file in it")
    here[last] = change


def _link(path: str) -> UsageError:
    return UsageError(
        f"{path} is a symbolic link, and headway does not follow links in a config repo",
        hint="put the file or folder itself there",
    )
