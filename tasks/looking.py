"""Steps that only look: at the config repo and at the registries."""

from __future__ import annotations

from headway.connections import Connections
from headway.domain.images import ImageRef
from headway.steps import task


@task(name="fetch the config repo", run_name="fetch the config repo")
def fetch_head(connections: Connections) -> str:
    """Give the branch's newest commit, as the remote has it now."""
    return connections.repo.fetch()


@task(name="look up image", run_name="look up {reference.repository}")
def resolve_image(connections: Connections, reference: ImageRef) -> ImageRef:
    """Pin an image to the digest that the registry has for it."""
    return reference.pinned(reference.tag, connections.registry.resolve(reference))


@task(name="look for missing images", run_name="look for missing images", attempts=2)
def missing_images(connections: Connections, references: list[ImageRef]) -> list[ImageRef]:
    """Give the images that the registries no longer have."""
    return connections.registry.missing(references)
