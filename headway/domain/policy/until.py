"""Until when a lock holds, as a person types it: read once, in the time zone of the environment.

    2h, 90m, 1d, 1h30m           from now
    17:00                        the next time that the clocks there show it
    Fri 17:00                    the next Friday at that time, today too
    2026-11-27 17:00             a day and a time there
    2026-11-27T17:00Z            the same everywhere; +01:00 is understood too

A time zone at the end (`Fri 17:00 America/New_York`) counts instead. What may mean two things, does not exist
or is over is refused, and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headway.domain.rules.windows import DAYS, at_clock, parse_window
from headway.errors import UsageError

EXAMPLE = "for example 2h, 17:00, Fri 17:00, 2026-11-27 17:00 or 2026-11-27T17:00Z"
LONGEST = timedelta(days=3660)
_FULL = dict(
    zip(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), range(7), strict=True)
)
_NAMES = {**_FULL, **{name: at for at, name in enumerate(DAYS)}}
_SPAN = re.compile(r"(?=\d)(?:(\d{1,4}) ?d)? ?(?:(\d{1,5}) ?h)? ?(?:(\d{1,6}) ?(?:m|min))?", re.IGNORECASE)
_CLOCK = re.compile(r"(?:([a-z]+),? )?([01]?\d|2[0-3]):([0-5]\d)", re.IGNORECASE)
_DATED = re.compile(r"(\d{4}-\d\d-\d\d)[ T]([01]\d|2[0-3]):([0-5]\d)(?:(?::[0-5]\d)?(Z|[+-]\d\d:?\d\d))?")


def zone_of(windows: Iterable[str]) -> ZoneInfo:
    """Return the time zone of an environment: its first window's or freeze's; UTC where it has none."""
    return next((parse_window(it).zone for it in windows), ZoneInfo("UTC"))


def parse_until(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the time in UTC that a text means in a time zone; raise UsageError that shows how one is written."""
    said = " ".join(text.split())
    words, zone = _without_zone(said, zone)
    try:
        found = _read(words, zone, now)
    except (ValueError, OverflowError):
        raise UsageError(f"{said!r} has a day or a time that does not exist", hint=EXAMPLE) from None
    if found is None:
        raise UsageError(f"{said!r} is no time that a lock can end at{_unclear(words)}", hint=EXAMPLE)
    if found <= now:
        raise UsageError(f"{said!r} is over: it is {now.astimezone(zone):%a %H:%M} {zone.key}", hint=EXAMPLE)
    if found - now > LONGEST:
        raise UsageError(f"{said!r} is more than ten years away", hint="lock it without an end")
    return found


def _read(words: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    if found := _SPAN.fullmatch(words):
        days, hours, minutes = (int(it or 0) for it in found.groups())
        return now.astimezone(UTC) + timedelta(days=days, hours=hours, minutes=minutes)
    if found := _CLOCK.fullmatch(words):
        return _next(found[1], int(found[2]) * 60 + int(found[3]), zone, now)
    if found := _DATED.fullmatch(words):
        if found[4]:
            return datetime.fromisoformat(words).astimezone(UTC)
        return at_clock(date.fromisoformat(found[1]), int(found[2]) * 60 + int(found[3]), zone, end=True)
    return None


def _next(day: str | None, minutes: int, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the next time that the clocks show it, on a day of the week or on any."""
    if day is not None and day.lower() not in _NAMES:
        return None
    today = now.astimezone(zone).date()
    for ahead in range(8):
        then = today + timedelta(days=ahead)
        if day is not None and then.weekday() != _NAMES[day.lower()]:
            continue
        if (at := at_clock(then, minutes, zone, end=True)) > now:
            return at
    return None


def _without_zone(said: str, zone: ZoneInfo) -> tuple[str, ZoneInfo]:
    """Return a text without the time zone at its end, and that zone; the other one where none is there."""
    words, _, last = said.rpartition(" ")
    if not words or not (last == "UTC" or re.fullmatch(r"[A-Za-z]+/[A-Za-z0-9_+/-]+", last)):
        return said, zone
    try:
        return words, ZoneInfo(last)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{last!r} is not a time zone", hint="for example UTC, Europe/London, America/New_York"
        ) from None


def _unclear(words: str) -> str:
    if words.lower() in _NAMES or re.fullmatch(r"\d{4}-\d\d-\d\d", words):
        return ": say the time of that day too"
    if re.search(r"\d ?(am|pm)\b", words, re.IGNORECASE):
        return ": write hours from 0 to 23, such as 17:00"
    return ": give a unit, such as 2h" if words.isdigit() else ""
