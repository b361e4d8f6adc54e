"""A person's release of an older image stays: what automation would put in its place is held back with it."""

from __future__ import annotations

from datetime import UTC, datetime

from headway.domain.images.reference import ImageRef, InvalidImage
from headway.domain.policy.gates import is_automatic
from headway.domain.policy.holds import FILE, Veto, stamp
from headway.domain.policy.people import actor_of
from headway.domain.releases.ledger import short_tag
from headway.domain.releases.plans import Plan
from headway.domain.rules.picks import Picked
from headway.operations.connections import Connections
from headway.operations.scan import look
from headway.requests import ReleaseRequest

HELD = "Holds-Back"
"""The trailer that names what a release holds back."""


class Keeping:
    """What automation would release in the place of a plan's images, and how the release's commit holds that back."""

    def __init__(self, connections: Connections, request: ReleaseRequest) -> None:
        self._connections, self._request = connections, request
        self._found: dict[str, dict[str, tuple[str, Picked]]] = {}
        self._unknown: dict[str, str] = {}
        self._plan: Plan | None = None

    def planned(self, plan: Plan) -> Plan:
        """Remember the newest plan: the trailers are about it."""
        self._plan = plan
        return plan

    def notes(self, head: str, plan: Plan) -> list[str]:
        """Say what automation would put in the place of the plan's images, and whether it is held back."""
        said = []
        for service, (new, better) in self._replaced(head, plan).items():
            would = f"automation would replace {service} {short_tag(new)} with {better.tag}"
            if self._request.no_hold:
                said.append(f"{would} at its next look: this release holds nothing back")
            else:
                said.append(
                    f"{would}; this release holds that back until something newer than {better.tag} comes, "
                    f"or `headway automate {plan.environment} {service}` (--no-hold: it is not held back)"
                )
        return said + [
            f"{it}: nothing is held back, since it is not known what automation would pick: {why}"
            for it, why in self._unknown.items()
        ]

    def files(self, head: str, plan: Plan) -> dict[str, bytes]:
        """Return the holds.yaml of the release's commit; none where nothing is to be held back."""
        found = self._replaced(head, plan)
        if self._request.no_hold or not found:
            return {}
        by, now = actor_of(self._request.actor), stamp(datetime.now(UTC))
        reason = f": {' '.join(self._request.reason.split())}" if self._request.reason else ""
        facts = [
            Veto(
                plan.environment,
                service,
                better.digest,
                better.tag,
                and_older=True,
                by_choice=True,
                by=by,
                at=now,
                why=f"{by} released {short_tag(new)} instead{reason}"[:200],
            )
            for service, (new, better) in found.items()
        ]
        return {FILE: self._connections.holds(head).put(facts).write()}

    def trailers(self) -> tuple[tuple[str, str], ...]:
        """Return what the release's commit says of it."""
        if self._request.no_hold or self._plan is None:
            return ()
        found = self._replaced(self._plan.base, self._plan)
        return tuple(
            (HELD, f"{service} {better.tag}@{better.digest}") for service, (_, better) in found.items()
        )

    def _replaced(self, head: str, plan: Plan) -> dict[str, tuple[str, Picked]]:
        if plan.base not in self._found:
            self._found[plan.base] = self._look(head, plan)
        return self._found[plan.base]

    def _look(self, head: str, plan: Plan) -> dict[str, tuple[str, Picked]]:
        config, holds, name = self._connections.config(head), self._connections.holds(head), plan.environment
        if config.environments[name].promote_from:
            # Promotions never bring what was left for another image.
            return {}
        given = {}
        for change in plan.changes:
            if is_automatic(config, holds, name, change.service):
                try:
                    given[name, change.service] = ImageRef.parse(change.new)
                except InvalidImage:
                    continue
        if not given:
            return {}
        looked = look(self._connections, config, holds, head, given, runs=given)
        self._unknown = {service: error.message for service, error in looked.errors.items()}
        return {
            service: (str(given[name, service]), better)
            for service, better in looked.picked(name).items()
            if better.digest != given[name, service].digest
        }
