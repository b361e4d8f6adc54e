"""What is live in an environment, as its record and its cluster have it, and since when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from headway.domain.health.kinds import rules_of
from headway.domain.images.reference import ImageRef
from headway.domain.objects.identity import ObjectId
from headway.domain.releases.plans import images_of, service_of
from headway.errors import HeadwayError, RefusedError
from headway.operations.comparison import jobs_done
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.snapshot import Snapshot
from headway.systems.cluster.rollout import Standing, look
from headway.systems.git.config_repo import ConfigRepo

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
    last = repo.last_change(source, snapshot.place(source))
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
    for key, images in desired.images_by_object.items():
        found = {service_of(snapshot.config, it) or "" for it in images} & wanted
        if found:
            mine.append(desired.by_id[key])
            of[key] = found
    if not mine:
        return desired, {}
    cluster = connections.environment_cluster(desired.environment)
    ran = jobs_done(connections, desired)
    rules = rules_of(desired.config.document)
    standings = look(cluster, mine, desired.namespace, desired.planned, ran, desired.named, rules)
    by_service: dict[str, list[tuple[ObjectId, Standing]]] = {}
    for key, standing in standings.items():
        for service in of.get(key, ()):
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


def live_since(repo: ConfigRepo, snapshot: Snapshot, live: Live) -> dict[str, datetime]:
    """Return since when each image has been live in its environment without a break, as the record has it."""
    since: dict[str, datetime] = {}
    open_ = dict(live.images)
    path = snapshot.place(live.environment)
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
