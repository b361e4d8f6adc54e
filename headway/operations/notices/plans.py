"""Notify of releases that are not in the config repo yet: planned, waiting, or come to nothing."""

from __future__ import annotations

import dataclasses

from headway.domain.config.reading import Config
from headway.domain.notifications.notices import Notice
from headway.domain.notifications.releases import of_plan
from headway.domain.releases.plans import Plan
from headway.operations.connections import Connections
from headway.operations.notices.sending import links_to, send
from headway.operations.snapshot import Snapshot
from headway.runtime.steps import asked_before, run_identity


def notify_plan(
    connections: Connections,
    snapshot: Snapshot,
    plan: Plan,
    release_id: str,
    kind: str,
    state: str,
    *,
    actor: str,
    reason: str,
    cause: str = "",
) -> None:
    """Notify of a release that is not in the config repo yet; `snapshot` is what it was planned on."""
    config = snapshot.config
    notice = of_plan(config.app, plan, release_id, kind, state, actor=actor, reason=reason, cause=cause)
    if state == "waiting":
        notice = dataclasses.replace(notice, run=run_identity()[1], plan=plan.fingerprint)
    notice = dataclasses.replace(notice, links=links_to(connections))
    # Once there is nothing to change any more, what was to be changed is known from earlier notices.
    send(connections, config, notice, known=not plan.triples)


def notify_held(
    connections: Connections, snapshot: Snapshot, plan: Plan, kind: str, actor: str, cause: str
) -> None:
    """Notify, once for each plan, that automation would release something and that the cluster would refuse it."""
    held = f"held-{plan.fingerprint}"
    notify_plan(connections, snapshot, plan, held, kind, "rejected", actor=actor, reason="", cause=cause)


def notify_superseded(connections: Connections, config: Config, release_id: str, environment: str) -> None:
    """Notify that a release that waited was superseded by a newer one."""
    notice = Notice(release_id, config.app, environment, "release", "superseded")
    send(connections, config, notice, known=True)


def notified_before(connections: Connections, config: Config, release_id: str) -> bool:
    """Return whether people know of a release already: this machine notified them, or asked them to approve it."""
    if asked_before():
        return True
    return config.document.notify is not None and connections.dispatcher.outbox.last(release_id) is not None
