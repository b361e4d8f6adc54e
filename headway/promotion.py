"""Which images may go from one environment to the next: those that are live there, and verified."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from headway.connections import Connections
from headway.desired import Desired
from headway.domain.config import Config
from headway.domain.gates import Barred, digest_in
from headway.domain.history import Entry
from headway.domain.holds import Holds
from headway.domain.images import ImageRef
from headway.domain.objects import ObjectId
from headway.domain.planned import containers_of, pod_spec
from headway.domain.plans import Change, images_of, service_of
from headway.domain.tagrules import Refused, TagRule
from headway.errors import ConfigError, HeadwayError, Problem, RefusedError, UsageError
from headway.requests import PromoteRequest
from headway.systems.rollout import look

LOOK_BACK = 500
"""How many commits of an environment are searched for when an image came."""


class Live:
    """What is live in an environment: its commit, and each service's one image, pinned to a digest.

    `refused` says of the other services why they cannot be promoted.
    """

    __slots__ = ("commit", "environment", "images", "refused")

    def __init__(
        self, environment: str, commit: str, images: dict[str, ImageRef], refused: dict[str, str]
    ) -> None:
        self.environment, self.commit, self.images, self.refused = environment, commit, images, refused


def source_environment(config: Config, request: PromoteRequest) -> str:
    """Say where a promotion comes from; raise UsageError where nothing says so."""
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


def live_in(connections: Connections, config: Config, source: str, services: Iterable[str]) -> Live:
    """Read from the record what is live in an environment; raise RefusedError where nothing is."""
    commit = connections.repo.live(source)
    if commit is None:
        raise RefusedError(
            f"nothing was ever live in {source}", hint=f"`headway reconcile {source}` makes it live first"
        )
    desired = Desired(connections, config, source, commit)
    values = images_of(config, desired.indexes)
    chosen = list(services) or [name for name in config.services if name in values]
    images: dict[str, ImageRef] = {}
    refused: dict[str, str] = {}
    for service in chosen:
        if len(found := values.get(service, ())) != 1:
            refused[service] = f"{source} runs {len(found) or 'no'} images of {service}"
            continue
        image = ImageRef.parse(found[0])
        if image.digest:
            images[service] = image
        else:
            refused[service] = (
                f"{service} in {source} names no digest: {found[0]}; "
                f"`headway release {source} {service}={image.tag or 'TAG'}` pins it"
            )
    return Live(source, commit, images, refused)


def unhealthy(
    connections: Connections, config: Config, live: Live, services: Iterable[str]
) -> dict[str, str]:
    """Say which of the services have a workload that is not healthy in its cluster now, and how it is."""
    desired = Desired(connections, config, live.environment, live.commit)
    wanted = set(services)
    of: dict[ObjectId, set[str]] = {}
    mine = []
    for key, manifest in desired.by_id.items():
        containers = containers_of(pod_spec(manifest.object) or {})
        found = {service_of(config, str(it.get("image", ""))) or "" for it in containers} & wanted
        if found and manifest.object.get("kind") != "CronJob":
            mine.append(manifest)
            of[key] = found
    cluster = connections.environment_cluster(desired.environment)
    standings = look(cluster, mine, desired.namespace, desired.planned)
    return {
        service: f"{key} is not healthy in {desired.name} now: {standing}"
        for key, standing in standings.items()
        if standing.verdict.status != "live"
        for service in of[key]
    }


def promoted(
    desired: Desired, live: Live, named: Iterable[str]
) -> tuple[dict[str, tuple[ImageRef, str]], list[str]]:
    """Give the images that an environment gets from what is live in another, service → (image, why).

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


def kept_out(config: Config, environment: str, changes: Iterable[Change]) -> list[Barred]:
    """Give what a promotion would bring past the rule for tags that an environment has of its own."""
    barred = []
    for change in changes:
        rule = own_rule(config, environment, change.service)
        tag = ImageRef.parse(change.new).tag or ""
        said = rule.taken(tag) if rule is not None else None
        if isinstance(said, Refused):
            why = f"kept out by its rule: {tag or 'an image without a tag'} {said}"
            barred.append(Barred(environment, change.service, "kept out", why))
    return barred


def own_rule(config: Config, environment: str, service: str) -> TagRule | None:
    """Give the rule for tags that an environment itself has for a service; None where it has none."""
    place = config.environments[environment]
    mine = place.services.get(service)
    if (mine is None or mine.tags is None) and place.tags is None:
        return None
    return config.rule(environment, service)


def live_since(connections: Connections, config: Config, live: Live) -> dict[str, datetime]:
    """Say since when each image has been live in its environment without a break, as the record has it."""
    since: dict[str, datetime] = {}
    open_ = dict(live.images)
    path = config.environments[live.environment].path
    for entry in connections.repo.log(live.environment, path=path, limit=LOOK_BACK, head=live.commit):
        came = [it.at for it in entry.outcomes if it.state == "live"]
        if came and open_:
            try:
                values = images_of(
                    config, Desired(connections, config, live.environment, entry.commit).indexes
                )
            except HeadwayError:
                break
            for service, image in list(open_.items()):
                if {digest_in(it) for it in values.get(service, ())} == {image.digest}:
                    since[service] = min(came)
                else:
                    del open_[service]
        if not open_:
            break
    return since


def ran_before(
    connections: Connections, config: Config, holds: Holds, environment: str
) -> set[tuple[str, str]]:
    """Give (service, digest) of every image that an environment once had and left for another.

    What a rollback took away is held by its veto, not by this: once that is gone, it may come again.
    """
    path = config.environments[environment].path
    vetoed = {(it.service, it.digest) for it in holds.vetoes if it.environment == environment}
    return {
        (service, digest)
        for entry in connections.repo.log(environment, path=path, limit=LOOK_BACK)
        if entry.record is not None
        for service, old, _ in entry.record.changes
        if (digest := digest_in(old))
        and (entry.kind != "rollback" or (service, digest) in vetoed or not _readable(connections, entry))
    }


def _readable(connections: Connections, rollback: Entry) -> bool:
    """Say whether a rollback could write its vetoes; where it could not, nobody has taken any away."""
    try:
        connections.holds(rollback.commit)
    except ConfigError:
        return False
    return True
