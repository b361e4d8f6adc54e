"""Notify of what a run left behind: a change that is unfinished, an end that nobody was notified of, a dead run."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from headway.domain.config.reading import Config
from headway.domain.health.cause import Cause
from headway.domain.notifications.notices import IN_PLACE
from headway.domain.notifications.releases import (
    ended_lately,
    is_overdue,
    of_request,
    unfinished_cause,
    with_end,
)
from headway.domain.releases.ledger import new_release_id
from headway.errors import HeadwayError, TransientError
from headway.operations.connections import Connections
from headway.operations.notices.commits import notice_of, notified_entry, notify_entry
from headway.operations.notices.sending import links_to, log_failure, recipients_now, send
from headway.runtime.steps import run_page
from headway.systems.notify.outbox import KEPT

if TYPE_CHECKING:
    from headway.systems.prefect.api import DeadRun


def notify_unfinished(connections: Connections, environment: str, error: HeadwayError) -> None:
    """Notify that an environment's last change is unfinished, with the cause and what finishes it, once per cause.

    Nothing is recorded of it. For what may be over in a moment people are notified once the change has waited a while.
    """
    try:
        snapshot = connections.at(connections.repo.head)
        config, path = snapshot.config, snapshot.place(environment)
        last = connections.repo.last_change(environment, path, snapshot.commit)
        notified = notified_entry(connections.repo, environment, last)
        if last.outcomes:
            return
        if isinstance(error, TransientError):
            known = notice_of(connections, config, environment, notified, "unfinished")
            if not is_overdue(last, datetime.now(UTC)):
                return
            if connections.dispatcher.outbox.knows(known.release, known.state):
                return
        cause = unfinished_cause(last, notified, error.message, error.hint)
        notify_entry(connections, config, environment, notified, "unfinished", cause=cause)
    except Exception as problem:  # noqa: BLE001 - the error itself is what matters here
        log_failure(problem)


def notify_missed(connections: Connections, config: Config, environment: str) -> None:
    """Correct what Slack and the source commits say of an environment's last change.

    Its note in the config repo says how it ended. The run that was to notify may have died before it could, and its
    outbox with it. Where this machine knows nothing of it either, another one may have notified: so only where
    notifying twice shows nothing twice.
    """
    if config.document.notify is None:
        return
    try:
        last = connections.repo.last_change(environment, config.place(environment))
        notified, now = notified_entry(connections.repo, environment, last), datetime.now(UTC)
        if not ended_lately(notified, now, timedelta(seconds=KEPT)):
            return
        notice = with_end(notice_of(connections, config, environment, notified, notified.state), notified)
        if connections.dispatcher.outbox.knows(notice.release, notice.state):
            return
        # The page of this run says nothing about that one.
        notice = dataclasses.replace(notice, links=links_to(connections, notified.commit, run=False))
        # Who was not notified of releases yet when it was made is not notified of it now.
        rules_then = connections.at(notified.commit).config
        then = {it.target for it in recipients_now(connections, rules_then, notice, now)}
        recipients = [
            it
            for it in recipients_now(connections, config, notice, now)
            if it.kind in IN_PLACE and it.target in then
        ]
        if recipients:
            connections.dispatcher.send(notice, recipients)
    except Exception as problem:  # noqa: BLE001 - what fails here is corrected by the next one
        log_failure(problem)


def notify_dead_run(
    connections: Connections, config: Config, run: DeadRun, state: str, cause: str, environment: str = ""
) -> bool:
    """Notify of a release whose run ended and does not go on; return False where that failed.

    Without its commit, it is in `state`. With it, it is unfinished: reconcile finishes it, and until that
    people are notified of what is left.
    """
    environment = environment or str(run.parameters.get("environment") or "")
    if environment not in config.environments:
        return True
    own = release_of(run, environment)
    if found := connections.repo.find_release(own):
        entry = connections.repo.entry(found).of(environment)
        if entry.outcomes:
            return True
        left = f"its commit {found[:9]} stays, and reconcile finishes it"
        undo = f"`headway rollback {environment}` undoes it"
        left_over = Cause(text=f"{cause}; {left}; {undo}")
        return notify_entry(connections, config, environment, entry, "unfinished", cause=left_over)
    notice = of_request(config.app, environment, own, run.flow, run.parameters, state, cause)
    page = run_page()
    links = (("run", f"{page.rpartition('/')[0]}/{run.run_id}"),) if page else ()
    return send(connections, config, dataclasses.replace(notice, links=links), known=True)


def release_of(run: DeadRun, environment: str) -> str:
    """Return the id of a run's release to an environment: the one it was given, or the one it gives itself."""
    given = str(run.parameters.get("release_id") or "")
    return given or new_release_id(run.asked, f"{run.run_id} {environment}")
