"""Reads the config repo's history as a ledger: what changed an environment, and how that ended.

What counts as a change of a folder, a merge commit's too, is said in one place: `folder_states`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from headway.domain.releases.ledger import Entry, is_release_id, oldest_commit_time, parse_note
from headway.domain.rendering.place import Place
from headway.domain.rendering.unit import RENDERING
from headway.systems.git.commits import Commit, Commits
from headway.systems.git.folder_states import FolderStates
from headway.systems.git.home import Home
from headway.systems.git.mirror import Mirror
from headway.systems.git.notes import Notes
from headway.systems.git.tree import folder_path

FIRST, AT_ONCE = 20, 200
OLD_IN_A_ROW = 100
"""So many entries in a row older than asked for end a listing: one whose clock was wrong ends nothing."""

_FORMAT = "--format=%x1e%H%x1f%P%x1f%an%x1f%ct%x1f%B%x1f"


@dataclass(frozen=True, slots=True)
class Scope:
    """What of the repo an environment is made of: its folder, and paths outside of it that it reads or once read."""

    place: str | Place
    folder: str
    outside: frozenset[str]

    @classmethod
    def of(cls, where: str | Place, outside: frozenset[str]) -> Scope:
        """Make a place's scope."""
        return cls(where, folder_path(Place.of(where).path), outside)


class Ledger:
    """The history of one mirror's branch."""

    def __init__(
        self, mirror: Mirror, commits: Commits, states: FolderStates, notes: Notes, home: Home
    ) -> None:
        self._home = home
        self._mirror, self._commits, self._states, self._notes = mirror, commits, states, notes

    def entries(
        self,
        head: str,
        folders: Mapping[str, str | Place],
        *,
        every: bool = True,
        since: datetime | str | None = None,
        limit: int | None = None,
    ) -> Iterator[Entry]:
        """Yield the commits that changed the folders (environment → path), the newest first.

        `every` takes changes of headway.yaml and holds.yaml too, whichever environment they are about.
        `since` is a time, or a commit whose ancestors are left out.
        """
        found = self._raw_entries(head, folders, every, since)
        if limit is not None:
            found = itertools.islice(found, limit)
        # Small bites first: most askers want the newest few.
        size = FIRST
        while some := list(itertools.islice(found, size)):
            yield from self._with_outcomes(some)
            size = AT_ONCE

    def entry(self, commit: str, environments: tuple[str, ...] = ()) -> Entry:
        """Return one commit as an entry."""
        it = self._commits.get(commit)
        record = self._home.record(it.message)
        entry = Entry(it.sha, it.parents, it.author, it.time, it.subject, record, (), environments)
        return self._with_outcomes([entry])[0]

    def refreshed(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return entries with the outcomes that their notes have now."""
        return self._with_outcomes([replace(it, outcomes=()) for it in entries])

    def find_release(self, release_id: str, head: str) -> str | None:
        """Return the commit of a release; None where the branch has none with that id."""
        if not is_release_id(release_id):
            return None
        oldest = oldest_commit_time(release_id)
        if oldest is not None:
            found = self._commits.newest_first(head, oldest)
            return next((it.sha for it in found if self._is(it, release_id)), None)
        pattern = f"--grep=Headway-Release: {release_id}"
        result = self._mirror.run("rev-list", "--fixed-strings", "--regexp-ignore-case", pattern, head)
        named = (self._commits.get(sha) for sha in result.stdout.decode().split())
        return next((it.sha for it in named if self._is(it, release_id)), None)

    def _is(self, commit: Commit, release_id: str) -> bool:
        """Return whether a commit is this application's release of an id."""
        return commit.release_id == release_id and self._home.record(commit.message) is not None

    def _with_outcomes(self, entries: list[Entry]) -> list[Entry]:
        notes = self._notes.read([it.commit for it in entries])
        return [
            replace(it, outcomes=parse_note(notes[it.commit])) if it.commit in notes else it for it in entries
        ]

    def _raw_entries(
        self, head: str, folders: Mapping[str, str | Place], every: bool, since: datetime | str | None
    ) -> Iterator[Entry]:
        scopes = {name: Scope.of(it, self._states.outside(head, it)) for name, it in folders.items()}
        seen: set[str] = set()
        while True:
            before = sum(len(it.outside) for it in scopes.values())
            for entry in self._listed(head, scopes, since):
                if entry is not None and entry.commit not in seen:
                    seen.add(entry.commit)
                    if every or entry.environments or entry.environment in scopes:
                        yield entry
                # What an environment read before this commit is looked for in all that came before it.
                if sum(len(it.outside) for it in scopes.values()) != before:
                    break
            else:
                return

    def _listed(
        self, head: str, scopes: dict[str, Scope], since: datetime | str | None
    ) -> Iterator[Entry | None]:
        # With --parents Git lists every merge, and leaves it to us which of them decided something.
        command = ["log", "-z", "--name-only", "--no-renames", "--no-color", "--no-show-signature"]
        command += ["--full-history", "--parents", _FORMAT]
        command.append(head if not isinstance(since, str) else f"{since}..{head}")
        paths = sorted(
            {*(path for it in scopes.values() for path in (it.folder, *it.outside)), *self._home.own_files}
        )
        if "" not in paths:
            command += ["--", *paths]
        with self._mirror.records(*command) as records:
            found = self._made(_commits_with_names(records), scopes)
            yield from _newer_than(since, found) if isinstance(since, datetime) else found

    def _made(
        self, commits: Iterator[tuple[list[str], list[str]]], scopes: dict[str, Scope]
    ) -> Iterator[Entry | None]:
        size = FIRST
        while some := list(itertools.islice(commits, size)):
            # A merge's names are not listed; a commit that has none may be one.
            self._states.read_ahead(fields[0] for fields, names in some if not names)
            yield from (self._entry(fields, names, scopes) for fields, names in some)
            size = AT_ONCE

    def _entry(self, fields: list[str], names: list[str], scopes: dict[str, Scope]) -> Entry | None:
        """Make a commit's entry; None for what decided nothing."""
        sha, parents, author, time, message = fields
        commit = self._commits.get(sha) if not names else None
        if commit is not None and len(commit.parents) > 1:
            touched = tuple(name for name, it in scopes.items() if self._states.decided(sha, it.place))
            if not touched and not any(self._states.decided(sha, path) for path in self._home.own_files):
                return None
        else:
            if any(name.rpartition("/")[2] in RENDERING for name in names):
                self._widen(sha, names, scopes)
            touched = tuple(name for name, it in scopes.items() if self._touches(sha, names, it))
            if names and not touched and not self._home.own_files.intersection(names):
                return None
        message = message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return Entry(
            commit=sha,
            parents=commit.parents if commit is not None else tuple(parents.split()),
            author=author,
            time=datetime.fromtimestamp(int(time), UTC),
            subject=message.lstrip("\n").partition("\n")[0].strip(),
            record=self._home.record(message),
            environments=touched,
        )

    def _touches(self, sha: str, names: list[str], scope: Scope) -> bool:
        """Return whether a plain commit changed an environment: its folder, or what its units read elsewhere."""
        if _below(scope.folder, names):
            return True
        return any(_below(path, names) for path in scope.outside) and self._states.decided(sha, scope.place)

    def _widen(self, sha: str, names: list[str], scopes: dict[str, Scope]) -> None:
        """Add what environments read before a commit that changed what they are rendered from."""
        for name, scope in scopes.items():
            if any(_below(path, names) for path in (scope.folder, *scope.outside)):
                more = (self._states.outside(it, scope.place) for it in self._commits.get(sha).parents)
                scopes[name] = replace(scope, outside=scope.outside.union(*more))


def _newer_than(since: datetime, entries: Iterable[Entry | None]) -> Iterator[Entry | None]:
    """Yield the entries from a time on. One with an older date hides nothing behind it."""
    older = 0
    for entry in entries:
        if entry is None:
            continue
        older = older + 1 if entry.time < since else 0
        if not older:
            yield entry
        elif older >= OLD_IN_A_ROW:
            return


def _below(folder: str, names: list[str]) -> bool:
    return not folder or any(it.startswith(f"{folder}/") or it == folder for it in names)


def _commits_with_names(records: Iterable[bytes]) -> Iterator[tuple[list[str], list[str]]]:
    """Group a log's records: each commit's fields, and the names of the files it changed."""
    fields: list[str] | None = None
    names: list[str] = []
    for record in records:
        text = record.decode("utf-8", "surrogateescape")
        if text.startswith("\x1e"):
            if fields is not None:
                yield fields, names
            *fields, rest = text[1:].split("\x1f", 4)
            message, _, first = rest.rpartition("\x1f")
            fields.append(message)
            names = [first.lstrip("\n")] if first.strip("\n") else []
        elif text.strip("\n"):
            names.append(text.lstrip("\n"))
    if fields is not None:
        yield fields, names
