"""The whole of V2: build, then release to one environment."""

from __future__ import annotations

from typing import Any

from flows.build_images import build_all, services_to_build
from flows.release import release_images
from headway.connections import Connections
from headway.requests import DeliverRequest, ReleaseRequest, ServiceImage
from headway.steps import flow
from tasks.looking import fetch_head


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = DeliverRequest.model_validate(parameters["request"])
    return f"{request.environment}: deliver {', '.join(request.services) or 'every service'}" + (
        f" at {request.ref[:12]}" if request.ref else ""
    )


@flow(name="deliver", run_name=title)
def deliver(request: DeliverRequest) -> dict[str, object]:
    """Build images of services at a commit, push them, and release them to one environment.

    Args:
        request: Which services, at which commit, to which environment.
    """
    with Connections() as connections:
        config = connections.config(fetch_head(connections))
        config.environment(request.environment)
        services = services_to_build(config, request)
        if request.dry_run:
            return {"environment": request.environment, "services": services, "ref": request.ref}
        built = build_all(connections, config, services, request.ref)
        return release_images(
            connections,
            ReleaseRequest(
                environment=request.environment,
                images=[ServiceImage(service=it.service, image=str(it.image)) for it in built],
                actor=request.actor,
                reason=request.reason,
                release_id=request.release_id,
                force=request.force,
            ),
        )
