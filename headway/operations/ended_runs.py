"""Releases whose run ended and could not say so: cancelled, out of time for an approval, or by an unforeseen error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from headway.domain.config.reading import Config
from headway.domain.notifications.notices import UNDER_WAY
from headway.operations.connections import Connections
from headway.operations.notices.unfinished import notify_dead_run, release_of
from headway.runtime.steps import ended_runs, log, mark_notified
from headway.systems.prefect.ended import EndedRun

LATELY = timedelta(hours=6)
"""For so long people are notified of a release that this machine never notified of: another one may have."""


def notify_cut_off(connections: Connections, config: Config) -> None:
    """Notify, once, of each release whose run was cut off: that it comes to nothing, or what is left of it."""
    for run in ended_runs(config.app):
        environments = [it for it in _environments(config, run) if _concerns(connections, run, it)]
        if environments:
            log(f"{run.run.name}: {run.cause}")
        # Every one of them, and then the mark: killed in between, the same is written down again, which is no news.
        notified = [
            notify_dead_run(connections, config, run.run, run.state, run.cause, it) for it in environments
        ]
        if all(notified) and (environments or not run.failed):
            mark_notified(run)


def _environments(config: Config, run: EndedRun) -> list[str]:
    """Return the environments that a run may have released to."""
    asked = run.run.parameters
    if asked.get("dry_run"):
        return []
    if one := asked.get("environment"):
        return [str(one)]
    return [str(it) for it in asked.get("environments") or config.environments]


def _concerns(connections: Connections, run: EndedRun, environment: str) -> bool:
    """Return whether people wait for the end of a run's release: they were notified of it, or may have been."""
    last = connections.dispatcher.outbox.last(release_of(run.run, environment))
    if last is not None:
        return last.state in UNDER_WAY
    if run.failed:
        return False
    # A watch run releases to few of its environments, and to which is known only from its notices.
    lately = datetime.now(UTC) - run.ended < LATELY
    return lately and bool(run.run.parameters.get("environment"))
