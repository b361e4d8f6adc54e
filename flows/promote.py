"""What is live in one environment to the next one, as one release."""

from __future__ import annotations

from typing import Any

from headway.domain.policy.gates import not_promoted
from headway.domain.releases.plans import Plan, plan_images
from headway.flows.carrying import Intent, carry_out, committed_before, identified
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.promotion import kept_out, not_running, promoted, source_environment
from headway.requests import PromoteRequest
from headway.runtime.steps import flow, log
from headway.tasks.look import fetch_head, live_images


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = PromoteRequest.model_validate(parameters["request"])
    source = f" from {request.source}" if request.source else ""
    return f"{request.environment}: promote {', '.join(request.services) or 'every service'}{source}"


@flow(name="promote", run_name=title)
def promote(request: PromoteRequest) -> dict[str, object]:
    """Give an environment the digests that are live and verified in another, as one release.

    Nothing is built and nothing is looked up by tag: exactly what runs there is
    what runs here. What is not live there is refused.

    Args:
        request: Which environment gets what.
    """
    with Connections() as connections:
        return promote_images(connections, request)


def promote_images(connections: Connections, request: PromoteRequest) -> dict[str, object]:
    """Run the steps of a promotion with connections that are open already."""
    config = connections.config(fetch_head(connections))
    source = source_environment(config, request)
    request = identified(request, request.environment)
    if (done := committed_before(connections, request, request.environment)) is not None:
        return done
    live = live_images(connections, config, source, request.services)
    log(f"{request.environment}: promoting what is live in {source} at {live.commit[:9]}")

    def make(head: str) -> Plan:
        desired = Desired(connections, connections.config(head), request.environment, head)
        wanted, absent = promoted(desired, live, request.services)
        if absent:
            log(f"left out, since {desired.name} has no manifest of it: {', '.join(absent)}")
        return plan_images(
            desired.config, desired.name, head, desired.indexes, connections.repo.reader(head), wanted
        )

    intent = Intent(
        "promotion",
        request,
        request.environment,
        make,
        reason=f"live in {source} at {live.commit[:9]}",
        trailers=lambda: (("Promoted-From", f"{source} {live.commit}"),),
        bars=lambda head, plan: [
            *not_promoted(connections.config(head), plan.environment, source),
            *kept_out(connections.config(head), plan.environment, plan.changes),
            *not_running(live, plan.environment, plan.changes),
        ],
    )
    return carry_out(connections, intent)
