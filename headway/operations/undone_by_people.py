"""What people did in Git itself: it is noticed, notified, and held so that automation does not undo it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from headway.domain.config.reading import Config
from headway.domain.policy.gates import is_automatic
from headway.domain.releases.ledger import UNDONE, Entry, ReleaseRecord, format_message, short_tag
from headway.domain.releases.message import TIME_FORMAT
from headway.domain.releases.plans import moved_images
from headway.domain.releases.undone import Older, Step, Undone, downgrades, older_by, undone
from headway.errors import ConfigError, HeadwayError, Problem
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.notices.commits import is_noticed, notify_noticed
from headway.operations.pushes import undone_in
from headway.operations.snapshot import Snapshot
from headway.operations.vetoes import vetoed
from headway.runtime.steps import log
from headway.systems.git.config_repo import ProposedCommit

LOOK_BACK = 100
"""So many changes of an environment are searched for the one that brought a file."""
SHOWN = 5


def hold_rewritten(connections: Connections, snapshot: Snapshot) -> None:
    """Notify, once, that the branch lost commits, and hold back what went with them: somebody pushed by force."""
    if (found := connections.repo.rewritten()) is None:
        return
    before, now = found
    what = f"the history of {connections.repo.branch} was rewritten: {before[:9]} is no longer part of it"
    cause = f"somebody reset the branch or pushed by force; it is at {now[:9]} now, and headway follows it"
    repo, config = connections.repo, snapshot.config
    for name in config.environments:
        place = snapshot.place(name)
        if repo.state(before, place) == repo.state(now, place):
            continue
        about = f"rewritten-{before[:12]}"
        notify_noticed(connections, config, name, what, commit=now, about=about, cause=cause)
        hold_undone(connections, config, name, _lost(snapshot, name, before, now))


def hold_pushed(connections: Connections, snapshot: Snapshot, name: str) -> None:
    """Hold back what a person's push undid in an environment, where that was not reconciled yet."""
    config = snapshot.config
    last = connections.repo.last_change(name, snapshot.place(name), snapshot.commit)
    services = [it for it in config.services if _automatic(snapshot, name, it)]
    if last.record is None and last.parents and not last.outcomes and services:
        found = undone_in(connections.repo, snapshot, name, services, _older(config, name))
        hold_undone(connections, config, name, found)


def notify_older(connections: Connections, desired: Desired, before: Desired | None, last: Entry) -> None:
    """Notify where a person's push reverts an image or removes its digest: often a folder was rendered over it."""
    if before is None or last.record is not None or last.outcomes:
        return
    config, name = desired.config, desired.name
    changed = moved_images(config, desired.indexes, before.indexes)
    found = downgrades(changed, _older(config, name))
    if found:
        said = "; ".join(
            f"{service} {short_tag(new)} {what} ({short_tag(old)})" for service, old, new, what in found
        )
        by = f"the push {last.commit[:9]} by {last.actor} reverts images"
        cause = (
            f"{said}. Was the folder rendered from an older source? `headway release` pins what should run"
        )
        changes = tuple((service, old, new) for service, old, new, _ in found)
        notify_noticed(
            connections, config, name, by, commit=last.commit, about="older", cause=cause, changes=changes
        )


def notify_left_out(connections: Connections, desired: Desired) -> None:
    """Notify, once for each commit that brought them, of files that are left out: the rest of it goes live.

    Whoever pushed a typo sees no command of theirs fail.
    """
    by_commit: dict[str, tuple[Entry, list[Problem]]] = {}
    for problem in desired.problems:
        entry = _brought(connections, desired, problem.file)
        by_commit.setdefault(entry.commit, (entry, []))[1].append(problem)
    for commit, (entry, problems) in by_commit.items():
        files = len({it.file for it in problems})
        what = (
            f"{'a file is' if files == 1 else f'{files} files are'} left out of {commit[:9]} by {entry.actor}"
        )
        if is_noticed(connections, "left-out", commit, desired.name):
            continue
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        way_out = f"what is left out is not applied, and nothing of {desired.name} is pruned meanwhile"
        cause = f"{'; '.join(map(str, problems[:SHOWN]))}{more}. {way_out.capitalize()}"
        notify_noticed(
            connections, desired.config, desired.name, what, commit=commit, about="left-out", cause=cause
        )


def _brought(connections: Connections, desired: Desired, file: str) -> Entry:
    """Return the commit that made a file what it is; the environment's last where that is not found."""
    repo = connections.repo
    place, found = desired.place, None
    for entry in repo.log(desired.name, path=place, limit=LOOK_BACK, head=desired.commit):
        found = found or entry
        now = repo.read(entry.commit, file)
        if now is not None and all(repo.read(it, file) != now for it in entry.parents):
            return entry
    return found or repo.last_change(desired.name, place, desired.commit)


def hold_undone(
    connections: Connections, config: Config, name: str, found: Mapping[str, Iterable[Undone]]
) -> None:
    """Veto what people undid, in one commit for each of theirs, and notify: it waits for something newer."""
    by_commit: dict[str, list[Undone]] = {}
    for each in found.values():
        for it in each:
            by_commit.setdefault(it.step.commit, []).append(it)
    for commit, gone in by_commit.items():
        _hold(connections, config, name, commit, gone)


def _hold(connections: Connections, config: Config, name: str, commit: str, gone: list[Undone]) -> None:
    first = gone[0].step
    changes = tuple((it.step.service, it.step.old, it.step.new) for it in gone)
    when = (first.time or datetime.now(UTC)).astimezone(UTC)
    record = ReleaseRecord(
        id=f"{when:{TIME_FORMAT}}-{commit[:12]}.held.{name}"[:80],
        environment=name,
        kind="policy",
        actor="headway",
        reason=gone[0].why,
        trailers=((UNDONE, commit), *(("Service", it.step.service) for it in gone)),
    )
    body = format_message(record).split("\n", 2)[2]
    services = ", ".join(dict.fromkeys(it.step.service for it in gone))
    message = f"Hold back what {commit[:9]} undid: {services} in {name}\n\n{body}"

    def propose(head: str) -> ProposedCommit | None:
        by = first.who or "headway"
        files = vetoed(connections, head, name, changes, gone[0].why, by, by_choice=True)
        return ProposedCommit(files=files, message=message, author="headway") if files else None

    published = connections.repo.publish(propose, release_id=record.id)
    if published is None or published.already:
        log(f"{name}: {services}: {gone[0].why}; automation leaves it alone")
        return
    cause = f"{gone[0].why}. Automation waits for something newer; `headway automate {name} SERVICE` lets it go on"
    said = f"{services} went back to an older image, and automation leaves it there"
    notify_noticed(
        connections, config, name, said, commit=commit, about="undone", cause=cause, changes=changes
    )


def _lost(snapshot: Snapshot, name: str, before: str, now: str) -> dict[str, tuple[Undone, ...]]:
    """Return what a rewritten branch took away, service by service."""
    try:
        old, new = (snapshot.past(name, it).indexes for it in (before, now))
    except HeadwayError:
        return {}
    config = snapshot.config
    at, subject = datetime.now(UTC), f"the branch was reset from {before[:9]}"
    steps: dict[str, list[Step]] = {}
    for service, image, was in moved_images(config, new, old):
        if _automatic(snapshot, name, service):
            step = Step(service, was, image, False, now, "somebody", subject, at)
            steps.setdefault(service, []).append(step)
    found = {service: undone(each, _older(config, name)(service)) for service, each in steps.items()}
    return {service: each for service, each in found.items() if each}


def _older(config: Config, name: str) -> Callable[[str], Older]:
    def of(service: str) -> Older:
        return older_by(config.rule(name, service))

    return of


def _automatic(snapshot: Snapshot, name: str, service: str) -> bool:
    try:
        return is_automatic(snapshot.config, snapshot.holds, name, service)
    except ConfigError:
        # Nothing automatic happens while holds.yaml cannot be read, and what is pushed is reconciled all the same.
        return False
