"""Which entries of the ledger a person means, and which time. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from headway.domain.config.positions import did_you_mean
from headway.domain.releases.ledger import Entry
from headway.errors import UsageError

_AGE = re.compile(r"(\d+)\s*([mhdw])(?:\s+ago)?")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
KINDS = ("release", "promotion", "rollback", "lock", "policy", "push")
EXAMPLES = "a time is 2026-11-23, 2026-11-23T10:00, 2026-11-23T10:00+01:00, or an age: 90m, 12h, 7d, 2w"


def parse_time(text: str, now: datetime) -> datetime:
    """Read an ISO 8601 date or time (UTC where it names no zone), or an age such as 90m, 12h, 7d, `2w ago`.

    Raises UsageError with examples.
    """
    said = text.strip()
    if found := _AGE.fullmatch(said):
        try:
            return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
        except OverflowError:
            raise UsageError(f"{text!r} is longer ago than there is a time for", hint=EXAMPLES) from None
    try:
        time = datetime.fromisoformat(said)
    except ValueError:
        raise UsageError(f"{text!r} is not a time", hint=EXAMPLES) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def selected(
    entries: Iterable[Entry],
    *,
    service: str = "",
    kinds: Collection[str] = (),
    actor: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    pushed: Callable[[Entry], set[str]] = lambda entry: set(),
) -> Iterator[Entry]:
    """Yield the entries that fit every filter; an empty one fits all. Kind and actor are compared without case.

    `pushed` names the services that a person's own push changed, which its message does not say.
    """
    wanted = {kind.lower() for kind in kinds}
    if unknown := wanted - set(KINDS):
        raise UsageError(f"no kind {min(unknown)!r}{did_you_mean(min(unknown), KINDS)}")
    for entry in entries:
        if since is not None and entry.time < since:
            continue
        if until is not None and entry.time > until:
            continue
        if wanted and entry.kind.lower() not in wanted:
            continue
        if actor and entry.actor.lower() != actor.lower():
            continue
        if service and service not in (services_of(entry) if entry.record else pushed(entry)):
            continue
        yield entry


def services_of(entry: Entry) -> set[str]:
    """Return the services that an entry is about."""
    if entry.record is None:
        return set()
    named = {value for name, value in entry.record.trailers if name == "Service" and value}
    return named | {name for name, _, _ in entry.record.changes}
