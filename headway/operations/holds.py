"""Holding back and letting go: each is one commit of holds.yaml, with who and why."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from headway.domain.config.reading import Config
from headway.domain.images.reference import wanted_reference
from headway.domain.policy.gates import is_automatic
from headway.domain.policy.holds import FILE, Fact, Holds, Lock, Override, Veto, stamp
from headway.domain.policy.until import parse_until, zone_of
from headway.domain.releases.message import ReleaseRecord, format_message, new_release_id
from headway.domain.releases.plans import images_of
from headway.errors import RefusedError, UsageError
from headway.operations.connections import Connections
from headway.operations.snapshot import Snapshot

Change = Callable[[Holds], Holds]


def change_holds(
    connections: Connections,
    environment: str,
    service: str,
    *,
    kind: str,
    subject: str,
    why: str,
    actor: str,
    change: Change,
) -> str | None:
    """Commit a change of holds.yaml on the newest head; return the commit, None where it said so already."""
    from headway.systems.git.config_repo import ProposedCommit

    config = connections.config(connections.repo.fetch())
    config.environment(environment)
    if service:
        config.service(service)
    record = ReleaseRecord(
        id=new_release_id(datetime.now(UTC), uuid.uuid4().hex),
        environment=environment,
        kind=kind,
        actor=actor,
        reason=why,
        trailers=(("Service", service),),
    )
    message = f"{subject}\n\n{format_message(record).split(chr(10), 2)[2]}"

    def propose(head: str) -> ProposedCommit | None:
        before = connections.holds(head)
        after = change(before)
        same = after.write() == before.write()
        return None if same else ProposedCommit(message, files={FILE: after.write()}, author=actor)

    published = connections.repo.publish(propose, release_id=record.id)
    return published.commit if published is not None else None


def end_of(config: Config, environment: str, until: str, now: datetime) -> datetime | None:
    """Return when a lock ends that a person sets until a time of the environment's; None where they say none."""
    return parse_until(until, _zone(config, environment), now) if until.strip() else None


def end_words(config: Config, environment: str, end: datetime | None) -> str:
    """Return when a lock ends, in the environment's time, in words that follow others; empty where it does not."""
    if end is None:
        return ""
    zone = _zone(config, environment)
    return f" until {end.astimezone(zone):%a %Y-%m-%d %H:%M} {zone.key}"


def _zone(config: Config, environment: str) -> ZoneInfo:
    rules = config.environment(environment)
    return zone_of([*rules.windows, *rules.freezes])


def lock(environment: str, service: str, actor: str, why: str, end: datetime | None = None) -> Change:
    """Make the change that locks a service, or a whole environment, for good or until a time."""
    until = stamp(end) if end is not None else ""
    fact = Lock(environment, service, actor, stamp(datetime.now(UTC)), why, until)
    # Locking again says who did it last; the same person for the same reason says nothing new.
    return lambda holds: holds if _said(holds.locks, fact) else holds.put([fact])


def unlock(environment: str, service: str) -> Change:
    """Make the change that takes a lock away."""
    return lambda holds: holds.take([Lock(environment, service)])


def override(environment: str, service: str, release: str, actor: str, why: str) -> Change:
    """Make the change that lets automation release a service, or keeps it from doing so."""
    fact = Override(environment, service, release, actor, stamp(datetime.now(UTC)), why)

    def change(holds: Holds) -> Holds:
        own = next((it for it in holds.overrides if it == fact), None)
        if own is not None and (own.release, own.by, own.why) == (release, actor, why):
            return holds
        return holds.put([fact])

    return change


def automate(config: Config, environment: str, service: str, actor: str, why: str) -> Change:
    """Make the change that lets automation release a service, also past an older image that a person chose.

    What failed and what people vetoed stays held back.
    """
    overriding = override(environment, service, "automatic", actor, why)
    services = [service] if service else list(config.services)

    def change(holds: Holds) -> Holds:
        chosen = holds.choices_on(environment, service)
        if chosen and all(is_automatic(config, holds, environment, it) for it in services):
            return holds.take(chosen)
        return overriding(holds.take(chosen))

    return change


def can_be_automatic(config: Config, environment: str, service: str) -> None:
    """Raise UsageError where automation would release nothing: it asks nobody, and picks by a rule."""
    rules = config.environment(environment)
    chosen = [service] if service else list(config.services)
    if rules.approvals:
        line, column = config.locate("environments", environment, "approvals")
        raise UsageError(
            f"{config.file}:{line}:{column}: {environment} requires approvals; automatic releases cannot be approved",
            hint="remove `approvals` there first",
        )
    if not rules.promote_from and all(config.rule(environment, it) is None for it in chosen):
        line, column = config.locate("environments", environment)
        raise UsageError(
            f"{config.file}:{line}:{column}: {environment} has no `tags` for {service or 'any service'}, "
            "so automation has nothing to pick by",
            hint="add tags: {match: …} there, or promote_from: …",
        )


def veto(environment: str, service: str, digest: str, tag: str, actor: str, why: str) -> Change:
    """Make the change that keeps automation from ever picking a digest."""
    fact = Veto(environment, service, digest, tag, by=actor, at=stamp(datetime.now(UTC)), why=why)
    return lambda holds: holds if fact in holds.vetoes else holds.put([fact])


def unveto(environment: str, service: str, digest: str) -> Change:
    """Make the change that takes a veto away; without a digest, all of the service here."""

    def change(holds: Holds) -> Holds:
        found = [it for it in holds.vetoes_on(environment, service) if digest in ("", it.digest)]
        if not found:
            raise RefusedError(
                f"{service} has no such veto in {environment}",
                hint="`headway status` and holds.yaml list them",
            )
        return holds.take(found)

    return change


def digest_of(
    connections: Connections, snapshot: Snapshot, environment: str, service: str, image: str
) -> tuple[str, str]:
    """Return the digest and the tag that a person means; an empty `image` means what the repo says runs."""
    definition = snapshot.config.service(service)
    if not image:
        desired = snapshot.environment(environment)
        values = images_of(snapshot.config, desired.indexes).get(service, ())
        if len(values) != 1:
            raise UsageError(f"{environment} runs {len(values)} images of {service}", hint="say which one")
        image = values[0].text
    reference = wanted_reference(definition.image, image)
    return reference.digest or connections.registry.resolve(reference), reference.tag or ""


def _said(facts: tuple[Lock, ...], fact: Fact) -> bool:
    return any(it == fact and (it.by, it.why, it.until) == (fact.by, fact.why, fact.until) for it in facts)
