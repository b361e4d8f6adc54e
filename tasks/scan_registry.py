"""Steps that ask the registries, and what is live."""

from __future__ import annotations

from headway.domain.images.reference import ImageRef
from headway.domain.rules.lookups import Key
from headway.errors import RefusedError
from headway.operations.connections import Connections
from headway.operations.live_images import Live, live_or_applied, unhealthy
from headway.operations.scan.result import Scan
from headway.operations.scan.scanning import scan
from headway.operations.snapshot import Snapshot
from headway.runtime.steps import task


@task(name="look up image", run_name="look up {reference.repository}")
def resolve_image(connections: Connections, reference: ImageRef) -> ImageRef:
    """Pin an image to the digest that the registry has for it."""
    return reference.pinned(reference.tag, connections.registry.resolve(reference))


@task(name="look for missing images", run_name="look for missing images", attempts=2)
def missing_images(connections: Connections, references: list[ImageRef]) -> list[ImageRef]:
    """Return the images that the registries no longer have."""
    return connections.registry.missing(references)


@task(name="read what is live", run_name="read what is live in {source}")
def live_images(connections: Connections, snapshot: Snapshot, source: str, services: list[str]) -> Live:
    """Return what is live in an environment, as its record and its cluster have it; refuse what is not.

    What is applied there and not running is given too, and named: the caller refuses it, or is forced.
    """
    live = live_or_applied(connections, snapshot, source, services)
    running = [it for it in live.images if it not in live.applied]
    refused = {**live.refused, **unhealthy(connections, snapshot, live, running)}
    if refused:
        raise RefusedError(
            "; ".join(dict.fromkeys(refused.values())),
            hint=f"see `headway status {source}`; the other services can go with --service",
        )
    return live


@task(name="scan the registries", run_name="scan the registries")
def scan_registries(connections: Connections, snapshot: Snapshot, wanted: list[Key]) -> Scan:
    """Ask which images there are, and pick by the rules."""
    return scan(connections, snapshot, wanted)
