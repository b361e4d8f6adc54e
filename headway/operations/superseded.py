"""What becomes of commits that others made on the way: superseded by a newer one, or undone by a rollback.

They are named in its commit, in the log, to people and in the history.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from headway.domain.config.reading import Config
from headway.domain.health.cause import Cause
from headway.domain.releases.ledger import UNDOES, Entry, Outcome
from headway.errors import TransientError
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.notices.commits import notify_entry
from headway.runtime.steps import log

FRESH = 5.0
"""For so many seconds the last look at the remote says what the branch has."""


def undone_with(connections: Connections, desired: Desired, before: Desired, failed: Entry) -> list[Entry]:
    """Return the commits after what was live, the newest first, that go when the failed one is rolled back."""
    found = connections.repo.commits_between(before.commit, failed.commit, desired.place)
    return [
        entry
        for it in found
        if (entry := it.of(desired.name)).commit != failed.commit
        and not entry.reverts
        and entry.environment in ("", desired.name)
        and entry.state not in ("failed", "rolled-back")
    ]


def named(entries: list[Entry]) -> tuple[tuple[str, str], ...]:
    """Return the trailers that name the commits which a rollback undoes."""
    return tuple((UNDOES, f"{it.commit} {it.actor}: {it.subject}") for it in entries)


def lines(entries: list[Entry]) -> tuple[str, ...]:
    """Return a line for people on each of the commits."""
    return tuple(f"{it.commit[:9]} by {it.actor}: {it.subject}" for it in entries)


def end_undone(
    connections: Connections, config: Config, name: str, back: Entry, held: Callable[[], None]
) -> None:
    """Record and notify, of each commit that a rollback undid, that it was rolled back, and why."""
    cause = f"rolled back by {back.actor} in {back.commit[:9]}"
    if back.reverts:
        cause = f"rolled back with {back.reverts[:9]}, which failed; push it again once that is put right"
    for commit in back.undoes:
        entry = connections.repo.entry(commit).of(name)
        if entry.state == "rolled-back":
            continue
        log(f"{name}: {lines([entry])[0]} was {cause}")
        ended = Cause(text=cause)
        notify_entry(connections, config, name, entry, "rolled-back", cause=ended)
        outcome = Outcome.now("rolled-back", 0.0, entry.release_id, ended)
        connections.repo.record(name, commit, outcome, live=None, seen="", held=held)


def pass_over(
    connections: Connections,
    desired: Desired,
    before: Desired | None,
    last: Entry,
    held: Callable[[], None],
) -> None:
    """Record of what came before this commit and never got a turn of its own that this one took its place."""
    merged = len(last.parents) > 1
    if before is None or before.commit == last.commit or (before.commit in last.parents and not merged):
        return
    name = desired.name
    for entry in connections.repo.commits_between(before.commit, last.commit, desired.place):
        passed = entry.commit != last.commit and not entry.of(name).outcomes
        if passed and entry.environment in ("", name):
            # What came to the branch with a merge was never to be live by itself: nobody waits for its end.
            if not entry.reverts and not merged:
                notify_entry(connections, desired.config, name, entry, "superseded")
            superseded = Outcome.now("superseded", 0.0, entry.release_id)
            connections.repo.record(name, entry.commit, superseded, live=None, seen="", held=held)


def left_the_branch(connections: Connections, last: Entry) -> bool:
    """Return whether the branch no longer has a commit: its history was rewritten while that was on its way."""
    with contextlib.suppress(TransientError):
        connections.repo.look_again(FRESH)
    return not connections.repo.on_branch(last.commit)
