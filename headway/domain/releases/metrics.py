"""The four DORA metrics of each environment and service, from the ledger alone. Pure.

    deployment frequency   deployments that became live, per day of the window
    lead time              from the source commit's time to the first `live`
    change failure rate    the share of deployments that failed, or that were rolled back later
    time to restore        from the failure to what was live after it

A deployment is a release, a promotion or a person's push; what was superseded counts as none.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from headway.domain.images.reference import Image
from headway.domain.releases.ledger import Entry

DEPLOYING = frozenset({"release", "promotion", "push"})
REVERTS, SOURCE = "Reverts", "Source"


@dataclass(frozen=True, slots=True)
class Row:
    """One environment, or one service in it; times in seconds, None where there is nothing to measure."""

    environment: str
    service: str
    deployments: int
    per_day: float
    lead_median: float | None
    lead_p90: float | None
    lead_n: int
    failure_rate: float | None
    failed: int
    ended: int
    restore_median: float | None
    restore_n: int

    def as_dict(self) -> dict[str, object]:
        """Return what `--output json` prints."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Deployment:
    entry: Entry
    live: datetime | None
    failed: datetime | None
    rolled_back: Entry | None
    restored: datetime | None

    @property
    def ended(self) -> datetime | None:
        """Return when it was known how it ended, live or not."""
        if self.live is None or self.failed is None:
            return self.live or self.failed
        return min(self.live, self.failed)


def metrics(
    entries: Iterable[Entry],
    since: datetime,
    until: datetime,
    environments: Sequence[str],
    services: Sequence[str],
) -> list[Row]:
    """Work out the metrics of a window, a row for each environment and one for each of its services.

    `entries` are the ledger's, the newest first, and go back far enough to hold the window.
    """
    everything = list(entries)[::-1]
    days = max((until - since).total_seconds() / 86_400, 1e-9)
    rows: list[Row] = []
    for name in environments:
        mine = [
            it.of(name) for it in everything if name in (it.environment, *it.environments) and _counts(it)
        ]
        rows.append(_row(name, "", _deployments(mine, ""), since, until, days))
        for service in services:
            found = _deployments(mine, service)
            if found:
                rows.append(_row(name, service, found, since, until, days))
    return rows


def _counts(entry: Entry) -> bool:
    return entry.kind in DEPLOYING or entry.kind == "rollback"


def _deployments(entries: Sequence[Entry], service: str) -> list[_Deployment]:
    """Return of each deployment, the oldest first, when it was live, whether it failed, and what restored it."""
    brought: dict[tuple[str, Image], int] = {}
    rolled_back: dict[int, Entry] = {}
    restored: dict[int, datetime] = {}
    open_: list[int] = []
    chosen = [it for it in entries if not service or it.kind == "rollback" or service in _images(it)]
    when = [(_first(it, "live"), _first(it, "failed")) for it in chosen]
    for place, (entry, (live, failed)) in enumerate(zip(chosen, when, strict=True)):
        if entry.kind == "rollback" and entry.record is not None:
            by_itself = any(name == REVERTS for name, _ in entry.record.trailers)
            for name, old, _ in entry.record.changes:
                bad = brought.get((name, old))
                if bad is not None and not by_itself and (not service or name == service):
                    rolled_back.setdefault(bad, entry)
                    if live is not None:
                        restored.setdefault(bad, live)
        if live is not None:
            for bad in open_:
                restored.setdefault(bad, live)
            open_.clear()
        if entry.kind in DEPLOYING:
            brought |= dict.fromkeys(_images(entry).items(), place)
            if failed is not None:
                open_.append(place)
    return [
        _Deployment(it, *when[place], rolled_back.get(place), restored.get(place))
        for place, it in enumerate(chosen)
        if it.kind in DEPLOYING
    ]


def _row(
    name: str, service: str, found: list[_Deployment], since: datetime, until: datetime, days: float
) -> Row:
    live = [it for it in found if it.live is not None and since <= it.live <= until]
    ended = [it for it in found if (end := it.ended) is not None and since <= end <= until]
    failed = [it for it in ended if it.failed is not None or it.rolled_back is not None]
    leads = sorted(
        (it.live - time).total_seconds()
        for it in live
        for of, time in _sources(it.entry)
        if it.live is not None and (not service or of == service) and time <= it.live
    )
    restores = [
        (it.restored - start).total_seconds()
        for it in failed
        if it.restored is not None and (start := it.failed or it.live) is not None
    ]
    return Row(
        environment=name,
        service=service,
        deployments=len(live),
        per_day=round(len(live) / days, 4),
        lead_median=statistics.median(leads) if leads else None,
        lead_p90=leads[math.ceil(0.9 * len(leads)) - 1] if leads else None,
        lead_n=len(leads),
        failure_rate=round(len(failed) / len(ended), 4) if ended else None,
        failed=len(failed),
        ended=len(ended),
        restore_median=statistics.median(restores) if restores else None,
        restore_n=len(restores),
    )


def _images(entry: Entry) -> dict[str, Image]:
    return {name: new for name, _, new in entry.record.changes} if entry.record else {}


def _first(entry: Entry, state: str) -> datetime | None:
    for it in entry.outcomes:
        if it.state == state:
            return it.at
    return None


def _sources(entry: Entry) -> list[tuple[str, datetime]]:
    """Read the source commits' times: `Headway-Source: SERVICE SHA1 TIME`."""
    found = []
    for name, value in entry.record.trailers if entry.record else ():
        words = value.split()
        if name == SOURCE and len(words) == 3:
            try:
                found.append((words[0], datetime.fromisoformat(words[2])))
            except ValueError:
                continue
    return found
