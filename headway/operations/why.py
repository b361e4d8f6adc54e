"""Answers why a service runs what it runs in an environment: who brought it, since when, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headway.domain.policy.gates import is_automatic
from headway.domain.releases.ledger import Entry
from headway.domain.releases.plans import images_of
from headway.errors import UsageError
from headway.operations.blocked import waits
from headway.operations.connections import Connections
from headway.operations.preview import would_release
from headway.operations.snapshot import Snapshot

LOOK_BACK = 500
"""How many commits of the environment are searched for the one that brought the image."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """The answer as lines for people (name, text) and as data."""

    environment: str
    service: str
    facts: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--output json` prints."""
        return {
            "environment": self.environment,
            "service": self.service,
            "facts": [{"name": name, "text": text} for name, text in self.facts],
        }


def why(connections: Connections, snapshot: Snapshot, environment: str, service: str) -> Reasons:
    """Return why a service runs what it runs there; raise UsageError where the environment does not run it."""
    config = snapshot.config
    config.service(service)
    runs = images_of(config, snapshot.environment(environment).indexes).get(service)
    if runs is None:
        raise UsageError(
            f"{environment} does not run {service}",
            hint=f"no manifest below {snapshot.rules(environment).path}/ has its image {config.service(service).image}",
        )
    now = datetime.now(UTC)
    facts = [("runs", str(it)) for it in runs]
    facts += _brought(_bringer(connections, snapshot, environment, service))
    if is_automatic(config, snapshot.holds, environment, service):
        facts.append(("released", "automatically, when its rule picks something newer"))
    else:
        facts.append(("released", "by people and CI"))
    for row in would_release(connections, snapshot, environment, now):
        if row["service"] == service:
            what = f"{row['picked']}: {row['why']}" if row["picked"] else row["why"]
            facts.append(("next", what or "nothing"))
    facts += [
        ("waits", line)
        for line in waits(connections, snapshot, environment, now)
        if _about(line, config.services, service)
    ]
    return Reasons(environment, service, tuple(facts))


def _bringer(connections: Connections, snapshot: Snapshot, environment: str, service: str) -> Entry | None:
    """Return the commit since which the environment names the service's image."""
    path = snapshot.place(environment)
    log = connections.repo.log(environment, path=path, limit=LOOK_BACK, head=snapshot.commit)
    for entry in log:
        if entry.record is None:
            images = [
                images_of(snapshot.config, snapshot.past(environment, it).indexes).get(service)
                for it in (entry.commit, *entry.parents[:1])
            ]
            if len(images) == 1 or images[0] != images[1]:
                return entry
        elif any(name == service for name, _, _ in entry.record.changes):
            return entry
    return None


def _brought(entry: Entry | None) -> list[tuple[str, str]]:
    if entry is None:
        return [("since", "longer than the history that was searched")]
    facts = [
        (
            "since",
            f"{entry.time:%Y-%m-%d %H:%M} UTC, by the {entry.kind} {entry.release_id or entry.commit[:9]}",
        ),
        ("who", entry.actor + (f", approved by {', '.join(entry.approvers)}" if entry.approvers else "")),
    ]
    if entry.reason:
        facts.append(("why", entry.reason))
    state = f"{entry.state}: {entry.cause}" if entry.cause else entry.state or "not live yet"
    return [*facts, ("outcome", state)]


def _about(line: str, services: Any, service: str) -> bool:
    """Return whether a line of what waits is about this service, or about none in particular."""
    named = [it for it in services if line.startswith(f"{it} ") or f" {it} " in line]
    return not named or service in named
