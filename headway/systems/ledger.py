"""Reads the config repo's history as a ledger: what changed an environment, and how that ended.

Git's own history simplification decides which commit a folder's content comes from, so a
merge that only brings two people together is not taken for a change.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from headway.domain.history import Entry, parse_message, parse_note
from headway.systems.commits import Commits
from headway.systems.git import Mirror
from headway.systems.git_tree import OWN_FILES, Trees, folder_path
from headway.systems.notes import Notes

AT_ONCE = 200
STEPS = 300
"""Commits looked at in this process before one `git log` is cheaper."""

_FORMAT = "--format=%x1e%H%x1f%P%x1f%an%x1f%ct%x1f%B%x1f"


class Ledger:
    """The history of one mirror's branch."""

    def __init__(self, mirror: Mirror, commits: Commits, trees: Trees, notes: Notes) -> None:
        self._mirror, self._commits, self._trees, self._notes = mirror, commits, trees, notes
        self._last: dict[str, tuple[str, str]] = {}

    def entries(
        self,
        head: str,
        folders: Mapping[str, str],
        *,
        every: bool = True,
        since: datetime | str | None = None,
        limit: int | None = None,
    ) -> Iterator[Entry]:
        """Give the commits that changed the folders (environment → path), the newest first.

        `every` takes changes of headway.yaml and holds.yaml too, whichever environment they are about.
        `since` is a time, or a commit whose ancestors are left out.
        """
        found = self._raw_entries(head, folders, every, since)
        if limit is not None:
            found = itertools.islice(found, limit)
        # Small bites first: most askers want the newest few.
        size = 20
        while some := list(itertools.islice(found, size)):
            yield from self._with_outcomes(some)
            size = AT_ONCE

    def entry(self, commit: str, environments: tuple[str, ...] = ()) -> Entry:
        """Give one commit as an entry."""
        it = self._commits.get(commit)
        record = parse_message(it.message)
        entry = Entry(it.sha, it.parents, it.author, it.time, it.subject, record, (), environments)
        return self._with_outcomes([entry])[0]

    def last_change(self, head: str, path: str) -> str:
        """Give the newest commit that made a folder what it is at `head`."""
        folder = folder_path(path)
        wanted = self._folder_sha(head, folder)
        known_head, known = self._last.get(folder, ("", ""))
        at = head
        for _ in range(STEPS):
            if at == known_head:
                found = known
                break
            same = [it for it in self._commits.get(at).parents if self._folder_sha(it, folder) == wanted]
            if not same:
                found = at
                break
            at = same[0]
        else:
            arguments = ["rev-list", "-1", at, "--", *([folder] if folder else [])]
            found = self._mirror.run(*arguments).stdout.decode().strip() or head
        self._last[folder] = (head, found)
        return found

    def _folder_sha(self, commit: str, folder: str) -> str:
        item = self._trees.at(self._commits.get(commit).tree, folder)
        return item.sha if item else ""

    def _with_outcomes(self, entries: list[Entry]) -> list[Entry]:
        notes = self._notes.read([it.commit for it in entries])
        return [
            replace(it, outcomes=parse_note(notes[it.commit])) if it.commit in notes else it for it in entries
        ]

    def _raw_entries(
        self, head: str, folders: Mapping[str, str], every: bool, since: datetime | str | None
    ) -> Iterator[Entry]:
        plain = {name: folder_path(path) for name, path in folders.items()}
        command = ["log", "-z", "--name-only", "--no-renames", "--no-color", "--no-show-signature", _FORMAT]
        if isinstance(since, datetime):
            command.append(f"--since={since.astimezone(UTC).isoformat()}")
        command.append(head if not isinstance(since, str) else f"{since}..{head}")
        paths = sorted({*plain.values(), *OWN_FILES})
        if "" not in paths:
            command += ["--", *paths]
        with self._mirror.records(*command) as records:
            for fields, names in _commits_with_names(records):
                entry = _entry(fields, names, plain)
                if every or entry.environments or entry.environment in plain:
                    yield entry


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


def _entry(fields: list[str], names: list[str], folders: Mapping[str, str]) -> Entry:
    sha, parents, author, time, message = fields
    touched = tuple(
        name
        for name, folder in folders.items()
        if not folder or any(it.startswith(f"{folder}/") or it == folder for it in names)
    )
    message = message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Entry(
        commit=sha,
        parents=tuple(parents.split()),
        author=author,
        time=datetime.fromtimestamp(int(time), UTC),
        subject=message.lstrip("\n").partition("\n")[0].strip(),
        record=parse_message(message),
        environments=touched,
    )
