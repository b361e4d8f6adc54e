"""The whole of V2: build, then release to one environment."""

from __future__ import annotations

import time
from typing import Any

from headway.domain.policy.people import actor_of
from headway.domain.releases.message import short_ref
from headway.domain.releases.plans import images_of
from headway.flows.build_images import build_all, plan_all, services_to_build
from headway.flows.release import release_images
from headway.operations.connections import Connections
from headway.operations.reports.plan import asked_by, builds_report
from headway.operations.snapshot import Snapshot
from headway.requests import DeliverRequest, ReleaseRequest, ServiceImage
from headway.runtime.steps import flow, report
from headway.tasks.config_repo import fetch_head


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = DeliverRequest.model_validate(parameters["request"])
    return f"{request.environment}: deliver {', '.join(request.services) or 'every service'}" + (
        f" at {short_ref(request.ref)}" if request.ref else ""
    )


@flow(name="deliver", run_name=title)
def deliver(request: DeliverRequest) -> dict[str, object]:
    """Build images of services at a commit, push them, and release them to one environment.

    Args:
        request: Which services to deliver, at which commit, and where.
    """
    with Connections() as connections:
        snapshot = connections.at(fetch_head(connections))
        config = snapshot.config
        config.environment(request.environment)
        services = services_to_build(config, request)
        if request.dry_run:
            return _dry_run(connections, snapshot, request, services)
        began = time.monotonic()
        built = build_all(connections, config, services, request.ref)
        step = "look the images up" if all(it.skipped for it in built) else "build and push"
        return release_images(
            connections,
            ReleaseRequest(
                environment=request.environment,
                images=[ServiceImage(service=it.service, image=str(it.image)) for it in built],
                actor=request.actor,
                reason=request.reason,
                release_id=request.release_id,
                force=request.force,
                # Pipelines end in any order: what one of an older commit brings is not what a person chose.
                no_hold=True,
            ),
            [(step, time.monotonic() - began)],
        )


def _dry_run(
    connections: Connections, snapshot: Snapshot, request: DeliverRequest, services: list[str]
) -> dict[str, object]:
    """Return what would be built, and what runs now in its place."""
    planned = plan_all(connections, snapshot.config, services, request.ref)
    now = snapshot.environment(request.environment)
    who = actor_of(request.actor)
    text = builds_report(
        planned, asked_by(who, request.reason), images_of(snapshot.config, now.indexes), now.name
    )
    report("plan", text)
    return {
        "environment": request.environment,
        "services": services,
        "ref": request.ref,
        "images": [str(it.image) for it in planned],
    }
