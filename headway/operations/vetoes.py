"""What is rolled back is vetoed in the same commit, so that automation never brings it again."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Set
from dataclasses import replace
from datetime import UTC, datetime

from headway.domain.health.verdict import Verdict
from headway.domain.images.reference import Image
from headway.domain.manifests.expected import containers_of, images_in, pod_spec
from headway.domain.policy.holds import FILE, Veto, stamp
from headway.domain.releases.ledger import Entry
from headway.domain.releases.message import Triple
from headway.domain.releases.plans import service_of
from headway.errors import ConfigError, HeadwayError
from headway.operations.connections import Connections
from headway.operations.desired import Desired

WHY_LENGTH = 200


def vetoed(
    connections: Connections,
    head: str,
    environment: str,
    changes: Iterable[Triple],
    why: str,
    by: str,
    *,
    by_choice: bool = False,
) -> dict[str, bytes]:
    """Return the holds.yaml that vetoes the old image of each change (service, old, new) in an environment.

    `by_choice` says that nothing failed: a person chose the new one.
    A holds.yaml that cannot be read is left as it is: nothing automatic happens while it is so.
    """
    try:
        holds = connections.holds(head)
    except ConfigError:
        return {}
    now, line = stamp(datetime.now(UTC)), " ".join(why.split())[:WHY_LENGTH]
    facts = []
    changes = list(changes)
    stays = {(service, _digest(connections, new)) for service, _, new in changes}
    failed = {it for it in holds.vetoes if not it.by_choice}
    for service, old, _ in changes:
        digest = _digest(connections, old)
        if digest and (service, digest) not in stays:
            veto = Veto(environment, service, digest, old.tag, True, by_choice, by, now, line)
            # What failed once stays vetoed for that.
            facts.append(replace(veto, by_choice=False) if veto in failed else veto)
    return {FILE: holds.put(facts).write()} if facts else {}


def names_an_image(desired: Desired, objects: Iterable[Hashable]) -> bool:
    """Return whether an object that the cluster refused runs an image; also where it is not known which those are.

    A ConfigMap or a Service that is refused says nothing about the images that its commit brought along.
    """
    refused = set(objects)
    specs = (pod_spec(it.object) for key, it in desired.by_id.items() if key in refused)
    fields = desired.field_images
    return (
        not refused or any(key in fields for key in refused) or any(containers_of(it) for it in specs if it)
    )


def blamed(
    desired: Desired,
    failed: Entry,
    changes: Iterable[Triple],
    verdicts: Iterable[Verdict],
    refused: Iterable[Hashable] = (),
) -> list[Triple]:
    """Return those of the changes that a failure is held against.

    They are the images of the workloads that failed, but for those that only lacked something. Where none
    of these changed, or nothing is known of workloads, it is what the failed commit itself brought, and where
    that says nothing, all of them. Where the cluster refused objects, it is only what these name.
    """
    changes = list(changes)
    if objects := set(refused):
        named = _services(desired, objects)
        return [it for it in changes if it[0] in named]
    verdicts = [it for it in verdicts if it.status == "failed" and it.changed]
    if verdicts and not any(it.cause.blames for it in verdicts):
        return []
    found = _services(desired, {it.workload for it in verdicts if it.cause.blames})
    brought = {service for service, _, _ in failed.record.changes} if failed.record else set()
    for services in (found, brought):
        if guilty := [it for it in changes if it[0] in services]:
            return guilty
    return changes


def _services(desired: Desired, objects: Set[Hashable]) -> set[str | None]:
    """Return the services whose images these objects name."""
    specs = (pod_spec(it.object) for key, it in desired.by_id.items() if key in objects)
    named = [image for spec in specs for image in images_in(spec)]
    named += [image for key, images in desired.field_images.items() if key in objects for image in images]
    return {service_of(desired.config, image) for image in named}


def _digest(connections: Connections, image: Image) -> str:
    """Return the digest that an image means: the one it pins, or what the registry has for its tag."""
    if image.ref is None or image.digest:
        return image.digest
    try:
        # Without a digest there is no veto, and a person who rolls back does not wait for a registry.
        return connections.registry.resolve(image.ref, briefly=True)
    except HeadwayError:
        return ""
