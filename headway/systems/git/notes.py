"""Reads and writes the Git notes under refs/notes/headway, one note for each commit.

Git spreads notes over folders by their first digits as it likes; any spread is read
here, and a new note goes to 2/38 so that a note's cost does not grow with their number.
A note's lines are only ever added to.
"""

from __future__ import annotations

from collections.abc import Iterable

from headway.systems.git.mirror import Mirror, seen
from headway.systems.git.tree import FOLDER, Trees


class Notes:
    """The notes of one mirror, as they were when the remote was last looked at."""

    def __init__(self, mirror: Mirror, trees: Trees, ref: str) -> None:
        self._mirror = mirror
        self._ref = ref
        self._trees = trees

    def head(self) -> str | None:
        """Return the newest commit of the notes; None where nothing was ever noted, or the ref names no commit."""
        found = self._mirror.find(seen(self._ref))
        return found[0] if found is not None and found[1] == "commit" else None

    def read(self, commits: Iterable[str]) -> dict[str, str]:
        """Return the notes of commits; those that have none are left out."""
        head = self.head()
        if head is None:
            return {}
        root = tree_of(self._mirror, head)
        paths = {commit: self._paths(root, commit) for commit in commits}
        blobs = [sha for found in paths.values() for _, sha in found]
        texts = dict(zip(blobs, self._mirror.read_many(blobs), strict=True))
        return {
            commit: "\n".join(texts[sha].decode("utf-8", "replace").rstrip("\n") for _, sha in found)
            for commit, found in paths.items()
            if found
        }

    def appended(self, head: str | None, commit: str, line: str) -> str | None:
        """Write the notes' tree with one more line for a commit; None where the line is there already."""
        root = tree_of(self._mirror, head) if head else ""
        paths = self._paths(root, commit) if root else []
        if not paths:
            return self._trees.changed(root, {self._free_place(root, commit): f"{line}\n".encode()})
        path, sha = paths[0]
        text = self._mirror.read(sha)
        if line.encode() in text.split(b"\n"):
            return None
        return self._trees.changed(root, {path: text.rstrip(b"\n") + f"\n{line}\n".encode()})

    def _paths(self, root: str, commit: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        above, rest, tree = "", commit, root
        while True:
            entries = self._trees.entries(tree)
            whole, below = entries.get(rest), entries.get(rest[:2])
            if whole is not None and whole.mode.startswith("100"):
                found.append((above + rest, whole.sha))
            if len(rest) <= 2 or below is None or below.mode != FOLDER:
                return found
            above, rest, tree = f"{above}{rest[:2]}/", rest[2:], below.sha

    def _free_place(self, root: str, commit: str) -> str:
        """Return the place for a new note: 2/38, or deeper where Git has gone deeper there."""
        path, rest = f"{commit[:2]}/", commit[2:]
        item = self._trees.at(root, commit[:2]) if root else None
        while item is not None and item.mode == FOLDER:
            item = self._trees.entries(item.sha).get(rest[:2])
            if item is not None and item.mode == FOLDER:
                path, rest = f"{path}{rest[:2]}/", rest[2:]
        return path + rest


def tree_of(mirror: Mirror, commit: str) -> str:
    """Return a commit's root tree."""
    return mirror.read(commit)[5:45].decode()
