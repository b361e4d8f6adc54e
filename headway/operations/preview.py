"""What would be released to an environment now, service by service, and why. It only looks."""

from __future__ import annotations

from datetime import datetime

from headway.domain.images.reference import ImageRef
from headway.domain.policy.gates import is_automatic
from headway.domain.releases.ledger import short_tag
from headway.domain.releases.plans import images_of
from headway.domain.rules.picks import Picked
from headway.errors import HeadwayError
from headway.operations.automation import AutomaticServices, eligible
from headway.operations.connections import Connections
from headway.operations.scan.scanning import scan
from headway.operations.snapshot import Snapshot

Row = dict[str, str]


def would_release(connections: Connections, snapshot: Snapshot, name: str, now: datetime) -> list[Row]:
    """Return for each service what runs, what it would get now, and why: by its rule, or by promotion."""
    here = images_of(snapshot.config, snapshot.environment(name).indexes)
    runs = {service: ", ".join(map(short_tag, values)) for service, values in here.items()}
    if snapshot.rules(name).promote_from:
        picked = _promoted(connections, snapshot, name, now, tuple(here))
    else:
        picked = _from_registry(connections, snapshot, name, tuple(here))
    return [
        {
            "service": service,
            "runs": runs[service],
            "picked": short_tag(str(image)) if image else "",
            "image": str(image) if image else "",
            "release": "automation"
            if is_automatic(snapshot.config, snapshot.holds, name, service)
            else "a person",
            "why": why,
        }
        for service, (image, why) in picked.items()
    ]


def _from_registry(
    connections: Connections, snapshot: Snapshot, name: str, services: tuple[str, ...]
) -> dict[str, tuple[ImageRef | None, str]]:
    found = scan(connections, snapshot, [(name, service) for service in services])
    out: dict[str, tuple[ImageRef | None, str]] = {}
    for service in services:
        answer = found.answers.get((name, service))
        if service in found.errors:
            out[service] = (None, found.errors[service].message)
        elif isinstance(answer, Picked):
            out[service] = (
                snapshot.config.service(service).ref.pinned(answer.tag, answer.digest),
                answer.why,
            )
        elif answer is not None:
            out[service] = (None, answer.why)
        else:
            out[service] = (None, "no rule says which tags may be released")
    return out


def _promoted(
    connections: Connections, snapshot: Snapshot, name: str, now: datetime, services: tuple[str, ...]
) -> dict[str, tuple[ImageRef | None, str]]:
    source = snapshot.rules(name).promote_from or ""
    try:
        found = eligible(connections, snapshot, AutomaticServices(name, services, source), now)
    except HeadwayError as error:
        return dict.fromkeys(services, (None, error.message))
    return {
        it: found.wanted.get(it) or (None, found.held.get(it) or found.done.get(it, "")) for it in services
    }
