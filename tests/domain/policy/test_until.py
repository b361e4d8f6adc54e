"""When a lock ends, as people type it: a table of what is read, and of what is refused with its reason."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from headway.domain.policy.until import parse_until, zone_of
from headway.errors import UsageError

LONDON = ZoneInfo("Europe/London")
NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
"""A Friday."""
SUMMER = datetime(2026, 7, 3, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "now", "end"),
    [
        ("2h", NOON, "2026-11-27T14:00"),
        ("90m", NOON, "2026-11-27T13:30"),
        ("90 min", NOON, "2026-11-27T13:30"),
        ("1h30m", NOON, "2026-11-27T13:30"),
        ("3d", NOON, "2026-11-30T12:00"),
        ("1d 2h", NOON, "2026-11-28T14:00"),
        ("17:00", NOON, "2026-11-27T17:00"),
        ("9:30", NOON, "2026-11-28T09:30"),
        ("17:00", SUMMER, "2026-07-03T16:00"),
        ("Fri 17:00", NOON, "2026-11-27T17:00"),
        ("friday 17:00", NOON, "2026-11-27T17:00"),
        ("Fri 11:00", NOON, "2026-12-04T11:00"),
        ("Mon, 09:00", NOON, "2026-11-30T09:00"),
        ("  Fri   17:00 ", NOON, "2026-11-27T17:00"),
        ("2026-11-30 09:00", NOON, "2026-11-30T09:00"),
        ("2026-07-10T09:00", SUMMER, "2026-07-10T08:00"),
        ("2026-11-30T09:00Z", NOON, "2026-11-30T09:00"),
        ("2026-11-30T09:00:30+01:00", NOON, "2026-11-30T08:00:30"),
        ("Fri 17:00 America/New_York", NOON, "2026-11-27T22:00"),
        ("2026-07-10 09:00 UTC", SUMMER, "2026-07-10T09:00"),
        # The clocks go back: the later of both, so that a lock is never shorter than the clocks show it.
        ("2026-10-25 01:30", SUMMER, "2026-10-25T01:30"),
    ],
)
def test_what_is_read(text: str, now: datetime, end: str) -> None:
    assert parse_until(text, LONDON, now) == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no time"),
        ("soon", "is no time"),
        ("Friday", "say the time of that day too"),
        ("2026-11-30", "say the time of that day too"),
        ("tomorrow 09:00", "is no time"),
        ("5pm", "write hours from 0 to 23"),
        ("Fri 5 pm", "write hours from 0 to 23"),
        ("2", "give a unit"),
        ("24:00", "is no time"),
        ("Fri 25:00", "is no time"),
        ("30/11/2026 09:00", "is no time"),
        ("2026-02-30 09:00", "does not exist"),
        ("2026-13-01T09:00Z", "does not exist"),
        ("2026-11-27 11:59", "is over: it is Fri 12:00 Europe/London"),
        ("2026-11-27T12:00Z", "is over"),
        ("0h", "is over"),
        ("2126-01-01 00:00", "more than ten years away"),
        ("Fri 17:00 Europe/Londno", "is not a time zone"),
        ("2h -1h", "is no time"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    """With its reason, and with examples of what would be read."""
    with pytest.raises(UsageError) as caught:
        parse_until(text, LONDON, NOON)
    assert why in caught.value.message
    assert caught.value.hint


def test_an_environments_time_zone() -> None:
    assert zone_of(["mon-fri 09:00-17:00 Europe/London", "daily 00:00-24:00 UTC"]) == LONDON
    assert zone_of([]) == ZoneInfo("UTC")
