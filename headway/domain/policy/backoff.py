"""How long automation waits before it tries again what the cluster had no room for.

A release that failed by a shortage is rolled back and vetoes nothing: its image may come again. At once it
would fail by the same shortage, so each further attempt waits twice as long, a day at most. People wait
for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from headway.domain.releases.ledger import Entry, short_tag

FIRST, MOST = timedelta(minutes=15), timedelta(days=1)
LOOK_BACK = 60
"""How many commits of an environment are searched for such failures."""


def tried_again_at(entries: Iterable[Entry]) -> dict[tuple[str, str], datetime]:
    """Return when automation may try an image again, by (service, digest); `entries` are an environment's."""
    known = list(entries)
    by_commit = {it.commit: it for it in known}
    times: dict[tuple[str, str], list[datetime]] = {}
    for back in known:
        failed = by_commit.get(back.reverts) if back.reverts else None
        if failed is None or failed.blames or back.record is None:
            continue
        at = max(it.at for it in failed.outcomes if it.state == "failed")
        for service, old, _ in back.record.changes:
            if digest := old.digest:
                times.setdefault((service, digest), []).append(at)
    return {key: max(found) + min(FIRST * 2 ** min(len(found) - 1, 10), MOST) for key, found in times.items()}


def waiting_lines(entries: Iterable[Entry], now: datetime) -> list[str]:
    """Return which images automation waits with after a shortage, and until when."""
    known = list(entries)
    tags = {
        (service, digest): short_tag(old)
        for it in known
        if it.record is not None
        for service, old, _ in it.record.changes
        if (digest := old.digest)
    }
    runs: dict[str, str] = {}
    for it in known:
        for service, _, new in it.record.changes if it.record is not None else ():
            runs.setdefault(service, new.digest)
    return [
        f"{service} {tags[service, digest]} failed for lack of something; automation does not try it again before "
        f"{at:%Y-%m-%d %H:%M} UTC, a person may at once"
        for (service, digest), at in tried_again_at(known).items()
        if at > now and runs.get(service) != digest
    ]
