"""What flows tell of a release: to Prefect as events, and by the courier to those who hear it.

Telling never fails a release: what goes wrong here is a line in the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from headway.connections import Connections
from headway.domain.config import Config
from headway.domain.health import Verdict
from headway.domain.history import Entry
from headway.domain.links import commit_page
from headway.domain.notices import Heard, Notice, stamp, who_hears
from headway.domain.plans import Plan
from headway.steps import announce, log, run_page
from headway.systems.source import resolve_url
from headway.watching import source_of

AUTOMATIC = ("watch-registry", "headway")
EVERY = 2.0


def tell_plan(
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
    """Tell of a release that is not in the config repo yet."""
    config = connections.config(plan.base)
    _tell(
        connections,
        config,
        Notice(
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
        ),
    )


def tell_entry(
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
) -> None:
    """Tell of a release by its commit."""
    record = entry.record
    _tell(
        connections,
        config,
        Notice(
            release=entry.release_id or entry.commit[:12],
            app=config.app,
            environment=environment,
            kind=entry.kind or "commit",
            state=state,
            changes=record.changes if record else (),
            actor=entry.actor,
            reason=entry.reason or ("" if record else entry.subject),
            commit=entry.commit,
            cause=cause,
            progress=progress,
            seconds=round(seconds, 1),
            automatic=entry.actor in AUTOMATIC,
            at=stamp(datetime.now(UTC)),
            links=_links(connections, entry.commit),
            details=tuple(
                line
                for it in verdicts
                if it.status == "failed" and it.logs
                for line in (f"{it.pod}:", *it.logs)
            ),
        ),
    )


def teller(connections: Connections, config: Config, environment: str, entry: Entry) -> Callable[[str], None]:
    """Give what tells of a rollout's progress: each line to the log, and one in two seconds to those who hear."""
    last = 0.0

    def progress(line: str) -> None:
        nonlocal last
        log(line)
        if config.document.notify is not None and time.monotonic() - last > EVERY:
            last = time.monotonic()
            tell_entry(connections, config, environment, entry, "releasing", progress=line)

    return progress


def tell_superseded(connections: Connections, config: Config, release_id: str, environment: str) -> None:
    """Tell of a release that waited and that a newer one took the place of."""
    known = connections.courier.outbox.last(release_id) if config.document.notify is not None else None
    base = known or Notice(release_id, config.app, environment, "release", "superseded")
    fields = {name: getattr(base, name) for name in Notice.__slots__}
    _tell(connections, config, Notice(**{**fields, "state": "superseded", "at": stamp(datetime.now(UTC))}))


def _tell(connections: Connections, config: Config, notice: Notice) -> None:
    try:
        if not notice.progress:
            announce(notice)
        notify = config.document.notify
        if notify is None:
            return
        now = datetime.now(UTC)
        heard = who_hears(notify, notice, now)
        if notify.commits and not notice.progress:
            heard += [Heard("commit", it, now) for it in _commits(connections, config, notice)]
        if notice.progress:
            # Only a message that changes in its place can follow each step.
            heard = [it for it in heard if it.kind == "slack"]
        if heard:
            connections.courier.send(notice, heard)
    except Exception as error:  # noqa: BLE001 - a release never fails because nobody could be told of it
        log(f"this could not be told: {type(error).__name__}: {error}")


def _links(connections: Connections, commit: str = "") -> tuple[tuple[str, str], ...]:
    settings = connections.settings
    found = [
        ("run", run_page()),
        ("commit", commit_page(connections.repo.url, commit, settings.commit_url) if commit else ""),
        ("board", settings.board_url),
    ]
    return tuple((name, url) for name, url in found if url)


def _commits(connections: Connections, config: Config, notice: Notice) -> list[str]:
    """Name the source commits of what is released, where a token for their host is set."""
    from headway.systems.code_hosts import place_of

    settings = connections.settings
    github, gitlab = (bool(it.get_secret_value()) for it in (settings.github_token, settings.gitlab_token))
    found: dict[str, None] = {}
    for service, _, new in notice.changes:
        definition = config.services.get(service)
        source = source_of(connections, config, service, new) if definition is not None else None
        if source is None or definition is None or definition.source is None:
            continue
        host, path = place_of(resolve_url(settings.config_repo(), definition.source.repo))
        kind = "gitlab" if gitlab and ("gitlab" in host or not github) else "github" if github else ""
        if kind and path:
            found[f"{kind} {host} {path} {source[0]}"] = None
    return list(found)
