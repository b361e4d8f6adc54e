"""Cluster = repo: put drift right and finish what a dead run left."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from headway.domain.releases.next_step import Step, next_step
from headway.errors import FailedError, HeadwayError, LostLease, UsageError
from headway.operations.comparison import check_readable
from headway.operations.connections import Connections
from headway.operations.deployment_lock import deployment_lock
from headway.operations.ended_runs import notify_cut_off
from headway.operations.notices.unfinished import notify_missed
from headway.operations.outcome import report_result, unfinished
from headway.operations.reconciliation import Reconciliation
from headway.operations.recovery import restart_dead
from headway.operations.refused_push import refuse_older_push
from headway.operations.reports.metrics import report_metrics
from headway.operations.reports.plan import drift_report
from headway.operations.result import Result, Timed
from headway.operations.snapshot import Snapshot
from headway.requests import ReconcileRequest
from headway.runtime.interruption import note_unfinished
from headway.runtime.steps import alongside, flow, log, report
from headway.tasks.config_repo import (
    confirm,
    fetch_head,
    hold_pushed,
    hold_rewritten,
    look_again,
    record,
    roll_back,
)
from headway.tasks.deploy import adopt_objects, apply, compare, look, verify, watch

DO = {
    Step.APPLY: apply,
    Step.WATCH: watch,
    Step.VERIFY: verify,
    Step.CONFIRM: confirm,
    Step.RECORD: record,
    Step.ROLL_BACK: roll_back,
    Step.LOOK_AGAIN: look_again,
}
"""What is done for each step of a release; `next_step` says which of them is next."""
TURNS = 3
"""So often an environment is taken again by a run that was too slow to keep it."""


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = ReconcileRequest.model_validate(parameters["request"])
    return f"{request.environment or 'every environment'}: reconcile"


@flow(name="reconcile", run_name=title)
def reconcile(request: ReconcileRequest) -> dict[str, object]:
    """Make the cluster match the config repo, for one environment or all.

    Drift is corrected, objects that were removed from the repo are pruned, and
    unfinished releases are finished. Objects that another tool created are
    refused, unless **adopt** is set.

    Args:
        request: Which environment to reconcile.
    """
    with Connections() as connections:
        return reconcile_images(connections, request)


def reconcile_images(connections: Connections, request: ReconcileRequest) -> dict[str, object]:
    """Run the steps with connections that are open already."""
    snapshot = connections.at(fetch_head(connections))
    config = snapshot.config
    if request.force and not request.reason:
        raise UsageError("force needs a reason", hint="say why with --reason")
    names = config.chosen(*filter(None, [request.environment]))
    if config.document.notify is not None:
        # What could not be sent before is sent now.
        connections.dispatcher.start()
    if not request.dry_run:
        hold_rewritten(connections, snapshot)
        restart_dead(connections, config)
        notify_cut_off(connections, config)
    ended = dict(zip(names, alongside(partial(_one, connections, request, snapshot), names), strict=True))
    if not (request.dry_run or request.environment):
        report_metrics(connections, config)
    errors = [it for it in ended.values() if isinstance(it, HeadwayError)]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise FailedError("\n".join(it.message for it in errors), hint=errors[0].hint)
    return ended


def _one(
    connections: Connections, request: ReconcileRequest, snapshot: Snapshot, environment: str
) -> object | HeadwayError:
    """Reconcile one environment; return its error, since it must not keep the others from being put right."""
    try:
        if request.dry_run:
            drifts = compare(connections, snapshot.environment(environment))
            report(f"drift-{environment}", drift_report(environment, drifts))
            check_readable(snapshot, environment)
            return [it.as_dict() for it in drifts]
        if request.adopt:
            adopt_objects(connections, snapshot.environment(environment))
        hold_pushed(connections, snapshot, environment)
        try:
            forced = request.reason if request.force else ""
            done = make_equal(connections, environment, forced=forced).check().as_dict()
        finally:
            notify_missed(connections, snapshot.config, environment)
        check_readable(connections.at(connections.repo.head), environment)
        return done
    except HeadwayError as error:
        if not request.environment:
            log(f"error: {error.message}")
        return error


def make_equal(
    connections: Connections,
    name: str,
    head: str | None = None,
    before: Iterable[Timed] = (),
    forced: str = "",
) -> Result:
    """Make one environment equal to the branch's head: look, decide, do, until nothing is left to do.

    Every flow that changes a cluster ends here. `head` saves a fetch where the caller has just pushed it;
    `before` is what took time until here; `forced` is the reason to apply a push too that reverts an image.
    """
    steps, fetch = list(before), partial(fetch_head, connections)
    work: Reconciliation | None = None
    try:
        for turn in range(1, TURNS + 1):
            began, work = time.monotonic(), None
            try:
                with deployment_lock(connections, name, head, fetch) as (held, newest):
                    steps.append(("wait for its turn", time.monotonic() - began))
                    was = connections.repo.live(name)
                    refuse_older_push(connections.repo, connections.at(newest), name, forced)
                    work = look(connections, name, newest, held)
                    while (step := next_step(work.facts)) is not Step.END:
                        work = DO[step](work)
                break
            except LostLease as lost:
                if turn == TURNS:
                    raise
                # Whoever has it may finish this one too; that is seen once it is our turn again.
                head = None
                log(f"{name}: {lost.message}; waiting for another turn")
    except Exception as problem:
        error = unfinished(connections, name, problem, steps, work)
        if error is problem:
            raise
        raise error from problem
    finally:
        note_unfinished(name, "")
    assert work is not None
    return report_result(connections, work, steps, was)
