"""Says which commits of the branch gave a folder a state of its own, merge commits included.

A plain commit does where the folder differs from its parent's. A merge does where it had something
to decide: more than one side had changed the folder since they parted. Where one side only had, the
merge brought what that side's own commit says, and that commit stays the one that is named. Who
merged into whom is not asked: a merge button and a `git pull` put the parents the other way round.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from headway.domain.rendering.place import Place
from headway.systems.git.commits import Commits
from headway.systems.git.folders import Folders
from headway.systems.git.mirror import Mirror
from headway.systems.git.tree import Trees, folder_path

STEPS = 300
"""Commits looked at in this process before one `git log` is cheaper."""


class FolderStates:
    """The states that the folders and files of one mirror have been through."""

    def __init__(self, mirror: Mirror, commits: Commits, trees: Trees, folders: Folders) -> None:
        self._mirror, self._commits, self._trees, self._folders = mirror, commits, trees, folders
        self._last: dict[str | Place, tuple[str, str]] = {}

    def sha(self, commit: str, where: str | Place) -> str:
        """Return the hash of what a plain path names at a commit, or of all that a place is made of.

        It is empty where there is nothing.
        """
        tree = self._commits.get(commit).tree
        if isinstance(where, Place):
            return self._folders.state(tree, where)
        item = self._trees.at(tree, where)
        return item.sha if item else ""

    def outside(self, commit: str, where: str | Place) -> frozenset[str]:
        """Return what a place's units read at a commit, outside of its folder."""
        if not isinstance(where, Place):
            return frozenset()
        return self._folders.outside(self._commits.get(commit).tree, where)

    def read_ahead(self, merges: Iterable[str]) -> None:
        """Read what `decided` will ask for, all at once: three conversations with Git in the place of thousands."""
        merges = list(merges)
        self._commits.read_ahead(merges)
        sides = [it for merge in merges for it in (merge, *self._commits.get(merge).parents)]
        self._commits.read_ahead(sides)
        self._trees.read_ahead(self._commits.get(it).tree for it in sides)

    def decided(self, commit: str, path: str | Place) -> bool:
        """Return whether a commit gave a plain path or a place a state of its own."""
        return self._kept(commit, self._commits.get(commit).parents, path) is None

    def last_change(self, head: str, where: str | Place) -> str:
        """Return the newest commit that made a folder what it is at `head`."""
        folder = where if isinstance(where, Place) else folder_path(where)
        known_head, known = self._last.get(folder, ("", ""))
        at = head
        for _ in range(STEPS):
            if at == known_head:
                found = known
                break
            kept = self._kept(at, self._commits.get(at).parents, folder)
            if kept is None:
                found = at
                break
            at = kept
        else:
            found = self._by_log(at, folder)
        self._last[folder] = (head, found)
        return found

    def _kept(self, commit: str, parents: Sequence[str], path: str | Place) -> str | None:
        """Return the parent whose state a commit merely kept; None where it made one of its own."""
        mine = self.sha(commit, path)
        states = {parent: self.sha(parent, path) for parent in parents}
        kept = next((parent for parent, state in states.items() if state == mine), None)
        if kept is None:
            return None
        for parent, state in states.items():
            if state == mine:
                continue
            parted = self.parted(kept, parent)
            # The other side changed it too: somebody has decided for one of the two.
            if parted is None or self.sha(parted, path) != state:
                return None
        return kept

    def parted(self, left: str, right: str) -> str | None:
        """Return the newest commit that two commits come from; None where they share none."""
        sides = {left: 1, right: 2} if left != right else {left: 3}
        heap = [(-self._commits.get(it).time.timestamp(), it) for it in sides]
        heapq.heapify(heap)
        while heap:
            _, sha = heapq.heappop(heap)
            side = sides[sha]
            if side == 3:
                return sha
            for parent in self._commits.get(sha).parents:
                before = sides.get(parent, 0)
                if before | side != before:
                    sides[parent] = before | side
                    heapq.heappush(heap, (-self._commits.get(parent).time.timestamp(), parent))
        return None

    def _by_log(self, commit: str, where: str | Place) -> str:
        """Return a folder's last change where it is far back: Git leaves out what did not touch the folder.

        The parents that it names are the nearest commits that did, or merged, so their states are the parents'.
        """
        command = ["log", "-z", "--full-history", "--parents", "--no-color", "--no-show-signature"]
        folder = folder_path(Place.of(where).path)
        # As long as the state is the same, so is what it is made of.
        paths = ["--", folder, *sorted(self.outside(commit, where))] if folder else []
        known: dict[str, list[str]] = {}
        at = ""
        with self._mirror.records(*command, "--format=%H %P", commit, *paths) as records:
            for record in records:
                sha, *parents = record.decode().split()
                known[sha] = parents
                at = at or sha
                while at in known:
                    kept = self._kept(at, known[at], where)
                    if kept is None:
                        return at
                    at = kept
        return at or commit
