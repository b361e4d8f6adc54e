"""Reads and writes Git's trees: what a path names at a commit, and a tree with some files changed.

Only the trees on the way to a changed file are written, so the cost does not grow with the repo.
"""

from __future__ import annotations

import posixpath
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from headway.errors import ConfigError, Problem, UsageError

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
FOLDER, FILE, LINK, MODULE = "40000", "100644", "120000", "160000"
KEPT = 4096
LINKS = 10
"""Links on the way to one file."""

_ENTRY = re.compile(rb"(\d+) ([^\0]+)\0(.{20})", re.DOTALL)


class Item(NamedTuple):
    """One name in a folder."""

    mode: str
    sha: str


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


class Objects(Protocol):
    """Where objects are: a mirror, or a folder that is read as if it were a commit."""

    def read(self, sha: str) -> bytes:
        """Read one object."""

    def read_many(self, shas: Sequence[str]) -> Iterator[bytes]:
        """Read several, in the order given."""

    def write(self, kind: str, content: bytes) -> str:
        """Write one; return its hash."""


class Trees:
    """The trees of one mirror, remembered by hash."""

    def __init__(self, mirror: Objects) -> None:
        self._mirror = mirror
        self._seen: OrderedDict[str, Mapping[str, Item]] = OrderedDict()

    def entries(self, sha: str) -> Mapping[str, Item]:
        """Return what a folder holds, by name."""
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
        """Return what a path names below a root tree; None where there is nothing."""
        item = Item(FOLDER, root)
        for name in path.split("/") if path else ():
            if item.mode != FOLDER:
                return None
            below = self.entries(item.sha).get(name)
            if below is None:
                return None
            item = below
        return item

    def own_file(self, root: str, path: str) -> bytes | None:
        """Read one of headway's own files; None where there is none, ConfigError where it is no plain file."""
        item = self.at(root, path)
        if item is None:
            return None
        if not item.mode.startswith("100"):
            what = {FOLDER: "a folder", LINK: "a symbolic link"}.get(item.mode, "a submodule")
            raise ConfigError(
                [Problem(path, 1, 1, f"this is {what}, and a plain file is expected")],
                hint=f"put the file itself at {path}; headway does not release past what it cannot read",
            )
        return self._mirror.read(item.sha)

    def read(self, sha: str) -> bytes:
        """Return a file's content."""
        return self._mirror.read(sha)

    def read_many(self, shas: Sequence[str]) -> Iterator[bytes]:
        """Return the contents of files, in the order given."""
        return self._mirror.read_many(shas)

    def changed(
        self, root: str, files: Mapping[str, bytes | None], folders: Mapping[str, str] | None = None
    ) -> str:
        """Write a root tree with files changed (None: removed) and whole folders set to a tree; return its hash.

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
        """Return the tree `sha` with the plan applied; empty where nothing is left."""
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
        return self._mirror.write("tree", encode(after)) if after else ""


def encode(entries: Mapping[str, Item]) -> bytes:
    """Return a tree as Git writes it."""
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
