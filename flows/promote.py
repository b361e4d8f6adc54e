"""What is live in one environment to the next one, as one release."""

from __future__ import annotations

from typing import Any

from headway.flows.release import committed_before, execute
from headway.operations.connections import Connections
from headway.operations.promotion import source_environment
from headway.operations.proposal import Proposal, identified, propose_promotion
from headway.operations.release import Release
from headway.operations.snapshot import Snapshot
from headway.requests import PromoteRequest
from headway.runtime.steps import flow, log
from headway.tasks.config_repo import fetch_head
from headway.tasks.deploy import rehearse
from headway.tasks.scan_registry import live_images


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = PromoteRequest.model_validate(parameters["request"])
    source = f" from {request.source}" if request.source else ""
    return f"{request.environment}: promote {', '.join(request.services) or 'every service'}{source}"


@flow(name="promote", run_name=title)
def promote(request: PromoteRequest) -> dict[str, object]:
    """Release the digests that are live and verified in another environment, as one release.

    Nothing is built and no tag is looked up: exactly the same images run here
    afterwards. An image that is not live there is refused.

    Args:
        request: Which environment and services to promote to.
    """
    with Connections() as connections:
        return promote_images(connections, request)


def promote_images(connections: Connections, request: PromoteRequest) -> dict[str, object]:
    """Run the steps of a promotion with connections that are open already."""
    snapshot = connections.at(fetch_head(connections))
    source = source_environment(snapshot.config, request)
    request = identified(request, request.environment)
    if (done := committed_before(connections, request, request.environment)) is not None:
        return done
    live = live_images(connections, snapshot, source, request.services)
    log(f"{request.environment}: promoting what is live in {source} at {live.commit[:9]}")

    def propose(newest: Snapshot) -> Proposal:
        return propose_promotion(request, source, live, newest)

    return execute(Release(connections, request, propose, rehearse))
