"""Notify of releases: Prefect by events, and everybody who is to be notified through the dispatcher.

A notification never fails a release: what goes wrong here is a line in the log.
"""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from headway.domain.config.reading import Config
from headway.domain.health.verdict import Verdict
from headway.domain.notifications.notices import FAILURES, IN_PLACE, Notice, Recipient, recipients_of, stamp
from headway.domain.releases.ledger import Entry, new_release_id
from headway.domain.releases.links import commit_page
from headway.domain.releases.plans import Plan
from headway.errors import HeadwayError, TransientError
from headway.operations.connections import Connections
from headway.operations.result import Result
from headway.operations.scan import source_of
from headway.runtime.steps import announce, asked_before, log, run_page
from headway.systems.git.source import resolve_url
from headway.systems.notify.outbox import KEPT

if TYPE_CHECKING:
    from headway.systems.prefect.api import DeadRun

AUTOMATIC = ("watch-registry", "headway")
EVERY = 2.0
OVERDUE = timedelta(minutes=10)
"""How long a change waits for a system that may answer in a moment before people are notified."""
KINDS = {"promote": "promotion", "rollback": "rollback"}
"""A flow's kind of release, where it is no plain one."""


def notify_plan(
    connections: Connections,
    plan: Plan,
    release_id: str,
    kind: str,
    state: str,
    *,
    actor: str,
    reason: str,
    cause: str = "",
) -> None:
    """Notify of a release that is not in the config repo yet."""
    config = connections.config(plan.base)
    notice = Notice(
        release=release_id,
        app=config.app,
        environment=plan.environment,
        kind=kind,
        state=state,
        changes=plan.triples,
        actor=actor,
        reason=reason,
        cause=cause,
        automatic=actor in AUTOMATIC,
        at=stamp(datetime.now(UTC)),
        links=_links(connections),
    )
    # Once there is nothing to change any more, what was to be changed is known from earlier notices.
    _notify(connections, config, notice, as_known=not plan.triples)


def notify_held(connections: Connections, plan: Plan, kind: str, actor: str, cause: str) -> None:
    """Notify, once for each plan, that automation would release something and that the cluster would refuse it."""
    held = f"held-{plan.fingerprint}"
    notify_plan(connections, plan, held, kind, "rejected", actor=actor, reason="", cause=cause)


def notify_entry(
    connections: Connections,
    config: Config,
    environment: str,
    entry: Entry,
    state: str,
    *,
    cause: str = "",
    seconds: float = 0.0,
    progress: str = "",
    verdicts: tuple[Verdict, ...] = (),
) -> bool:
    """Notify of a release that has its commit; return False where that failed."""
    details = (
        line for it in verdicts if it.status == "failed" and it.logs for line in (f"{it.pod}:", *it.logs)
    )
    notice = dataclasses.replace(
        _of_entry(connections, config, environment, entry, state),
        cause=cause,
        progress=progress,
        seconds=round(seconds, 1),
        details=tuple(details),
    )
    return _notify(connections, config, notice)


def notify_end(
    connections: Connections, config: Config, environment: str, last: Entry, result: Result
) -> None:
    """Notify how a release ended; the end of a rollback is also the end of the release that it rolls back."""
    notified = _notified_entry(connections, environment, last)
    state, cause = result.state, result.cause
    if notified is not last:
        if state == "superseded":
            return
        state, cause = "rolled-back", notified.cause
        if result.state == "failed":
            state, cause = "failed", f"{cause}; rolling back did not succeed either: {result.cause}"
    notify_entry(
        connections, config, environment, notified, state,
        cause=cause, seconds=result.seconds, verdicts=result.verdicts,
    )  # fmt: skip


def notify_unfinished(connections: Connections, environment: str, error: HeadwayError) -> None:
    """Notify that an environment's last change is unfinished, with the cause and what finishes it, once per cause.

    Nothing is recorded of it. For what may be over in a moment people are notified once the change has waited a while.
    """
    try:
        config = connections.config(connections.repo.head)
        last = connections.repo.last_change(environment, config.environment(environment).path)
        notified = _notified_entry(connections, environment, last)
        if last.outcomes:
            return
        if isinstance(error, TransientError):
            known = _of_entry(connections, config, environment, notified, "unfinished")
            young = datetime.now(UTC) - last.time < OVERDUE
            if young or connections.dispatcher.outbox.knows(known.release, known.state):
                return
        cause = "; ".join(filter(None, (error.message, error.hint)))
        if notified is not last:
            cause = f"{notified.cause or 'it failed'}; rolling back to what was live is unfinished: {cause}"
        notify_entry(connections, config, environment, notified, "unfinished", cause=cause)
    except Exception as problem:  # noqa: BLE001 - the error itself is what matters here
        _log_failure(problem)


def notify_missed(connections: Connections, config: Config, environment: str) -> None:
    """Correct what Slack and the source commits say of an environment's last change.

    Its note in the config repo says how it ended. The run that was to notify may have died before it could, and its
    outbox with it. Where this machine knows nothing of it either, another one may have notified: so only where
    notifying twice shows nothing twice.
    """
    notify = config.document.notify
    if notify is None:
        return
    try:
        last = connections.repo.last_change(environment, config.environment(environment).path)
        notified = _notified_entry(connections, environment, last)
        notice = _of_entry(connections, config, environment, notified, notified.state)
        now = datetime.now(UTC)
        if not notified.outcomes or now - notified.outcomes[-1].at > timedelta(seconds=KEPT):
            return
        if connections.dispatcher.outbox.knows(notice.release, notice.state):
            return
        ended = notified.outcomes[-1]
        notice = dataclasses.replace(
            notice,
            cause=notified.cause if notified.state in FAILURES else "",
            seconds=round(ended.seconds, 1),
            at=stamp(ended.at),
            links=_links(connections, notified.commit, run=False),
            corrects=True,
        )
        # Who was not notified of releases yet when it was made is not notified of it now.
        then = {
            it.target for it in _recipients(connections, connections.config(notified.commit), notice, now)
        }
        recipients = [
            it
            for it in _recipients(connections, config, notice, now)
            if it.kind in IN_PLACE and it.target in then
        ]
        if recipients:
            connections.dispatcher.send(notice, recipients)
    except Exception as problem:  # noqa: BLE001 - what fails here is corrected by the next one
        _log_failure(problem)


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
        return notify_entry(
            connections, config, environment, entry, "unfinished", cause=f"{cause}; {left}; {undo}"
        )
    page = run_page()
    notice = Notice(
        release=own,
        app=config.app,
        environment=environment,
        kind=KINDS.get(run.flow, "release"),
        state=state,
        changes=tuple((it["service"], "", it["image"]) for it in run.parameters.get("images", ())),
        actor=str(run.parameters.get("actor") or ""),
        reason=str(run.parameters.get("reason") or ""),
        cause=cause,
        at=stamp(datetime.now(UTC)),
        links=(("run", f"{page.rpartition('/')[0]}/{run.run_id}"),) if page else (),
    )
    return _notify(connections, config, notice, as_known=True)


def release_of(run: DeadRun, environment: str) -> str:
    """Return the id of a run's release to an environment: the one it was given, or the one it gives itself."""
    given = str(run.parameters.get("release_id") or "")
    return given or new_release_id(run.asked, f"{run.run_id} {environment}")


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
    changes: tuple[tuple[str, str, str], ...] = (),
) -> None:
    """Notify of something that others did in the config repo, once for each `about` and commit."""
    log(f"warning: {environment}: {what}" + (f": {cause}" if cause else ""))
    notice = Notice(
        release=_noticed(about, commit, environment),
        app=config.app,
        environment=environment,
        kind="push",
        state="noticed",
        changes=changes,
        reason=what,
        cause=cause,
        commit=commit,
        at=stamp(datetime.now(UTC)),
        links=_links(connections, commit),
    )
    _notify(connections, config, notice)


def is_noticed(connections: Connections, about: str, commit: str, environment: str) -> bool:
    """Return whether this machine notified people of it already."""
    try:
        return connections.dispatcher.outbox.knows(_noticed(about, commit, environment), "noticed")
    except Exception as error:  # noqa: BLE001 - what is not known is notified
        _log_failure(error)
        return False


def _noticed(about: str, commit: str, environment: str) -> str:
    return f"{about or 'noticed'}-{commit[:12]}-{environment}"


def notify_superseded(connections: Connections, config: Config, release_id: str, environment: str) -> None:
    """Notify that a release that waited was superseded by a newer one."""
    notice = Notice(release_id, config.app, environment, "release", "superseded", at=stamp(datetime.now(UTC)))
    _notify(connections, config, notice, as_known=True)


def notified_before(connections: Connections, config: Config, release_id: str) -> bool:
    """Return whether people know of a release already: this machine notified them, or asked them to approve it."""
    if asked_before():
        return True
    return config.document.notify is not None and connections.dispatcher.outbox.last(release_id) is not None


def _of_entry(connections: Connections, config: Config, environment: str, entry: Entry, state: str) -> Notice:
    record = entry.record
    # A commit may change several environments: each has a notice of its own.
    own = entry.release_id if entry.environment == environment else ""
    return Notice(
        release=own or f"{entry.release_id or entry.commit[:12]}-{environment}",
        app=config.app,
        environment=environment,
        kind=entry.kind or "commit",
        state=state,
        changes=record.changes if record else (),
        actor=entry.actor,
        reason=entry.reason or ("" if record else entry.subject),
        commit=entry.commit,
        automatic=entry.actor in AUTOMATIC,
        at=stamp(datetime.now(UTC)),
        links=_links(connections, entry.commit),
    )


def _notified_entry(connections: Connections, environment: str, entry: Entry) -> Entry:
    """Return the commit that people are notified of: of a rollback, the one that it rolls back."""
    return connections.repo.entry(entry.reverts).of(environment) if entry.reverts else entry


def _notify(connections: Connections, config: Config, notice: Notice, *, as_known: bool = False) -> bool:
    """Notify of a state; `as_known` fills in what this machine's earlier notices of the release say.

    Return False where it could not be written down.
    """
    try:
        outbox = connections.dispatcher.outbox
        if as_known and (known := outbox.last(notice.release)):
            notice = dataclasses.replace(
                known, state=notice.state, cause=notice.cause, at=notice.at, progress="", corrects=False
            )
        if not notice.progress:
            announce(notice, outbox.first)
        if config.document.notify is None:
            return True
        recipients = _recipients(connections, config, notice, datetime.now(UTC))
        if notice.progress:
            # Only a message that changes in its place can follow each step.
            recipients = [it for it in recipients if it.kind == "slack"]
        if recipients:
            connections.dispatcher.send(notice, recipients)
    except Exception as error:  # noqa: BLE001 - a release never fails because nobody could be notified of it
        _log_failure(error)
        return False
    return True


def _log_failure(error: Exception) -> None:
    said = error.message if isinstance(error, HeadwayError) else f"{type(error).__name__}: {error}"
    log(f"nobody could be notified of this: {said}")


def _recipients(connections: Connections, config: Config, notice: Notice, now: datetime) -> list[Recipient]:
    """Return who receives a notice: people, programs, and the hosts of the source commits."""
    notify = config.document.notify
    recipients = recipients_of(notify, notice, now)
    if notify is not None and notify.commits and not notice.progress and notice.state != "noticed":
        recipients += [Recipient("commit", it, now) for it in _commits(connections, config, notice)]
    return recipients


def _links(connections: Connections, commit: str = "", *, run: bool = True) -> tuple[tuple[str, str], ...]:
    settings = connections.settings
    found = [
        ("run", run_page() if run else ""),
        ("commit", commit_page(connections.repo.url, commit, settings.commit_url) if commit else ""),
    ]
    return tuple((name, url) for name, url in found if url)


def _commits(connections: Connections, config: Config, notice: Notice) -> list[str]:
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
