"""Cluster = repo: put drift right and finish what a dead run left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from headway.domain.config.reading import Config
from headway.errors import FailedError, HeadwayError, UsageError
from headway.flows.minding import mind_push, mind_rewriting
from headway.flows.road import reach
from headway.operations.connections import Connections
from headway.operations.desired import Desired, check_readable
from headway.operations.ended_runs import notify_cut_off
from headway.operations.metrics import measured, metrics_report
from headway.operations.notices import tell_dead, tell_missing
from headway.operations.recovery import newer_change
from headway.operations.reports.plan import drift_report
from headway.requests import ReconcileRequest
from headway.runtime.steps import alongside, bury, dead_runs, flow, give_up, log, report, restart
from headway.systems.prefect.api import CANCELLED
from headway.tasks.deploy import adopt_objects, compare
from headway.tasks.look import fetch_head

METRICS = timedelta(days=30)
ATTEMPTS = 3
"""How often a run that dies is started in all."""


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = ReconcileRequest.model_validate(parameters["request"])
    return f"{request.environment or 'every environment'}: reconcile"


@flow(name="reconcile", run_name=title)
def reconcile(request: ReconcileRequest) -> dict[str, object]:
    """Make the cluster equal to the config repo, one environment or all.

    What people changed behind the repo's back is put right, what left the repo
    is pruned, and a release that a dead run left unfinished is finished. Objects
    that others made are refused unless they are to be adopted.

    Args:
        request: Which environment to look at.
    """
    with Connections() as connections:
        return reconcile_images(connections, request)


def reconcile_images(connections: Connections, request: ReconcileRequest) -> dict[str, object]:
    """Run the steps with connections that are open already."""
    head = fetch_head(connections)
    config = connections.config(head)
    done: dict[str, object] = {}
    errors: list[HeadwayError] = []
    if request.force and not request.reason:
        raise UsageError("force needs a reason", hint="say why with --reason")
    names = config.chosen(*filter(None, [request.environment]))

    def one(thing: str) -> None:
        try:
            if request.dry_run:
                drifts = compare(connections, Desired(connections, config, thing, head))
                report(f"drift-{thing}", drift_report(thing, drifts))
                done[thing] = [it.as_dict() for it in drifts]
                check_readable(connections, config, thing, head)
            else:
                if request.adopt:
                    adopt_objects(connections, Desired(connections, config, thing, head))
                mind_push(connections, config, thing, head)
                try:
                    forced = request.reason if request.force else ""
                    done[thing] = reach(connections, thing, forced=forced).check().as_dict()
                finally:
                    tell_missing(connections, config, thing)
                newest = connections.repo.head
                check_readable(connections, connections.config(newest), thing, newest)
        except HeadwayError as error:
            # One broken environment must not keep the others from being put right.
            if len(names) > 1:
                log(f"error: {error.message}")
            errors.append(error)

    if config.document.notify is not None:
        # What could not be told before is told now.
        connections.courier.start()
    if not request.dry_run:
        mind_rewriting(connections, config)
        _restart_dead(connections, config)
        notify_cut_off(connections, config)
    alongside(one, names)
    if not (request.dry_run or request.environment):
        _report_metrics(connections, config)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise FailedError("\n".join(it.message for it in errors), hint=errors[0].hint)
    return {name: done[name] for name in names}


def _restart_dead(connections: Connections, config: Config) -> None:
    """Have runs that died before their end begin anew, so that nobody has to look.

    Each finds what it did and goes on from there. What is older than the environment's last change
    is over: what people have done since must not be undone by it.
    """
    for run in dead_runs(config.app):
        if run.cancelled:
            # Who waits for its release is notified with those of all runs that were cancelled.
            log(f"{run.name} was cancelled before it died")
            bury(run, CANCELLED)
        elif run.attempts >= ATTEMPTS:
            died = f"its process died {run.attempts} times"
            log(f"{run.name}: {died}, and it is not begun anew")
            tell_dead(connections, config, run, "rejected", died)
            give_up(run, f"{died}; its log says how far it came. What it had committed, reconcile finishes")
        elif newer := newer_change(connections, config, run):
            log(f"{run.name} died; {newer}")
            tell_dead(connections, config, run, "superseded", newer)
            bury(run, newer)
        else:
            log(f"{run.name} died; it begins anew")
            restart(
                run, f"its process died; begun anew by reconcile, attempt {run.attempts + 1} of {ATTEMPTS}"
            )


def _report_metrics(connections: Connections, config: Config) -> None:
    """Put how releases go on the run's page: under one key, so that the page keeps what was before."""
    until = datetime.now(UTC)
    since = until - METRICS
    rows = measured(connections, config, list(config.environments), list(config.services), since, until)
    report("metrics", metrics_report(rows, since, until))
