"""Take an environment back to images that were live before, without a build."""

from __future__ import annotations

from typing import Any

from headway.domain.images.reference import ImageRef
from headway.domain.policy.people import actor_of
from headway.domain.releases.ledger import Entry
from headway.domain.releases.ledgerfilter import services_of
from headway.domain.releases.message import short_ref
from headway.domain.releases.plans import Plan, plan_as_it_was
from headway.errors import RefusedError, TransientError
from headway.flows.carrying import Intent, carry_out, committed_before, identified
from headway.flows.undoing import lines, named
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.pushes import services_pushed
from headway.operations.targets import rollback_target
from headway.operations.vetoes import vetoed
from headway.requests import RollbackRequest
from headway.runtime.steps import flow, log
from headway.tasks.look import fetch_head, missing_images

NAMED = 20
"""So many commits that a rollback undoes are named in its own."""


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = RollbackRequest.model_validate(parameters["request"])
    what = f" {', '.join(request.services)}" if request.services else ""
    # What that is, is known when the run has looked.
    target = short_ref(request.to) if request.to else "what was live before"
    return f"{request.environment}: rollback{what} to {target}"


@flow(name="rollback", run_name=title)
def rollback(request: RollbackRequest) -> dict[str, object]:
    """Take one service or a whole environment back to images that were live before.

    Nothing is built: the old digests are written to the config repo as one
    commit, and the cluster follows it. What is taken back is vetoed in that same
    commit, so that automation never brings it again; the next newer image is free.

    Args:
        request: Where, to which state, and why.
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
    head = fetch_head(connections)
    config = connections.config(head)
    config.environment(request.environment)
    for service in request.services:
        config.service(service)
    request = identified(request, request.environment)
    if (done := committed_before(connections, request, request.environment)) is not None:
        return done
    target = rollback_target(connections, config, request)
    log(f"{request.environment}: going back to {target[:9]}")

    def make(at: str) -> Plan:
        now = Desired(connections, connections.config(at), request.environment, at)
        past = Desired(connections, now.config, request.environment, target)
        return plan_as_it_was(
            now.config,
            now.name,
            at,
            now.indexes,
            past.indexes,
            connections.repo.reader(at),
            request.services,
            f"as it was at {target[:9]}",
        )

    if not request.force:
        _refuse_missing(connections, make(head))

    def also(at: str, plan: Plan) -> dict[str, bytes]:
        by = actor_of(request.actor)
        why = f"rolled back: {request.reason}" if request.reason else "rolled back"
        return vetoed(connections, at, request.environment, plan.triples, why, by)

    others = _others(connections, target, make(head))
    for line in lines(others):
        log(f"{request.environment}: this goes with it: {line}")
    intent = Intent(
        "rollback",
        request,
        request.environment,
        make,
        reason=f"back to {target[:9]}",
        also=also,
        trailers=lambda: named(others),
        undo=True,
    )
    return carry_out(connections, intent)


def _others(connections: Connections, target: str, plan: Plan) -> list[Entry]:
    """Return the commits since the target whose images go, the newest first; what the plan leaves stays unnamed."""
    config, services = connections.config(plan.base), {it.service for it in plan.changes}
    path = config.environments[plan.environment].path
    found = [
        it.at(plan.environment)
        for it in connections.repo.commits_between(target, plan.base, path)
        if services
    ]
    return [
        it
        for it in found
        if it.environment in ("", plan.environment)
        and services & (services_of(it) if it.record else services_pushed(connections, config, it))
    ][:NAMED]


def _refuse_missing(connections: Connections, plan: Plan) -> None:
    try:
        gone = missing_images(connections, [ImageRef.parse(change.new) for change in plan.changes])
    except TransientError as error:
        # A rollback must not wait for a registry: nodes that ran the image before have it.
        log(f"could not look whether the images are still there: {error.message}")
        return
    if gone:
        raise RefusedError(
            "the registry no longer has " + ", ".join(map(str, gone)),
            hint="choose another state with --to, or go back all the same with --force: "
            "nodes that have the image will run it",
        )
