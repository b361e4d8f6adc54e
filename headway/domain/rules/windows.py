"""Windows and freezes: when automation may release, in a place's own time, also where clocks change.

    mon-thu 09:00-17:00 Europe/London            each week
    fri 22:00-02:00 Europe/London                over midnight
    2026-12-20 - 2027-01-02 Europe/London        whole days, the last one too
    2026-12-24 12:00 - 2026-12-27 08:00 UTC      from one minute to another

A time that the clocks skip counts as the moment after the gap, and one that they repeat
as its first occurrence at a start and its second at an end: a window is never shorter than the clocks
on the wall show it. One that lies in a gap whole begins after the gap and lasts as long as it says.
What ends with the year 9999 never ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headway.errors import UsageError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXAMPLE = "for example: mon-thu 09:00-17:00 Europe/London, or 2026-12-20 - 2027-01-02 Europe/London"
AHEAD = 400
"""Days that are searched for the next opening."""

_CLOCK = r"([01]\d|2[0-4]):([0-5]\d)"
_WEEKLY = re.compile(
    rf"([a-z]{{3}}(?:[-,][a-z]{{3}})*|daily)\s+{_CLOCK}-{_CLOCK}(?:\s+(\S+))?", re.IGNORECASE
)
_MOMENT = r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d))?"
_DATED = re.compile(rf"{_MOMENT}\s+-\s+{_MOMENT}(?:\s+(\S+))?")

Span = tuple[datetime, datetime]
FIRST, LAST = (it.replace(tzinfo=UTC) for it in (datetime.min, datetime.max))


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time: on days of the week from minute to minute, or once from `start` to `end`.

    Minutes count from midnight; an `until` that is not after `since` is on the next day.
    """

    text: str
    zone: ZoneInfo
    days: frozenset[int] = frozenset()
    since: int = 0
    until: int = 0
    once: Span | None = None

    def spans(self, first: date, last: date) -> Iterable[Span]:
        """Yield its stretches that begin on the days from `first` to `last`, in UTC."""
        if self.once is not None:
            yield self.once
            return
        day = first
        while day <= last:
            if day.weekday() in self.days:
                until = self.until + (24 * 60 if self.until <= self.since else 0)
                start = at_clock(day, self.since, self.zone, end=False)
                yield start, _end(start, at_clock(day, until, self.zone, end=True), until - self.since)
            day += timedelta(days=1)


def parse_window(text: str) -> Window:
    """Read a window or a freeze; raise UsageError that shows how one is written."""
    if found := _WEEKLY.fullmatch(text.strip()):
        since, until = int(found[2]) * 60 + int(found[3]), int(found[4]) * 60 + int(found[5])
        if max(since, until) > 24 * 60 or since == until:
            raise UsageError(f"{text!r} is not a window: a day has 24 hours, and it must last", hint=EXAMPLE)
        return Window(text, _zone(text, found[6]), _days(text, found[1].lower()), since, until)
    if found := _DATED.fullmatch(text.strip()):
        zone = _zone(text, found[5])
        first, last = _moment(text, found[1], found[2], 0), _moment(text, found[3], found[4], 24 * 60)
        minutes = (last[0] - first[0]).days * 24 * 60 + last[1] - first[1]
        if minutes <= 0:
            raise UsageError(f"{text!r} ends before it begins", hint=EXAMPLE)
        start = at_clock(*first, zone, end=False)
        return Window(text, zone, once=(start, _end(start, at_clock(*last, zone, end=True), minutes)))
    raise UsageError(f"{text!r} is not a window", hint=EXAMPLE)


def _zone(text: str, name: str | None) -> ZoneInfo:
    if not name:
        raise UsageError(f"{text!r} has no time zone", hint=EXAMPLE)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{name!r} is not a time zone", hint="for example UTC, Europe/London, America/New_York"
        ) from None


def _days(text: str, words: str) -> frozenset[int]:
    if words == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for part in words.split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise UsageError(f"{text!r} is not a window: days are {', '.join(DAYS)}", hint=EXAMPLE)
        start = DAYS.index(first)
        length = (DAYS.index(last or first) - start) % 7
        found |= {(start + step) % 7 for step in range(length + 1)}
    return frozenset(found)


def _moment(text: str, day: str, clock: str | None, minutes: int) -> tuple[date, int]:
    """Read a day, and a time of it in minutes; without a time it is `minutes`."""
    try:
        at = date.fromisoformat(day)
        if clock:
            parsed = time.fromisoformat(clock)
            minutes = parsed.hour * 60 + parsed.minute
    except ValueError:
        raise UsageError(f"{text!r} has a day or time that does not exist", hint=EXAMPLE) from None
    return at, minutes


def _end(start: datetime, end: datetime, minutes: int) -> datetime:
    """Return the end of a stretch: where the clocks skip all of it, `minutes` after its start."""
    return end if end > start or start == LAST else start + timedelta(minutes=minutes)


def at_clock(day: date, minutes: int, zone: ZoneInfo, *, end: bool) -> datetime:
    """Return a wall clock's time in UTC; the first or the last moment there is for one before or after it."""
    try:
        return _known(day, minutes, zone, end=end)
    except OverflowError:
        return FIRST if day.year == date.min.year else LAST


def _known(day: date, minutes: int, zone: ZoneInfo, *, end: bool) -> datetime:
    days, rest = divmod(minutes, 24 * 60)
    wall = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60))
    for fold in (1, 0) if end else (0, 1):
        at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if at.astimezone(zone).replace(tzinfo=None) == wall:
            return at
    # The clocks skip it: the moment they go on, which both readings lie around.
    earlier, later = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while later - earlier > timedelta(minutes=1):
        middle = earlier + (later - earlier) / 2
        before = middle.astimezone(zone).utcoffset() == earlier.astimezone(zone).utcoffset()
        earlier, later = (middle, later) if before else (earlier, middle)
    return later.replace(second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether automation may release now; if not, why, and when that ends, as far as is known."""

    open: bool
    why: str = ""
    until: datetime | None = None


def opening(windows: Iterable[Window], freezes: Iterable[Window], now: datetime) -> Opening:
    """Return whether `now` is inside a window (there may be none, then it is) and in no freeze."""
    windows, freezes = list(windows), list(freezes)
    frozen, why = _inside(freezes, now)
    inside, _ = _inside(windows, now)
    if frozen is None and (inside is not None or not windows):
        return Opening(True)
    outside = f"outside the window {' or '.join(it.text for it in windows)}"
    return Opening(False, f"frozen: {why}" if frozen is not None else outside, _next(windows, freezes, now))


def closing(windows: Iterable[Window], freezes: Iterable[Window], now: datetime) -> datetime | None:
    """Return when what is open now closes: at its window's end or a freeze's start; None where it does not."""
    windows, freezes = list(windows), list(freezes)
    end = now if windows else None
    if windows:
        # One window may begin where another ends.
        while (found := _inside(windows, end or now)[0]) is not None and found != end:
            end = found
            if end - now > timedelta(days=AHEAD):
                end = None
                break
    starts = (
        start
        for window in freezes
        for start, _ in window.spans(_day(now, window, -1), _day(now, window, 8))
        if start > now
    )
    return min((it for it in (end, min(starts, default=None)) if it is not None), default=None)


def _inside(windows: list[Window], now: datetime) -> tuple[datetime | None, str]:
    """Return the latest end of the stretches that hold `now`, and which window that is."""
    ends = [
        (end, window.text)
        for window in windows
        for start, end in window.spans(_day(now, window, -2), _day(now, window, 1))
        if start <= now < end
    ]
    return max(ends, default=(None, ""), key=lambda it: it[0])


def _next(windows: list[Window], freezes: list[Window], now: datetime) -> datetime | None:
    """Return the first moment from `now` on that is in a window and in no freeze."""
    moment, last = now, now + timedelta(days=AHEAD)
    while moment < last:
        frozen, _ = _inside(freezes, moment)
        if frozen is not None:
            moment = frozen
            continue
        if not windows or _inside(windows, moment)[0] is not None:
            return moment
        starts = (
            start
            for window in windows
            for start, _ in window.spans(_day(moment, window, -1), _day(moment, window, 8))
            if start > moment
        )
        following = min(starts, default=None)
        if following is None:
            return None
        moment = following
    return None


def _day(now: datetime, window: Window, days: int) -> date:
    return now.astimezone(window.zone).date() + timedelta(days=days)
