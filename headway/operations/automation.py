"""What automation may do in each environment now, and what each of the others waits for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from headway.domain.images.reference import NOWHERE, Image, ImageRef
from headway.domain.policy.gates import is_automatic, opening_of, vetoed_upstream
from headway.domain.releases.plans import Change, images_of
from headway.domain.releases.undone import older_by
from headway.domain.rules.tags import Refused
from headway.errors import RefusedError
from headway.operations.connections import Connections
from headway.operations.live_images import live_in, live_since, unhealthy
from headway.operations.promotion import own_rule, ran_before
from headway.operations.pushes import undone_in
from headway.operations.snapshot import Snapshot
from headway.systems.git.config_repo import ConfigRepo


@dataclass(frozen=True, slots=True)
class AutomaticServices:
    """The services that automation releases in an environment now; `source` where they are promoted.

    `waits` says, line by line, what keeps automatic services from being released.
    """

    environment: str
    services: tuple[str, ...] = ()
    source: str = ""
    waits: tuple[str, ...] = ()

    def only(self, services: Collection[str]) -> AutomaticServices:
        """Return the same for some of the services."""
        return replace(self, services=tuple(it for it in self.services if it in services))


def automatic_services(
    snapshot: Snapshot, names: Iterable[str], now: datetime
) -> dict[str, AutomaticServices]:
    """Return, for each environment, the services that automation may release now."""
    return {name: _automatic_services(snapshot, name, now) for name in names}


def _automatic_services(snapshot: Snapshot, name: str, now: datetime) -> AutomaticServices:
    config, holds, environment = snapshot.config, snapshot.holds, snapshot.rules(name)
    automatic = [it for it in config.services if is_automatic(config, holds, name, it)]
    if not automatic:
        return AutomaticServices(name)
    source = environment.promote_from or ""
    state = opening_of(config, name, now)
    if not state.open:
        until = f" until {state.until:%Y-%m-%d %H:%M} UTC" if state.until else ""
        return AutomaticServices(name, (), source, (f"{name}: automation waits{until}: {state.why}",))
    holding = holds.at(now)
    locks = {service: lock for service in automatic if (lock := holding.lock_on(name, service))}
    waits = [f"{name}: {service} is {lock}" for service, lock in locks.items()]
    return AutomaticServices(name, tuple(it for it in automatic if it not in locks), source, tuple(waits))


@dataclass(frozen=True, slots=True)
class Eligible:
    """What may be promoted to an environment automatically now, service → (image, why), and why not the rest.

    `held` says what a service waits for, `done` why another one waits for nothing.
    """

    wanted: Mapping[str, tuple[ImageRef, str]] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    done: Mapping[str, str] = field(default_factory=dict)

    @property
    def waits(self) -> list[str]:
        """The reasons of what waits, each once."""
        return list(dict.fromkeys(self.held.values()))


def eligible(connections: Connections, snapshot: Snapshot, it: AutomaticServices, now: datetime) -> Eligible:
    """Return the images that may be promoted to an environment automatically now, and what the others wait for.

    An image is eligible when it has been live in the source environment for its `soak`, is not vetoed
    here, fits the rule that this environment has of its own, and was not left here for another before.
    """
    name, source, repo = it.environment, it.source, connections.repo
    config, holds = snapshot.config, snapshot.holds
    soak = snapshot.rules(source).soak or timedelta()
    here, there = (images_of(config, snapshot.environment(each).indexes) for each in (name, source))
    services = [service for service in it.services if service in here and service in there]
    done = {service: f"{source} does not run it" for service in it.services if service not in there}
    if not services:
        return Eligible(done=done)
    try:
        live = live_in(repo, snapshot, source, services)
    except RefusedError as error:
        return Eligible(held=dict.fromkeys(services, f"promotion waits: {error.message}"), done=done)
    held = {service: f"promotion waits: {why}" for service, why in live.refused.items()}
    differing = {
        service: image
        for service, image in live.images.items()
        if {it.digest for it in here[service]} != {image.digest}
    }
    done |= {service: f"as in {source}" for service in live.images if service not in differing}
    if not differing:
        return Eligible(held=held, done=done)
    unwell = unhealthy(connections, snapshot, live, differing)
    held |= {service: f"promotion waits: {why}" for service, why in unwell.items()}
    since, left = live_since(repo, snapshot, live), ran_before(connections, snapshot, name)
    wanted: dict[str, tuple[ImageRef, str]] = {}
    for service, image in differing.items():
        if service in unwell:
            continue
        rule = own_rule(config, name, service)
        taken = rule.taken(image.tag or "") if rule is not None else None
        if any(veto.digest == image.digest for veto in holds.vetoes_on(name, service)):
            held[service] = f"{service} {image.tag} is vetoed"
        elif upstream_veto := vetoed_upstream(
            config, holds, name, [Change(service, NOWHERE, Image(str(image)))]
        ):
            held[service] = str(upstream_veto[0])
        elif (service, image.digest) in left:
            held[service] = f"{service} {image.tag} ran here before; automation does not return to it"
        elif isinstance(taken, Refused):
            held[service] = f"{service} {image.tag} {taken}"
        elif service not in since or now - since[service] < soak:
            until = f" until {since[service] + soak:%Y-%m-%d %H:%M:%S} UTC" if service in since else ""
            held[service] = f"{service} {image.tag} soaks in {source}{until}"
        else:
            wanted[service] = (image, f"live in {source} since {since[service]:%Y-%m-%d %H:%M:%S} UTC")
    gone = _undone(repo, snapshot, name, wanted)
    kept = {service: it for service, it in wanted.items() if service not in gone}
    return Eligible(kept, held | gone, done)


def _undone(
    repo: ConfigRepo, snapshot: Snapshot, name: str, wanted: Mapping[str, tuple[ImageRef, str]]
) -> dict[str, str]:
    """Return what of it a person undid in Git where no veto holds it yet: the next reconcile writes the veto."""
    if not wanted:
        return {}
    found = undone_in(
        repo, snapshot, name, wanted, lambda service: older_by(snapshot.config.rule(name, service))
    )
    return {
        service: f"{service} {wanted[service][0].tag} was {it.why}; automation leaves it alone"
        for service, several in found.items()
        for it in several
        if it.image.digest == wanted[service][0].digest
    }
