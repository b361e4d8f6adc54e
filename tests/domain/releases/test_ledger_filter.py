"""Times as people say them, and which entries a filter keeps."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headway.domain.releases.ledger import Entry
from headway.domain.releases.ledger_filter import parse_time, selected
from headway.domain.releases.message import ReleaseRecord
from headway.errors import UsageError
from tests.images import moved

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23", "2026-11-23T00:00:00+00:00"),
        ("2026-11-23T10:00", "2026-11-23T10:00:00+00:00"),
        ("2026-11-23T10:00:30+01:00", "2026-11-23T09:00:30+00:00"),
        ("2026-11-23T10:00:30Z", "2026-11-23T10:00:30+00:00"),
        ("90m", "2026-11-24T10:30:00+00:00"),
        ("12h ago", "2026-11-24T00:00:00+00:00"),
        ("7d", "2026-11-17T12:00:00+00:00"),
        (" 2w ", "2026-11-10T12:00:00+00:00"),
    ],
)
def test_times(text: str, expected: str) -> None:
    """ISO 8601, or how long ago."""
    assert parse_time(text, NOW) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("text", ["", "yesterday", "7", "d", "2026-13-01", "99999999999d", "-3d"])
def test_what_is_no_time(text: str) -> None:
    """Refused with examples."""
    with pytest.raises(UsageError) as caught:
        parse_time(text, NOW)
    assert "90m, 12h, 7d" in str(caught.value)


def entry(kind: str, actor: str, *services: str, day: int = 1) -> Entry:
    """Make an entry."""
    changes = tuple(moved(it, "a", "b") for it in services)
    record = ReleaseRecord("id", "staging", kind, changes, actor)
    return Entry("c" * 40, (), "x", datetime(2026, 11, day, tzinfo=UTC), "s", record)


ENTRIES = [
    entry("release", "ann", "web", day=4),
    entry("rollback", "Bob", "web", "api", day=3),
    entry("promotion", "ann", "api", day=2),
    Entry("c" * 40, (), "eve", datetime(2026, 11, 1, tzinfo=UTC), "a push"),
]


@pytest.mark.parametrize(
    ("filters", "days"),
    [
        ({}, [4, 3, 2, 1]),
        ({"service": "api"}, [3, 2]),
        ({"kinds": ["release", "Push"]}, [4, 1]),
        ({"actor": "bob"}, [3]),
        ({"actor": "eve"}, [1]),
        ({"since": datetime(2026, 11, 3, tzinfo=UTC)}, [4, 3]),
        ({"until": datetime(2026, 11, 2, tzinfo=UTC)}, [2, 1]),
        ({"service": "web", "actor": "ann"}, [4]),
        ({"service": "nosuch"}, []),
    ],
)
def test_filters(filters: dict[str, object], days: list[int]) -> None:
    """An entry that fits every filter is kept, in the order it came."""
    assert [it.time.day for it in selected(ENTRIES, **filters)] == days  # type: ignore[arg-type]
