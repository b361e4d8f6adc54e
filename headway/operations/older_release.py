"""A person's release of an older image stays: what automation would put in its place is held back with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from headway.domain.config.reading import Config
from headway.domain.images.reference import ImageRef
from headway.domain.policy.gates import is_automatic
from headway.domain.policy.holds import FILE, Holds, Veto, stamp
from headway.domain.policy.people import actor_of
from headway.domain.releases.ledger import short_tag
from headway.domain.releases.plans import Plan
from headway.domain.rules.picks import Picked
from headway.operations.connections import Connections
from headway.operations.scan.scanning import scan
from headway.operations.snapshot import Snapshot
from headway.requests import ReleaseRequest

HELD = "Holds-Back"
"""The trailer that names what a release holds back."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What a release's commit holds back: its holds.yaml, its trailers, and what people should know of it."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    trailers: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def held_back(connections: Connections, snapshot: Snapshot, request: ReleaseRequest, plan: Plan) -> HeldBack:
    """Return what automation would put in the place of a plan's images, as it is held back with them."""
    config, holds = snapshot.config, snapshot.holds
    given = _automatic(config, holds, plan)
    if not given:
        return HeldBack()
    found = scan(connections, snapshot, given, runs=given)
    newer = {
        service: picked
        for service, picked in found.picked(plan.environment).items()
        if picked.digest != given[plan.environment, service].digest
    }
    notes = [_note(request, plan.environment, service, given, it) for service, it in newer.items()]
    notes += [
        f"{service}: nothing is held back, since it is not known what automation would pick: {error.message}"
        for service, error in found.errors.items()
    ]
    if request.no_hold or not newer:
        return HeldBack(notes=tuple(notes))
    facts = [
        _veto(request, plan.environment, service, given[plan.environment, service], it)
        for service, it in newer.items()
    ]
    trailers = tuple((HELD, f"{service} {it.tag}@{it.digest}") for service, it in newer.items())
    return HeldBack({FILE: holds.put(facts).write()}, trailers, tuple(notes))


def _automatic(config: Config, holds: Holds, plan: Plan) -> dict[tuple[str, str], ImageRef]:
    """Return the plan's images of services that automation releases, by environment and service."""
    name, given = plan.environment, {}
    if config.environments[name].promote_from:
        # Promotions never bring what was left for another image.
        return {}
    for change in plan.changes:
        if change.new.ref is not None and is_automatic(config, holds, name, change.service):
            given[name, change.service] = change.new.ref
    return given


def _note(
    request: ReleaseRequest,
    environment: str,
    service: str,
    given: Mapping[tuple[str, str], ImageRef],
    newer: Picked,
) -> str:
    new = short_tag(str(given[environment, service]))
    would = f"automation would replace {service} {new} with {newer.tag}"
    if request.no_hold:
        return f"{would} at its next scan: this release holds nothing back"
    return (
        f"{would}; this release holds that back until something newer than {newer.tag} comes, "
        f"or `headway automate {environment} {service}` (--no-hold: it is not held back)"
    )


def _veto(request: ReleaseRequest, environment: str, service: str, new: ImageRef, newer: Picked) -> Veto:
    by, now = actor_of(request.actor), stamp(datetime.now(UTC))
    reason = f": {' '.join(request.reason.split())}" if request.reason else ""
    why = f"{by} released {short_tag(str(new))} instead{reason}"[:200]
    return Veto(
        environment, service, newer.digest, newer.tag, and_older=True, by_choice=True, by=by, at=now, why=why
    )
