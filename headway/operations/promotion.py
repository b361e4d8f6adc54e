"""Which images may go from one environment to the next: those that are live there, and verified."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from headway.domain.config.reading import Config
from headway.domain.images.reference import ImageRef
from headway.domain.policy.gates import Blocked
from headway.domain.releases.ledger import Entry, short_tag
from headway.domain.releases.plans import Change, images_of
from headway.domain.rules.tags import Refused, TagRule
from headway.errors import ConfigError, HeadwayError, Problem, UsageError
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.live_images import LOOK_BACK, Live
from headway.operations.snapshot import Snapshot
from headway.systems.git.config_repo import ConfigRepo

if TYPE_CHECKING:
    from headway.requests import PromoteRequest


def source_environment(config: Config, request: PromoteRequest) -> str:
    """Return where a promotion comes from; raise UsageError where nothing says so."""
    target = config.environment(request.environment)
    source = request.source or target.promote_from
    if not source:
        line, column = config.locate("environments", request.environment)
        raise UsageError(
            f"{config.file}:{line}:{column}: {request.environment} does not say what it is promoted from",
            hint="add promote_from: … there, or name the environment with --from",
        )
    config.environment(source)
    if source == request.environment:
        raise UsageError(f"{source} cannot be promoted to itself")
    for service in request.services:
        config.service(service)
    return source


def promoted(
    desired: Desired, live: Live, named: Iterable[str]
) -> tuple[dict[str, tuple[ImageRef, str]], list[str]]:
    """Return the images that an environment gets from what is live in another, service → (image, why).

    Also give the services that it has no manifest of. Raises ConfigError where one of these was `named`.
    """
    here = images_of(desired.config, desired.indexes)
    absent = [service for service in live.images if service not in here]
    if missing := set(absent) & set(named):
        raise ConfigError(
            [_absent(desired, service) for service in sorted(missing)],
            hint=f"add its manifest to {desired.environment.path}/, or leave it out of --service",
        )
    why = f"live in {live.environment}"
    return {service: (image, why) for service, image in live.images.items() if service in here}, absent


def _absent(desired: Desired, service: str) -> Problem:
    image, folder = desired.config.services[service].image, desired.environment.path
    said = f"no manifest below {folder}/ has a container with the image {image} of service {service}"
    return desired.config.problem(("environments", desired.name), said)


def never_live(
    repo: ConfigRepo, snapshot: Snapshot, environment: str, changes: Iterable[Change]
) -> list[str]:
    """Return which images of a direct release were never live in the environment that this one is promoted from."""
    source = snapshot.rules(environment).promote_from
    wanted = {(it.service, it.new.digest): it.new for it in changes if it.new.digest}
    if source is None or not wanted:
        return []
    path = snapshot.place(source)
    for entry in repo.log(source, path=path, limit=LOOK_BACK, head=snapshot.commit):
        if "live" not in entry.states:
            continue
        if entry.record is not None:
            came = {(service, new.digest) for service, _, new in entry.record.changes}
        else:
            came = _pinned_at(snapshot, source, entry.commit)
        wanted = {key: it for key, it in wanted.items() if key not in came}
        if not wanted:
            break
    return [
        f"{service} {new.tag or short_tag(new)} was never live in {source}, which {environment} "
        "is promoted from"
        for (service, _), new in wanted.items()
    ]


def _pinned_at(snapshot: Snapshot, name: str, commit: str) -> set[tuple[str, str]]:
    try:
        values = images_of(snapshot.config, snapshot.past(name, commit).indexes)
    except HeadwayError:
        return set()
    return {(service, it.digest) for service, images in values.items() for it in images}


def not_running(live: Live, environment: str, changes: Iterable[Change]) -> list[Blocked]:
    """Return what a promotion would bring although no pod has run it where it comes from."""
    return [
        Blocked(environment, it.service, "not running", f"not to be promoted: {live.applied[it.service]}")
        for it in changes
        if it.service in live.applied
    ]


def kept_out(config: Config, environment: str, changes: Iterable[Change]) -> list[Blocked]:
    """Return what a promotion would bring past the rule for tags that an environment has of its own."""
    blocked = []
    for change in changes:
        rule = own_rule(config, environment, change.service)
        tag = change.new.tag
        said = rule.taken(tag) if rule is not None else None
        if isinstance(said, Refused):
            why = f"kept out by its rule: {tag or 'an image without a tag'} {said}"
            blocked.append(Blocked(environment, change.service, "kept out", why))
    return blocked


def own_rule(config: Config, environment: str, service: str) -> TagRule | None:
    """Return the rule for tags that an environment itself has for a service; None where it has none."""
    rules = config.environments[environment]
    mine = rules.services.get(service)
    if (mine is None or mine.tags is None) and rules.tags is None:
        return None
    return config.rule(environment, service)


def ran_before(connections: Connections, snapshot: Snapshot, environment: str) -> set[tuple[str, str]]:
    """Return (service, digest) of every image that an environment once had and left for another.

    What a rollback took away is held by its veto, not by this: once that is gone, it may come again.
    """
    path = snapshot.place(environment)
    vetoed = {(it.service, it.digest) for it in snapshot.holds.vetoes if it.environment == environment}
    return {
        (service, digest)
        for entry in connections.repo.log(environment, path=path, limit=LOOK_BACK, head=snapshot.commit)
        if entry.record is not None
        for service, old, _ in entry.record.changes
        if (digest := old.digest)
        and (entry.kind != "rollback" or (service, digest) in vetoed or not _readable(connections, entry))
    }


def _readable(connections: Connections, rollback: Entry) -> bool:
    """Return whether a rollback could write its vetoes; where it could not, nobody has taken any away."""
    try:
        connections.holds(rollback.commit)
    except ConfigError:
        return False
    return True
