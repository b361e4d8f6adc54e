"""The config repo: what should run, the history, the outcomes; the only truth headway has.

Everything is read from a mirror and written with Git's plumbing, without a working tree.
A change is pushed as a fast-forward or planned again on the newer head; nothing that
somebody else pushed is ever overwritten.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from headway.domain.manifests.image_fields import KNOWN, ImageFields
from headway.domain.manifests.index import FileIndex
from headway.domain.policy.people import author_of
from headway.domain.releases.ledger import Entry, Outcome, is_release_id
from headway.domain.rendering.place import Place
from headway.domain.rendering.unit import Unit
from headway.errors import LostLease, TransientError, UsageError
from headway.systems.git.branch import Branch
from headway.systems.git.commits import author_line
from headway.systems.git.errors import LostRace
from headway.systems.git.folder_states import FolderStates
from headway.systems.git.folders import Folders, Tree
from headway.systems.git.home import Home
from headway.systems.git.index_cache import IndexCache
from headway.systems.git.ledger import Ledger
from headway.systems.git.mirror import Mirror, Push
from headway.systems.git.notes import Notes
from headway.systems.git.own_refs import push_record, push_release
from headway.systems.git.proposed_commit import ProposedCommit, Published
from headway.systems.git.push_trial import try_pushing
from headway.systems.git.tree import Trees, folder_path

__all__ = ["ConfigRepo", "ProposedCommit", "Published"]

TRIES = 8
FRESH = 2.0
"""For this many seconds the last look at the remote is good enough to plan on: a push on an old head fails anyway."""
_BRANCH = re.compile(r"(?!-)[^\x00-\x20\x7f~^:?*\[\\]+")


class ConfigRepo(Branch):
    """One branch of a config repo; safe to use from several threads and processes."""

    def __init__(self, mirror: Mirror, branch: str, cache: IndexCache, home: Home) -> None:
        super().__init__(mirror, branch)
        self.home = home
        self._cache = cache
        self._trees = Trees(mirror)
        self._notes = Notes(mirror, self._trees, home.notes)
        self._folders = Folders(self._trees)
        self._states = FolderStates(mirror, self._commits, self._trees, self._folders)
        self._ledger = Ledger(mirror, self._commits, self._states, self._notes, home)

    @classmethod
    def open(cls, url: str, branch: str, state_dir: Path, home: str = "") -> ConfigRepo:
        """Name a config repo; its mirror is made when it is first used.

        `home` is the folder of the application's headway.yaml. All applications of a repo share its mirror.
        """
        if not url:
            raise UsageError("no config repo is set", hint="set HEADWAY_REPO to its URL")
        if not _BRANCH.fullmatch(branch) or ".." in branch or branch.endswith("/"):
            raise UsageError(
                f"{branch!r} cannot be a branch", hint="set HEADWAY_BRANCH to a branch of the config repo"
            )
        mirror = Mirror(url, state_dir / "git", branch)
        return cls(mirror, branch, IndexCache(state_dir / "index.sqlite"), Home(home))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process that it started, and close its cache."""
        self._mirror.close()
        self._cache.close()

    # --- looking ---

    def own_file(self, commit: str, path: str) -> bytes | None:
        """Return one of headway's own files; None where there is none, ConfigError where it is no plain file."""
        return self._trees.own_file(self._commits.get(commit).tree, self.home.place(path))

    def read(self, commit: str, path: str) -> bytes | None:
        """Return a file's content at a commit; None where there is no such file."""
        item = self._trees.at(self._commits.get(commit).tree, folder_path(self.home.place(path)))
        if item is None or not item.mode.startswith("100"):
            return None
        return self._mirror.read(item.sha)

    def reader(self, commit: str) -> Callable[[str], bytes]:
        """Return a function that reads files which are there at a commit."""

        def read(path: str) -> bytes:
            data = self.read(commit, path)
            if data is None:
                raise UsageError(f"{path} is not a file at {commit[:9]} of {self.url}")
            return data

        return read

    def tree(self, commit: str, where: str | Place) -> Tree:
        """Return the manifests and units of an environment's folder at a commit, but for what is ignored.

        Raises UsageError for a path outside the repo, or one that is no folder.
        """
        return self._folders.manifests(self._commits.get(commit).tree, where)

    def state(self, commit: str, where: str | Place) -> str:
        """Return the hash of an environment's folder and what its units read elsewhere; empty where nothing is."""
        return self._folders.state(self._commits.get(commit).tree, where)

    def sources(self, tree: Tree, unit: Unit) -> dict[str, bytes]:
        """Return the files that a unit reads; raise ConfigError for what no tool should be given."""
        return self._folders.contents(tree, unit)

    def index(self, tree: Tree, fields: ImageFields = KNOWN) -> list[FileIndex]:
        """Index a tree's manifests, in the order of their paths; only contents never seen before are read."""
        found = self._cache.indexes(tree.files, self._mirror.read_many, fields)
        if tree.links:
            found = [replace(it, edited=tree.links.get(it.path, "")) for it in found]
        return found + [FileIndex(it.file, problems=(it,)) for it in tree.problems]

    def diff(self, old: str, new: str, path: str = "") -> str:
        """Return the unified diff between two commits, of one folder or file or of all."""
        plain = folder_path(path)
        for commit in (old, new):
            self._commits.get(commit)
        return self._mirror.diff(old, new, plain)

    # --- the ledger ---

    def log(
        self,
        environment: str,
        *,
        path: str | Place | None = None,
        limit: int | None = None,
        since: datetime | None = None,
        head: str | None = None,
    ) -> Iterator[Entry]:
        """Return what changed one environment, the newest first; `path` is its folder, named like it by default."""
        folders: dict[str, str | Place] = {environment: path if path is not None else environment}
        found = self._ledger.entries(head or self.head, folders, every=False, limit=limit, since=since)
        return (entry.of(environment) for entry in found)

    def ledger(
        self,
        paths: Mapping[str, str | Place],
        *,
        limit: int | None = None,
        since: datetime | str | None = None,
        head: str | None = None,
    ) -> Iterator[Entry]:
        """Return what changed any of the environments (name → folder) or their rules; `since` may be a commit."""
        return self._ledger.entries(head or self.head, paths, limit=limit, since=since)

    def refreshed(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return entries of the ledger with the outcomes that are recorded now."""
        return self._ledger.refreshed(entries)

    def noted(self) -> str:
        """Return the newest commit of the notes, as last looked at: while it is the same, so is every outcome."""
        return self._notes.head() or ""

    def commits_between(self, old: str, new: str, path: str | Place = "") -> list[Entry]:
        """Return the commits after `old` up to `new` that changed a folder, the newest first."""
        for commit in (old, new):
            self._commits.get(commit)
        found = self._ledger.entries(new, {Place.of(path).path: path}, since=old)
        return [entry for entry in found if entry.environments]

    def entry(self, commit: str) -> Entry:
        """Return one commit as an entry, with its outcomes."""
        return self._ledger.entry(commit)

    def last_change(self, environment: str, path: str | Place, head: str | None = None) -> Entry:
        """Return the commit that made an environment's folder what it is, with its outcomes."""
        found = self._states.last_change(head or self.head, path)
        return self._ledger.entry(found, (environment,)).of(environment)

    def last_commit(self, path: str | Place, head: str) -> str:
        """Return the SHA-1 of the commit that made an environment what it is at `head`."""
        return self._states.last_change(head, path)

    def find_release(self, release_id: str, head: str | None = None) -> str | None:
        """Return the commit of a release; None where the branch has none with that id."""
        return self._ledger.find_release(release_id, head or self.head)

    def live(self, environment: str) -> str | None:
        """Return the commit that was live last in an environment, as last looked at.

        Whoever may push this ref need not be one who may push the branch: it is believed for commits of the branch.
        """
        found = self._mirror.seen(self.home.live_ref(environment))
        return found if found is not None and self.on_branch(found) else None

    def stray_live(self, environment: str) -> str:
        """Return what the live ref names, where that is no commit of the branch; else empty."""
        found = self._mirror.seen(self.home.live_ref(environment))
        return found if found is not None and not self.on_branch(found) else ""

    def parted(self, left: str, right: str) -> str | None:
        """Return the newest commit that two commits come from; None where they share none."""
        return self._states.parted(left, right)

    # --- writing ---

    def publish(
        self, propose: Callable[[str], ProposedCommit | None], *, release_id: str
    ) -> Published | None:
        """Commit what `propose` plans on the newest head and push it; None where that changes nothing.

        `propose` is called again on each newer head that somebody else's push makes. A release
        whose id is on the branch is not committed twice, whoever committed it.
        Raises TransientError after eight lost races.
        """
        if not is_release_id(release_id):
            raise UsageError(
                f"{release_id[:80]!r} cannot be a release id",
                hint="use letters, digits, dots, dashes, at most 80",
            )
        with self._mirror.turn():
            for attempt in range(1, TRIES + 1):
                fresh = self.age > FRESH or attempt > 1
                head = self.fetch() if fresh else self.head
                published = self._try(propose, release_id, head, attempt)
                if published is None and not fresh and self.fetch() != head:
                    published = self._try(propose, release_id, self.head, attempt)
                if not isinstance(published, LostRace):
                    return published
                time.sleep(random.uniform(0.2, 1) * min(0.02 * 2**attempt, 2))
        raise TransientError(
            f"{TRIES} times in a row somebody else pushed to {self.url} first", hint="try again in a moment"
        )

    def _try(
        self, propose: Callable[[str], ProposedCommit | None], release_id: str, head: str, attempt: int
    ) -> Published | LostRace | None:
        found = self.find_release(release_id, head)
        if found is not None:
            return Published(found, head, already=True, tries=attempt)
        made = propose(head)
        if made is None:
            return None
        before = self._commits.get(head).tree
        message = self.home.marked(made.message)
        files = {self.home.place(path): content for path, content in made.files.items()}
        after = self._trees.changed(before, files, made.trees)
        if after == before:
            return None
        author = author_line(*author_of(made.author, self._commits.own_user))
        commit = self._commits.write(after, [head], message, author, datetime.now(UTC))
        change = Push(f"refs/heads/{self.branch}", commit)
        try:
            push_release(self._mirror, self.home, change, message)
        except LostRace as race:
            return race
        self._saw()
        return Published(commit, commit, tries=attempt)

    def record(
        self,
        environment: str,
        commit: str,
        outcome: Outcome,
        *,
        live: str | None,
        seen: str = "",
        held: Callable[[], None] = lambda: None,
    ) -> None:
        """Append an outcome to a commit's note and, with `live`, say that this commit is live in the environment.

        Both in one push, or none. A state that the note ends in already is not added again. `held` is asked before
        each push, and raises where somebody else may record by now. `seen` is the head that was worked from: where
        a commit that is newer than it is live in the environment since, LostLease is raised and nothing recorded.
        """
        ref = self.home.live_ref(environment)
        commit = self._commits.get(commit).sha
        with self._mirror.turn():
            for attempt in range(1, TRIES + 1):
                if attempt > 1:
                    time.sleep(random.uniform(0.2, 1) * min(0.02 * 2**attempt, 2))
                    self.fetch()
                held()
                was = self._mirror.seen(ref)
                if live is not None and was != live and was is not None and self._is_newer(was, seen):
                    raise LostLease(
                        f"{was[:9]} is live in {environment} meanwhile, which is newer than {live[:9]}; "
                        "nothing was recorded",
                        hint=f"`headway status {environment}` says how things are",
                    )
                changes = self._note(environment, commit, outcome)
                if live is not None and was != live:
                    changes.append(Push(ref, self._commits.get(live).sha, lease=was or ""))
                try:
                    push_record(self._mirror, changes)
                    return
                except LostRace:
                    continue
        raise TransientError(
            f"{TRIES} times in a row somebody else recorded an outcome in {self.url} first", hint="try again"
        )

    def _is_newer(self, commit: str, seen: str) -> bool:
        # What the ref names may be no commit at all: whoever may push refs can put anything there.
        return bool(seen) and self.on_branch(commit) and not self._commits.comes_from(seen, commit)

    def _note(self, environment: str, commit: str, outcome: Outcome) -> list[Push]:
        if self._ledger.entry(commit).of(environment).state == outcome.state:
            return []
        head = self._notes.head()
        line = replace(outcome, environment=environment).to_line()
        tree = self._notes.appended(head, commit, line)
        if tree is None:
            return []
        subject = f"{environment}: {commit[:9]} is {outcome.state}"
        noted = self._commits.write(
            tree, [head] if head else [], subject, author_line(outcome.by), datetime.now(UTC)
        )
        # What stands there and is no notes' commit holds nothing: it gives way, if it is still that.
        odd = self._mirror.seen(self.home.notes) or ""
        return [Push(self.home.notes, noted, lease=None if head else odd)]

    def try_push(self) -> str:
        """Try what a release pushes, with refs that are removed again."""
        return try_pushing(self._mirror, self._commits, self.branch, self.fetch())

    def maintain(self) -> bool:
        """Pack the mirror where it has grown; return whether that was needed. Takes seconds."""
        return self._mirror.maintain()
