"""Reads and writes Git's trees: what lies in a folder at a commit, and a folder with some files changed.

Only the trees on the way to a changed file are written, so the cost does not grow with
the repo. Links to files of the repo are followed; those that lead elsewhere, and submodules, are problems.
"""

from __future__ import annotations

import posixpath
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from headway.domain.manifests.ignoring import FILE as IGNORE_FILE
from headway.domain.manifests.ignoring import Rule, is_ignored, parse_rules
from headway.domain.manifests.index import unrendered
from headway.errors import ConfigError, Problem, UsageError

MANIFESTS = (".yaml", ".yml", ".json")
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


@dataclass(frozen=True, slots=True)
class Tree:
    """The manifests below a folder at a commit: path in the repo → SHA-1 of the content.

    `sha` is the folder's own hash, equal exactly when nothing in it differs; empty where there is no folder.
    `links` are those files that are links, and what they point to; `problems` what is no file to read.
    """

    path: str
    sha: str
    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Found:
    """What a walk through a folder has come upon."""

    rules: list[Rule]
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    rendered: list[Problem] = field(default_factory=list)

    def refuse(self, path: str, said: str) -> None:
        """Note that a path is none to read."""
        self.problems.append(Problem(path, 1, 1, said))


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

    def manifests(self, root: str, path: str, rules: Iterable[Rule] = ()) -> Tree:
        """Return the manifests below a folder; names that start with a dot and what is ignored are left out.

        `rules` come before those of `.headwayignore` files. Raises UsageError for a path that is a file
        or a link, ConfigError for what would have to be rendered first.
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
        found = _Found(list(rules))
        for count in range(folder.count("/") + 1 if folder else 0):
            above = "/".join(folder.split("/")[:count])
            self._add_rules(root, above, found)
            if is_ignored(found.rules, "/".join(folder.split("/")[: count + 1]), folder=True):
                return Tree(folder, top.sha)
        waiting = [(folder, top.sha)]
        while waiting:
            waiting += self._look_into(root, *waiting.pop(), found)
        if found.rendered:
            raise ConfigError(
                found.rendered, hint=f"nothing of {folder or '.'}/ is applied or pruned meanwhile"
            )
        files = dict(sorted(found.files.items()))
        return Tree(folder, top.sha, files, found.links, tuple(sorted(found.problems)))

    def _look_into(self, root: str, above: str, sha: str, found: _Found) -> list[tuple[str, str]]:
        """Sort what a folder holds; return the folders in it."""
        self._add_rules(root, above, found)
        below: list[tuple[str, str]] = []
        for name, item in self.entries(sha).items():
            full = f"{above}/{name}" if above else name
            is_folder = item.mode == FOLDER
            if name.startswith(".") or is_ignored(found.rules, full, folder=is_folder):
                continue
            if is_folder:
                below.append((full, item.sha))
            elif item.mode == MODULE:
                found.refuse(full, "this is a submodule: its files are not in the config repo; put them here")
            elif problem := unrendered(full):
                found.rendered.append(problem)
            elif item.mode == LINK:
                self._follow(root, full, item.sha, found)
            elif name.endswith(MANIFESTS) and not _is_own(name, self.entries(sha)):
                found.files[full] = item.sha
        return below

    def _add_rules(self, root: str, folder: str, found: _Found) -> None:
        """Add the rules of a folder's `.headwayignore`."""
        path = f"{folder}/{IGNORE_FILE}" if folder else IGNORE_FILE
        item = self.at(root, path)
        if item is None:
            return
        if item.mode in (FOLDER, LINK, MODULE):
            found.refuse(path, "a plain file is expected here")
            return
        text = self._mirror.read(item.sha).decode("utf-8", "replace")
        found.rules += parse_rules(text.split("\n"), folder)

    def _follow(self, root: str, path: str, sha: str, found: _Found) -> None:
        """Take what a link to a file of the repo points to; refuse one that leads elsewhere."""
        at = path
        for _ in range(LINKS):
            target = self._mirror.read(sha).decode("utf-8", "surrogateescape")
            at = posixpath.normpath(posixpath.join(posixpath.dirname(at), target))
            if target.startswith("/") or at == ".." or at.startswith("../"):
                said = f"this is a symbolic link out of the config repo (to {target}); put a copy of the file here"
                found.refuse(path, said)
                return
            aim = self.at(root, "" if at == "." else at)
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
            above = self.at(root, "/".join(parts[:count]))
            if above is not None and above.mode == LINK:
                raise _link("/".join(parts[:count]))

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


def _is_own(name: str, beside: Mapping[str, Item]) -> bool:
    """Return whether a file is headway's own: an application's headway.yaml, or the holds.yaml beside it."""
    return name == "headway.yaml" or (name == "holds.yaml" and "headway.yaml" in beside)


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


def _link(path: str) -> UsageError:
    return UsageError(
        f"{path} is a symbolic link, and headway does not follow links in a config repo",
        hint="put the file or folder itself there",
    )
