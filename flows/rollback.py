"""Take an environment back to images that were live before, without a build."""

from __future__ import annotations

from typing import Any

from headway.domain.releases.message import short_ref
from headway.domain.releases.plans import Plan
from headway.errors import RefusedError, TransientError
from headway.flows.release import committed_before, execute
from headway.operations.connections import Connections
from headway.operations.proposal import Proposal, identified, propose_rollback
from headway.operations.release import Release
from headway.operations.snapshot import Snapshot
from headway.operations.targets import rollback_target
from headway.requests import RollbackRequest
from headway.runtime.steps import flow, log
from headway.tasks.config_repo import fetch_head
from headway.tasks.deploy import rehearse
from headway.tasks.scan_registry import missing_images


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = RollbackRequest.model_validate(parameters["request"])
    what = f" {', '.join(request.services)}" if request.services else ""
    # What that is, is known when the run has looked.
    target = short_ref(request.to) if request.to else "what was live before"
    return f"{request.environment}: rollback{what} to {target}"


@flow(name="rollback", run_name=title)
def rollback(request: RollbackRequest) -> dict[str, object]:
    """Return one service or a whole environment to images that were live before.

    Nothing is built: one commit restores the old digests in the config repo, and
    the cluster follows. The same commit vetoes the images that are rolled back,
    so automation does not release them again. Newer images are not affected.

    Args:
        request: What to roll back, to which state, and why.
    """
    see_that_it_is_meant(request)
    with Connections() as connections:
        return roll_back(connections, request)


def see_that_it_is_meant(request: RollbackRequest) -> None:
    """Refuse what one click starts: a rollback for which nobody is named and no reason is given."""
    if not (request.dry_run or request.actor.strip() or request.reason.strip()):
        raise RefusedError(
            f"{request.environment}: nobody is named who asks for this rollback, and no reason is given",
            hint="say why: fill in `reason` (*Custom run* in the Prefect UI)",
        )


def roll_back(connections: Connections, request: RollbackRequest) -> dict[str, object]:
    """Run the steps of a rollback with connections that are open already."""
    snapshot = connections.at(fetch_head(connections))
    snapshot.rules(request.environment)
    for service in request.services:
        snapshot.config.service(service)
    request = identified(request, request.environment)
    if (done := committed_before(connections, request, request.environment)) is not None:
        return done
    target = rollback_target(connections.repo, snapshot, request)
    log(f"{request.environment}: rolling back to {target[:9]}")

    def propose(newest: Snapshot) -> Proposal:
        return propose_rollback(connections, request, target, newest)

    if not request.force:
        _refuse_missing(connections, propose(snapshot).plan)
    return execute(Release(connections, request, propose, rehearse))


def _refuse_missing(connections: Connections, plan: Plan) -> None:
    try:
        gone = missing_images(connections, [it.new.ref for it in plan.changes if it.new.ref is not None])
    except TransientError as error:
        # A rollback must not wait for a registry: nodes that ran the image before have it.
        log(f"could not look whether the images are still there: {error.message}")
        return
    if gone:
        raise RefusedError(
            "the registry no longer has " + ", ".join(map(str, gone)),
            hint="choose another state with --to, or roll back anyway with --force: "
            "nodes that have the image will run it",
        )
