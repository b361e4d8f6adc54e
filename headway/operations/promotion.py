"""Which images may go from one environment to the next: those that are live there, and verified."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from headway.domain.config.reading import Config
from headway.domain.images.reference import ImageRef
from headway.domain.manifests.expected import images_in, pod_spec
from headway.domain.objects.identity import ObjectId
from headway.domain.policy.gates import Blocked
from headway.domain.releases.ledger import Entry, short_tag
from headway.domain.releases.plans import Change, images_of, service_of
from headway.domain.rules.tags import Refused, TagRule
from headway.errors import ConfigError, HeadwayError, Problem, RefusedError, UsageError
from headway.operations.comparison import jobs_done
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.snapshot import Snapshot
from headway.systems.cluster.rollout import Standing, look
from headway.systems.git.config_repo import ConfigRepo

if TYPE_CHECKING:
    from headway.requests import PromoteRequest

LOOK_BACK = 500
"""How many commits of an environment are searched for when an image came."""


class Live:
    """What is live in an environment: its commit, and each service's one image, pinned to a digest.

    `refused` says of the other services why they cannot be promoted. `applied` says of some of the
    images that no pod runs them (paused, no replicas): they go by force only.
    """

    __slots__ = ("applied", "commit", "environment", "images", "refused")

    def __init__(
        self, environment: str, commit: str, images: dict[str, ImageRef], refused: dict[str, str]
    ) -> None:
        self.environment, self.commit, self.images, self.refused = environment, commit, images, refused
        self.applied: dict[str, str] = {}


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


def live_in(repo: ConfigRepo, snapshot: Snapshot, source: str, services: Iterable[str]) -> Live:
    """Read from the record what is live in an environment; raise RefusedError where nothing is."""
    commit = repo.live(source)
    if commit is None:
        raise RefusedError(
            f"nothing was ever live in {source}", hint=f"`headway reconcile {source}` makes it live first"
        )
    return _images_at(snapshot, source, commit, services)


def live_or_applied(
    connections: Connections, snapshot: Snapshot, source: str, services: Iterable[str]
) -> Live:
    """Read what is live in an environment, and what was applied after that and is held back by the cluster.

    A service that runs what was applied is live as it is; one that does not is named in `applied`.
    """
    repo, services = connections.repo, list(services)
    last = repo.last_change(source, snapshot.rules(source).path)
    if last.state != "applied":
        return live_in(repo, snapshot, source, services)
    newer = _images_at(snapshot, source, last.commit, services)
    live = live_in(repo, snapshot, source, services) if repo.live(source) else newer
    fresh = [it for it, image in newer.images.items() if live is newer or live.images.get(it) != image]
    idle = _put_off(connections, snapshot, newer, fresh)
    images = {**live.images, **{it: newer.images[it] for it in fresh}}
    refused = {name: why for name, why in live.refused.items() if name not in images}
    found = Live(source, newer.commit, images, refused)
    found.applied = {
        service: f"{images[service].tag or images[service]} is applied in {source}, and no pod runs it: {why}"
        for service, why in idle.items()
    }
    return found


def _images_at(snapshot: Snapshot, source: str, commit: str, services: Iterable[str]) -> Live:
    values = images_of(snapshot.config, snapshot.past(source, commit).indexes)
    chosen = list(services) or [name for name in snapshot.config.services if name in values]
    images: dict[str, ImageRef] = {}
    refused: dict[str, str] = {}
    for service in chosen:
        if len(found := values.get(service, ())) != 1:
            refused[service] = f"{source} runs {len(found) or 'no'} images of {service}"
            continue
        image = found[0]
        if image.ref is not None and image.digest:
            images[service] = image.ref
        else:
            refused[service] = (
                f"{service} in {source} names no digest: {found[0]}; "
                f"`headway release {source} {service}={image.tag or 'TAG'}` pins it"
            )
    return Live(source, commit, images, refused)


def _put_off(
    connections: Connections, snapshot: Snapshot, at: Live, services: Iterable[str]
) -> dict[str, str]:
    """Return why no pod runs a service's image; one that runs in some workload, and is held back in none, does."""
    _, standings = _standings(connections, snapshot, at, services)
    found: dict[str, str] = {}
    for service, several in standings.items():
        held = [it for _, it in several if it.verdict.put_off == "held"]
        idle = [it for _, it in several if it.verdict.put_off == "idle"]
        if why := held or (idle if len(idle) == len(several) else []):
            found[service] = why[0].verdict.cause.text
    return found


def _standings(
    connections: Connections, snapshot: Snapshot, live: Live, services: Iterable[str]
) -> tuple[Desired, dict[str, list[tuple[ObjectId, Standing]]]]:
    """Look how the workloads of services are in the cluster."""
    desired = snapshot.past(live.environment, live.commit)
    wanted = set(services)
    of: dict[ObjectId, set[str]] = {}
    mine = []
    for key, manifest in desired.by_id.items():
        images = images_in(pod_spec(manifest.object))
        found = {service_of(snapshot.config, it) or "" for it in images} & wanted
        if found:
            mine.append(manifest)
            of[key] = found
    if not mine:
        return desired, {}
    cluster = connections.environment_cluster(desired.environment)
    standings = look(cluster, mine, desired.namespace, desired.planned, jobs_done(connections, desired))
    by_service: dict[str, list[tuple[ObjectId, Standing]]] = {}
    for key, standing in standings.items():
        for service in of[key]:
            by_service.setdefault(service, []).append((key, standing))
    return desired, by_service


def unhealthy(
    connections: Connections, snapshot: Snapshot, live: Live, services: Iterable[str]
) -> dict[str, str]:
    """Return which of the services have a workload that is not healthy in its cluster now, and how it is."""
    desired, standings = _standings(connections, snapshot, live, services)
    return {
        service: f"{key} is not healthy in {desired.name} now: {standing}"
        for service, several in standings.items()
        for key, standing in several
        # One that was stopped after it had been live is not sick.
        if standing.verdict.status != "live" and standing.verdict.put_off != "idle"
    }


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
    path = snapshot.rules(source).path
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


def live_since(repo: ConfigRepo, snapshot: Snapshot, live: Live) -> dict[str, datetime]:
    """Return since when each image has been live in its environment without a break, as the record has it."""
    since: dict[str, datetime] = {}
    open_ = dict(live.images)
    path = snapshot.rules(live.environment).path
    for entry in repo.log(live.environment, path=path, limit=LOOK_BACK, head=live.commit):
        came = [it.at for it in entry.outcomes if it.state == "live"]
        if came and open_:
            try:
                past = snapshot.past(live.environment, entry.commit)
                values = images_of(snapshot.config, past.indexes)
            except HeadwayError:
                break
            for service, image in list(open_.items()):
                if {it.digest for it in values.get(service, ())} == {image.digest}:
                    since[service] = min(came)
                else:
                    del open_[service]
        if not open_:
            break
    return since


def ran_before(connections: Connections, snapshot: Snapshot, environment: str) -> set[tuple[str, str]]:
    """Return (service, digest) of every image that an environment once had and left for another.

    What a rollback took away is held by its veto, not by this: once that is gone, it may come again.
    """
    path = snapshot.rules(environment).path
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
