"""What people did in Git itself: it is noticed, notified, and held so that automation does not undo it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from headway.connections import Connections
from headway.desired import Desired
from headway.domain.config import Config
from headway.domain.gates import is_automatic
from headway.domain.history import UNDONE, Entry, ReleaseRecord, format_message, short_tag
from headway.domain.plans import images_of
from headway.domain.releases import TIME_FORMAT
from headway.domain.undone import Older, Step, Undone, older_by, taken_back, undone
from headway.errors import ConfigError, HeadwayError
from headway.flows.telling import tell_noticed
from headway.pushed import undone_in
from headway.steps import log
from headway.systems.config_repo import Draft
from headway.tasks.recording import publish as push_draft
from headway.vetoing import vetoed


def mind_rewriting(connections: Connections, config: Config) -> None:
    """Notify, once, that the branch lost commits, and hold back what went with them: somebody pushed by force."""
    if (found := connections.repo.rewritten()) is None:
        return
    before, now = found
    what = f"the history of {connections.repo.branch} was rewritten: {before[:9]} is no longer part of it"
    cause = f"somebody reset the branch or pushed by force; it is at {now[:9]} now, and headway follows it"
    for name, place in config.environments.items():
        if connections.repo.tree_sha(before, place.path) == connections.repo.tree_sha(now, place.path):
            continue
        about = f"rewritten-{before[:12]}"
        tell_noticed(connections, config, name, what, commit=now, about=about, cause=cause)
        hold_undone(connections, config, name, _lost(connections, config, name, before, now))


def mind_push(connections: Connections, config: Config, name: str, head: str) -> None:
    """Hold back what a person's push undid in an environment, where that was not reached yet."""
    last = connections.repo.last_change(name, config.environments[name].path, head)
    services = [it for it in config.services if _automatic(connections, config, name, it, head)]
    if last.record is None and last.parents and not last.outcomes and services:
        found = undone_in(connections, config, name, head, services, _older(config, name))
        hold_undone(connections, config, name, found)


def mind_older(connections: Connections, desired: Desired, before: Desired | None, last: Entry) -> None:
    """Notify where a person's push takes an image back, or its digest away: often a folder was rendered over it."""
    if before is None or last.record is not None or last.outcomes:
        return
    config, name = desired.config, desired.name
    then, now = (images_of(config, it.indexes) for it in (before, desired))
    found = taken_back(then, now, _older(config, name))
    if found:
        said = "; ".join(
            f"{service} {short_tag(new)} {what} ({short_tag(old)})" for service, old, new, what in found
        )
        by = f"the push {last.commit[:9]} by {last.actor} takes images back"
        cause = (
            f"{said}. Was the folder rendered from an older source? `headway release` pins what should run"
        )
        changes = tuple((service, old, new) for service, old, new, _ in found)
        tell_noticed(
            connections, config, name, by, commit=last.commit, about="older", cause=cause, changes=changes
        )


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

    def draft(head: str) -> Draft | None:
        files = vetoed(connections, head, name, changes, gone[0].why, first.who or "headway")
        return Draft(files=files, message=message, author="headway") if files else None

    published = push_draft(connections, draft, record.id)
    if published is None or published.already:
        log(f"{name}: {services}: {gone[0].why}; automation leaves it alone")
        return
    cause = (
        f"{gone[0].why}. Automation waits for something newer; `headway unveto {name} SERVICE` lets it go on"
    )
    said = f"{services} went back to an older image, and automation leaves it there"
    tell_noticed(connections, config, name, said, commit=commit, about="undone", cause=cause, changes=changes)


def _lost(
    connections: Connections, config: Config, name: str, before: str, now: str
) -> dict[str, tuple[Undone, ...]]:
    """Return what a rewritten branch took away, service by service."""
    try:
        old, new = (images_of(config, Desired(connections, config, name, it).indexes) for it in (before, now))
    except HeadwayError:
        return {}
    found = {}
    for service in config.services:
        if old.get(service) and new.get(service) and _automatic(connections, config, name, service, now):
            at = datetime.now(UTC)
            subject = f"the branch was reset from {before[:9]}"
            step = Step(service, old[service][0], new[service][0], False, now, "somebody", subject, at)
            found[service] = undone([step], _older(config, name)(service))
    return {service: each for service, each in found.items() if each}


def _older(config: Config, name: str) -> Callable[[str], Older]:
    def of(service: str) -> Older:
        return older_by(config.rule(name, service))

    return of


def _automatic(connections: Connections, config: Config, name: str, service: str, head: str) -> bool:
    try:
        return is_automatic(config, connections.holds(head), name, service)
    except ConfigError:
        # Nothing automatic happens while holds.yaml cannot be read, and what is pushed is reconciled all the same.
        return False
