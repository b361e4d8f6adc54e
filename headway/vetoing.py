"""What is taken back is vetoed in the same commit, so that automation never brings it again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from headway.connections import Connections
from headway.desired import Desired
from headway.domain.health import Verdict
from headway.domain.history import Entry
from headway.domain.holds import FILE, Veto, stamp
from headway.domain.images import ImageRef, InvalidImage
from headway.domain.planned import containers_of, pod_spec
from headway.domain.plans import service_of
from headway.errors import ConfigError, HeadwayError

WHY_LENGTH = 200
Change = tuple[str, str, str]
"""A service, its old image and its new one."""


def vetoed(
    connections: Connections,
    head: str,
    environment: str,
    changes: Iterable[Change],
    why: str,
    by: str,
) -> dict[str, bytes]:
    """Give the holds.yaml that vetoes the old image of each change (service, old, new) in an environment.

    A holds.yaml that cannot be read is left as it is: nothing automatic happens while it is so.
    """
    try:
        holds = connections.holds(head)
    except ConfigError:
        return {}
    now, line = stamp(datetime.now(UTC)), " ".join(why.split())[:WHY_LENGTH]
    facts = []
    changes = list(changes)
    stays = {(service, _pinned(connections, new)[1]) for service, _, new in changes}
    for service, old, _ in changes:
        image, digest = _pinned(connections, old)
        if image is not None and digest and (service, digest) not in stays:
            facts.append(Veto(environment, service, digest, image.tag or "", True, by, now, line))
    return {FILE: holds.put(facts).write()} if facts else {}


def blamed(
    desired: Desired, failed: Entry, changes: Iterable[Change], verdicts: Iterable[Verdict]
) -> list[Change]:
    """Give those of the changes that a failure is held against.

    They are the images of the workloads that failed, but for those that only lacked something. Where none
    of these changed, or nothing is known of workloads, it is what the failed commit itself brought, and where
    that says nothing, all of them.
    """
    changes = list(changes)
    verdicts = [it for it in verdicts if it.status == "failed" and it.changed]
    if verdicts and not any(it.blames for it in verdicts):
        return []
    found = {
        service_of(desired.config, str(it.get("image", "")))
        for verdict in verdicts
        if verdict.blames and (manifest := desired.by_id.get(verdict.workload)) is not None
        for it in containers_of(pod_spec(manifest.object) or {})
    }
    brought = {service for service, _, _ in failed.record.changes} if failed.record else set()
    for services in (found, brought):
        if guilty := [it for it in changes if it[0] in services]:
            return guilty
    return changes


def _pinned(connections: Connections, value: str) -> tuple[ImageRef | None, str]:
    """Read an image value and the digest it means: the one it pins, or what the registry has for its tag."""
    try:
        image = ImageRef.parse(value)
    except InvalidImage:
        return None, ""
    if image.digest:
        return image, image.digest
    try:
        # Without a digest there is no veto, and a person who goes back does not wait for a registry.
        return image, connections.registry.resolve(image, briefly=True)
    except HeadwayError:
        return image, ""
