"""Windows and freezes, in a place's own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headway.domain.rules.windows import opening, parse_window
from headway.errors import UsageError


def at(text: str) -> datetime:
    """Read a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


WORK = "mon-thu 09:00-17:00 Europe/London"
CASES = [
    # window, time in UTC, open, next opening in UTC
    (WORK, "2026-11-23T09:00", True, None),  # a Monday in winter
    (WORK, "2026-11-23T08:59", False, "2026-11-23T09:00"),
    (WORK, "2026-11-23T17:00", False, "2026-11-24T09:00"),
    (WORK, "2026-11-27T12:00", False, "2026-11-30T09:00"),  # Friday
    (WORK, "2026-07-06T08:00", True, None),  # in summer an hour earlier
    (WORK, "2026-07-06T16:30", False, "2026-07-07T08:00"),
    ("fri-mon 00:00-24:00 UTC", "2026-11-22T12:00", True, None),  # over the week's end
    ("fri-mon 00:00-24:00 UTC", "2026-11-24T00:00", False, "2026-11-27T00:00"),
    ("mon,wed 10:00-11:00 UTC", "2026-11-25T10:30", True, None),
    ("daily 22:00-02:00 UTC", "2026-11-25T01:59", True, None),  # over midnight
    ("daily 22:00-02:00 UTC", "2026-11-25T02:00", False, "2026-11-25T22:00"),
    ("sun 22:00-02:00 UTC", "2026-11-23T01:00", True, None),  # into Monday
    # Clocks go forward on 2026-03-29 at 01:00 UTC: 02:30 in Berlin does not exist, 03:00 follows 01:59.
    ("sun 02:30-04:00 Europe/Berlin", "2026-03-29T00:59", False, "2026-03-29T01:00"),
    ("sun 02:30-04:00 Europe/Berlin", "2026-03-29T01:00", True, None),
    ("sun 02:30-04:00 Europe/Berlin", "2026-03-29T02:00", False, "2026-04-05T00:30"),
    # 02:15 to 02:45 does not exist at all that night: it is the half hour after the gap.
    ("sun 02:15-02:45 Europe/Berlin", "2026-03-29T00:59", False, "2026-03-29T01:00"),
    ("sun 02:15-02:45 Europe/Berlin", "2026-03-29T01:29", True, None),
    ("sun 02:15-02:45 Europe/Berlin", "2026-03-29T01:30", False, "2026-04-05T00:15"),
    ("2026-03-29 02:15 - 2026-03-29 02:45 Europe/Berlin", "2026-03-29T01:29", True, None),
    ("2026-03-29 02:15 - 2026-03-29 02:45 Europe/Berlin", "2026-03-29T01:30", False, None),
    # Clocks go back on 2026-10-25 at 01:00 UTC: 02:30 in Berlin is twice, and a window holds both.
    ("sun 02:15-02:45 Europe/Berlin", "2026-10-25T00:15", True, None),
    ("sun 02:15-02:45 Europe/Berlin", "2026-10-25T01:44", True, None),
    ("sun 02:15-02:45 Europe/Berlin", "2026-10-25T01:45", False, "2026-11-01T01:15"),
]


@pytest.mark.parametrize(("window", "now", "is_open", "following"), CASES)
def test_windows(window: str, now: str, is_open: bool, following: str | None) -> None:
    """A window is open from its first minute to before its last, as the clocks there show."""
    found = opening([parse_window(window)], [], at(now))
    assert found.open is is_open
    assert found.until == (at(following) if following else None)


def test_without_a_window_it_is_always_open() -> None:
    """No window means no limit."""
    assert opening([], [], at("2026-11-22T03:00")).open


FREEZE = "2026-12-20 - 2027-01-02 Europe/London"


def test_a_freeze_wins_over_a_window_and_its_last_day_counts() -> None:
    """In a freeze nothing goes, and the next opening is the first window after it."""
    windows, freezes = [parse_window(WORK)], [parse_window(FREEZE)]
    found = opening(windows, freezes, at("2026-12-21T10:00"))
    assert (found.open, found.until) == (False, at("2027-01-04T09:00"))
    assert found.why == f"frozen: {FREEZE}"
    assert not opening([], freezes, at("2027-01-02T23:59")).open
    assert opening([], freezes, at("2027-01-03T00:00")).open
    assert opening([], freezes, at("2026-12-19T23:59")).open


def test_a_freeze_from_minute_to_minute() -> None:
    """A freeze may name times, in its own zone."""
    freeze = parse_window("2026-12-24 12:00 - 2026-12-27 08:00 America/New_York")
    assert opening([], [freeze], at("2026-12-24T16:59")).open
    found = opening([], [freeze], at("2026-12-24T17:00"))
    assert (found.open, found.until) == (False, at("2026-12-27T13:00"))


def test_a_window_that_a_freeze_always_covers_never_opens() -> None:
    """What never opens has no time, and is searched for no longer than a year."""
    found = opening(
        [parse_window("mon 09:00-10:00 UTC")], [parse_window("mon 00:00-24:00 UTC")], at("2026-11-24T00:00")
    )
    assert (found.open, found.until) == (False, None)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York", "Pacific/Apia"])
@pytest.mark.parametrize(
    ("freeze", "frozen"),
    [
        ("2026-12-20 - 9999-12-31", True),
        ("2026-12-20 - 9999-12-31 23:59", True),
        ("0001-01-01 - 9999-12-31", True),
        ("0001-01-01 - 2026-11-30", False),
        ("9999-12-31 - 9999-12-31", False),
        ("9999-12-31 23:00 - 9999-12-31 23:30", False),
    ],
)
def test_a_freeze_to_the_end_of_time(freeze: str, frozen: bool, zone: str) -> None:
    """The first and the last day that can be written are days like others; what never ends has no end to tell."""
    found = opening([], [parse_window(f"{freeze} {zone}")], at("2026-12-24T12:00"))
    assert (found.open, found.until) == (not frozen, None)


def test_overlapping_freezes_end_with_the_last() -> None:
    """Freezes that follow each other count as one."""
    freezes = [parse_window("2026-12-20 - 2026-12-22 UTC"), parse_window("2026-12-22 - 2026-12-24 UTC")]
    assert opening([], freezes, at("2026-12-21T00:00")).until == at("2026-12-25T00:00")


@pytest.mark.parametrize(
    "text",
    [
        "", "always", "mon-thu 09:00-17:00", "mon-thu 9-17 Europe/London", "moon 09:00-17:00 UTC", "mon 25:00-26:00 UTC",
        "mon 09:00-09:00 UTC", "mon 09:00-17:00 Mars/Base", "2026-12-20 - 2026-12-19 UTC", "2026-02-30 - 2026-03-01 UTC",
        "2026-12-20 - 2027-01-02", "mon 24:30-10:00 UTC", "2026-12-20 25:00 - 2026-12-21 UTC", "mon 09:00-17:00 ../UTC",
    ],
)  # fmt: skip
def test_what_is_no_window(text: str) -> None:
    """What cannot be read is refused with an example."""
    with pytest.raises(UsageError):
        parse_window(text)


def test_every_minute_of_a_year_agrees_with_the_clock_on_the_wall() -> None:
    """Open exactly when a clock there shows a time inside, but where clocks repeat or skip an hour."""
    window = parse_window("mon-fri 08:30-18:15 America/New_York")
    now = at("2026-01-01T00:07")
    while now < at("2027-01-01T00:00"):
        wall = now.astimezone(window.zone)
        expected = wall.weekday() < 5 and (8, 30) <= (wall.hour, wall.minute) < (18, 15)
        assert opening([window], [], now).open is expected, now
        now += timedelta(minutes=127)
