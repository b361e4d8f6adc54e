"""Hand a notice to Prefect, as an event, and to the dispatcher for everybody who is to be notified.

A notification never fails a release: what goes wrong here is a line in the log.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from headway.domain.config.reading import Config
from headway.domain.notifications.notices import Notice, Recipient, recipients_of, stamp
from headway.domain.notifications.releases import as_known, has_its_commit, that_follow
from headway.domain.releases.links import commit_page
from headway.errors import HeadwayError
from headway.operations.connections import Connections
from headway.operations.scan.histories import source_of
from headway.runtime.steps import announce, log, run_page
from headway.systems.git.source import resolve_url


def send(connections: Connections, config: Config, notice: Notice, *, known: bool = False) -> bool:
    """Notify of a state as of now; `known` fills in what this machine's earlier notices of the release say.

    Return False where it could not be written down.
    """
    try:
        now = datetime.now(UTC)
        notice = dataclasses.replace(notice, at=stamp(now))
        outbox = connections.dispatcher.outbox
        if known and (earlier := outbox.last(notice.release)):
            notice = as_known(earlier, notice)
        if not notice.progress:
            announce(notice, outbox.first)
        if config.document.notify is None:
            return True
        if has_its_commit(notice):
            outbox.supersede_buttons(notice)
        if recipients := that_follow(recipients_now(connections, config, notice, now), notice):
            connections.dispatcher.send(notice, recipients)
    except Exception as error:  # noqa: BLE001 - a release never fails because nobody could be notified of it
        log_failure(error)
        return False
    return True


def log_failure(error: Exception) -> None:
    """Log that a notification failed, which is all that comes of it."""
    said = error.message if isinstance(error, HeadwayError) else f"{type(error).__name__}: {error}"
    log(f"nobody could be notified of this: {said}")


def recipients_now(
    connections: Connections, config: Config, notice: Notice, now: datetime
) -> list[Recipient]:
    """Return who receives a notice: people, programs, and the hosts of the source commits."""
    notify = config.document.notify
    recipients = recipients_of(notify, notice, now)
    if notify is not None and notify.commits and not notice.progress and notice.state != "noticed":
        recipients += [Recipient("commit", it, now) for it in source_commits(connections, config, notice)]
    return recipients


def links_to(connections: Connections, commit: str = "", *, run: bool = True) -> tuple[tuple[str, str], ...]:
    """Return the pages that a notice leads to: this run's, and the commit's."""
    settings = connections.settings
    found = [
        ("run", run_page() if run else ""),
        ("commit", commit_page(connections.repo.url, commit, settings.commit_url) if commit else ""),
    ]
    return tuple((name, url) for name, url in found if url)


def source_commits(connections: Connections, config: Config, notice: Notice) -> list[str]:
    """Return the source commits of what is released, where a token for their host, and for no other, is set."""
    from headway.systems.notify.code_hosts import repo_of

    hosts = {it.name: it for it in connections.dispatcher.hosts()}
    found: dict[str, None] = {}
    for service, _, new in notice.changes:
        definition = config.services.get(service)
        if not hosts or definition is None or definition.source is None:
            continue
        name, path = repo_of(resolve_url(connections.settings.config_repo(), definition.source.repo))
        source = source_of(connections, config, service, new) if name in hosts else None
        if source is not None:
            found[f"{hosts[name].kind} {name} {path} {source[0]}"] = None
    return list(found)
