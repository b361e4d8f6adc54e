"""What waits for what in an environment: windows, locks, soak, approvals, vetoes. It only looks."""

from __future__ import annotations

from datetime import datetime

from headway.domain.policy.backoff import LOOK_BACK, waiting_lines
from headway.domain.policy.gates import is_automatic, opening_of
from headway.domain.releases.ledger import short_tag
from headway.errors import HeadwayError
from headway.operations.automation import automatic_services, eligible
from headway.operations.connections import Connections
from headway.operations.snapshot import Snapshot


def waits(connections: Connections, snapshot: Snapshot, name: str, now: datetime) -> list[str]:
    """Say, line by line, what holds releases of an environment back now."""
    config, holds = snapshot.config, snapshot.holds
    found: list[str] = []
    state = opening_of(config, name, now)
    if not state.open:
        until = f", until {state.until:%Y-%m-%d %H:%M} UTC" if state.until else ""
        found.append(f"releases wait{until}: {state.why}")
    for lock in holds.at(now).locks:
        if lock.environment == name and lock.service in ("", *config.services):
            what = lock.service or "everything here"
            found.append(_said(f"{what} is locked{lock.ends}", lock.by, lock.at, lock.why))
    for fact in holds.overrides:
        if fact.environment == name:
            found.append(
                _said(f"{fact.service or 'everything here'} is {fact.release}", fact.by, fact.at, fact.why)
            )
    for veto in holds.vetoes:
        if veto.environment == name and veto.service in config.services:
            image = short_tag(f":{veto.tag}" if veto.tag else veto.digest)
            word, way_out = "vetoed", f"unveto {name} {veto.service} {veto.tag or veto.digest}"
            if veto.by_choice:
                word, way_out = "held back", f"automate {name} {veto.service}"
            what = _said(f"{veto.service} {image} is {word}", veto.by, veto.at, veto.why)
            found.append(f"{what}; `headway {way_out}` ends that")
    if any(is_automatic(config, holds, name, it) for it in config.services):
        # What runs out by itself, as automation's next look finds it.
        path = snapshot.place(name)
        log = connections.repo.log(name, path=path, limit=LOOK_BACK, head=snapshot.commit)
        found += waiting_lines(log, now)
    automatic = automatic_services(snapshot, [name], now)[name]
    if automatic.source and automatic.services:
        found += eligible(connections, snapshot, automatic, now).waits
    if snapshot.rules(name).approvals:
        found += _approvals(connections, config.app, name)
    return found


def _said(what: str, by: str, at: str, why: str) -> str:
    return what + (f" by {by}" if by else "") + (f" since {at}" if at else "") + (f": {why}" if why else "")


def _approvals(connections: Connections, app: str, name: str) -> list[str]:
    url = connections.settings.prefect_url()
    if not url:
        return []
    from headway.systems.prefect.api import PrefectApi

    try:
        with PrefectApi(url) as api:
            return [
                f"plan {api.question(it)[0]} waits for an approval: {it.name}; `headway approve {name}`"
                for it in api.waiting(app, name)
            ]
    except HeadwayError as error:
        return [f"what waits for an approval is not known: {error.message}"]
