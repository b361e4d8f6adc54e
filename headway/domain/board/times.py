"""Times as people say them: how long ago, how long, open until when. A time is passed in, never asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from headway.domain.rules.windows import closing, opening, parse_window


def duration(span: timedelta) -> str:
    """Return a span in its largest unit: 45 s, 12 min, 3 h, 5 d."""
    seconds = max(int(span.total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def window_words(windows: Sequence[str], freezes: Sequence[str], now: datetime) -> tuple[str, bool]:
    """Return whether releases are let through now, in words and as a fact; no words where nothing limits them."""
    if not windows and not freezes:
        return "", True
    parsed, frozen = [parse_window(it) for it in windows], [parse_window(it) for it in freezes]
    zone = (parsed or frozen)[0].zone
    state = opening(parsed, frozen, now)
    if state.open:
        until = closing(parsed, frozen, now)
        return ("open" if until is None else f"open until {moment(until, zone, now)}"), True
    word = "frozen, opens" if state.why.startswith("frozen") else "opens"
    return ("closed" if state.until is None else f"{word} {moment(state.until, zone, now)}"), False


def moment(time: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return a time in a place: 17:00 London today, Mon 09:00 London this week, 2 Jan 09:00 London later."""
    local, today = time.astimezone(zone), now.astimezone(zone).date()
    place = zone.key.rpartition("/")[2].replace("_", " ")
    days = (local.date() - today).days
    if days == 0:
        return f"{local:%H:%M} {place}"
    return f"{local:%a %H:%M} {place}" if days < 7 else f"{local.day} {local:%b %H:%M} {place}"
