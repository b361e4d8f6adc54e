"""Notify of commits in the config repo: how a release goes on, how it ended, and what others did there."""

from __future__ import annotations

import dataclasses
import time

from headway.domain.config.reading import Config
from headway.domain.health.cause import NO_CAUSE, Cause
from headway.domain.health.verdict import Verdict
from headway.domain.notifications.notices import Notice
from headway.domain.notifications.releases import details_of, end_of, of_commit, of_push, push_id
from headway.domain.releases.ledger import Entry
from headway.domain.releases.message import Triple
from headway.operations.connections import Connections
from headway.operations.notices.sending import links_to, log_failure, send
from headway.operations.result import Result
from headway.runtime.steps import log
from headway.systems.git.config_repo import ConfigRepo

EVERY = 2.0
"""Seconds between two notices of a rollout's progress."""


def notify_entry(
    connections: Connections,
    config: Config,
    environment: str,
    entry: Entry,
    state: str,
    *,
    cause: Cause = NO_CAUSE,
    seconds: float = 0.0,
    progress: str = "",
    verdicts: tuple[Verdict, ...] = (),
) -> bool:
    """Notify of a release that has its commit; return False where that failed."""
    notice = dataclasses.replace(
        notice_of(connections, config, environment, entry, state),
        cause=cause,
        progress=progress,
        seconds=round(seconds, 1),
        details=details_of(verdicts),
    )
    return send(connections, config, notice)


def notify_end(
    connections: Connections, config: Config, environment: str, last: Entry, result: Result
) -> None:
    """Notify how a release ended; the end of a rollback is also the end of the release that it rolls back."""
    notified = notified_entry(connections.repo, environment, last)
    if (end := end_of(last, notified, result.state, result.cause)) is None:
        return
    state, cause = end
    notify_entry(
        connections, config, environment, notified, state,
        cause=cause, seconds=result.seconds, verdicts=result.verdicts,
    )  # fmt: skip


class RolloutNotices:
    """Reports a rollout's progress: each line to the log, and one in two seconds to those who are notified."""

    def __init__(self, connections: Connections, config: Config, environment: str, entry: Entry) -> None:
        self._connections, self._config = connections, config
        self._environment, self._entry = environment, entry
        self._last = 0.0

    def __call__(self, line: str) -> None:
        log(line)
        if self._config.document.notify is not None and time.monotonic() - self._last > EVERY:
            self._last = time.monotonic()
            notify_entry(
                self._connections, self._config, self._environment, self._entry, "releasing", progress=line
            )


def notify_noticed(
    connections: Connections,
    config: Config,
    environment: str,
    what: str,
    *,
    commit: str,
    about: str = "",
    cause: str = "",
    changes: tuple[Triple, ...] = (),
) -> None:
    """Notify of something that others did in the config repo, once for each `about` and commit."""
    log(f"warning: {environment}: {what}" + (f": {cause}" if cause else ""))
    notice = of_push(config.app, environment, what, commit=commit, about=about, cause=cause, changes=changes)
    send(connections, config, dataclasses.replace(notice, links=links_to(connections, commit)))


def is_noticed(connections: Connections, about: str, commit: str, environment: str) -> bool:
    """Return whether this machine notified people of it already."""
    try:
        return connections.dispatcher.outbox.knows(push_id(about, commit, environment), "noticed")
    except Exception as error:  # noqa: BLE001 - what is not known is notified
        log_failure(error)
        return False


def notice_of(connections: Connections, config: Config, environment: str, entry: Entry, state: str) -> Notice:
    """Return the notice of a commit in an environment, with its pages."""
    notice = of_commit(config.app, environment, entry, state)
    return dataclasses.replace(notice, links=links_to(connections, entry.commit))


def notified_entry(repo: ConfigRepo, environment: str, entry: Entry) -> Entry:
    """Return the commit that people are notified of: of a rollback, the one that it rolls back."""
    return repo.entry(entry.reverts).of(environment) if entry.reverts else entry
