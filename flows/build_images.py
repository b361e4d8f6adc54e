"""Checkout a commit, build each service, tag with the SHA-1, push, give back digests."""

from __future__ import annotations

from typing import Any

from headway.domain.config.reading import Config
from headway.domain.policy.people import actor_of
from headway.domain.releases.message import short_ref
from headway.errors import UsageError
from headway.operations.builds import Built, ToBuild
from headway.operations.connections import Connections
from headway.operations.reports.plan import asked_by, build_report, builds_report
from headway.requests import BuildRequest
from headway.runtime.steps import flow, log, report, side_by_side
from headway.tasks.build_image import build_service, plan_build
from headway.tasks.config_repo import fetch_head


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = BuildRequest.model_validate(parameters["request"])
    return f"build {', '.join(request.services) or 'every service'}" + (
        f" at {short_ref(request.ref)}" if request.ref else ""
    )


@flow(name="build-images", run_name=title)
def build_images(request: BuildRequest) -> dict[str, object]:
    """Build images of services at a commit and push them, in parallel.

    An image that is already in the registry is not built again.

    Args:
        request: Which services to build, and at which commit.
    """
    with Connections() as connections:
        config = connections.config(fetch_head(connections))
        services = services_to_build(config, request)
        if request.dry_run:
            planned = plan_all(connections, config, services, request.ref)
            who = actor_of(request.actor)
            report("plan", builds_report(planned, asked_by(who, request.reason)))
            return {"services": services, "ref": request.ref, "images": [str(it.image) for it in planned]}
        return {
            built.service: str(built.image) for built in build_all(connections, config, services, request.ref)
        }


def services_to_build(config: Config, request: BuildRequest) -> list[str]:
    """Return the services that were asked for, or all that have a source."""
    for name in request.services:
        if config.service(name).source is None:
            line, column = config.locate("services", name)
            raise UsageError(
                f"{config.file}:{line}:{column}: service {name} has no `source` to build from",
                hint="add source: {repo: …} there, or release an image that was built elsewhere",
            )
    services = request.services or [name for name, it in config.services.items() if it.source is not None]
    if not services:
        raise UsageError(
            f"no service of {config.file} has a `source`", hint="add source: {repo: …} to what headway builds"
        )
    return list(dict.fromkeys(services))


def plan_all(connections: Connections, config: Config, services: list[str], ref: str) -> list[ToBuild]:
    """Return what building services would make, and make nothing."""
    planned: list[ToBuild] = side_by_side(
        plan_build,
        [{"connections": connections, "config": config, "service": name, "ref": ref} for name in services],
    )
    for each in planned:
        there = "the registry has it already" if each.there else "would be built and pushed"
        log(f"{each.service}: {each.image} ({there})")
    return planned


def build_all(connections: Connections, config: Config, services: list[str], ref: str) -> list[Built]:
    """Build and push services side by side."""
    built: list[Built] = side_by_side(
        build_service,
        [{"connections": connections, "config": config, "service": name, "ref": ref} for name in services],
    )
    for each in built:
        log(f"{each.service}: {each.image}" + (" (in the registry already)" if each.skipped else ""))
    report("images", build_report(built))
    return built
