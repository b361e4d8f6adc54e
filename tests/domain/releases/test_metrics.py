"""The DORA metrics, against numbers worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headway.domain.releases.ledger import Entry, Outcome
from headway.domain.releases.message import ReleaseRecord
from headway.domain.releases.metrics import Row, metrics
from tests.images import moved

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=10)
_made = 0


def at(hours: float) -> datetime:
    """Return a time of the window."""
    return START + timedelta(hours=hours)


def release(
    hours: float,
    *outcomes: tuple[str, float],
    web: str = "",
    old: str = "",
    kind: str = "release",
    lead: float | None = None,
    reverts: str = "",
    environment: str = "staging",
) -> Entry:
    """Make a release of `web` asked for at an hour, with (state, hour) outcomes."""
    global _made
    _made += 1
    trailers: list[tuple[str, str]] = []
    if lead is not None:
        trailers.append(("Source", f"web {'a' * 40} {at(hours - lead):%Y-%m-%dT%H:%M:%SZ}"))
    if reverts:
        trailers.append(("Reverts", reverts))
    changes = (moved("web", old, web),) if web else ()
    record = ReleaseRecord(f"id{_made}", environment, kind, changes, "ann", trailers=tuple(trailers))
    found = tuple(Outcome(state, at(hour)) for state, hour in outcomes)
    return Entry(f"{_made:040x}", (), "ann", at(hours), "s", record, found)


def measured(*oldest_first: Entry, service: str = "") -> Row:
    """Measure entries, and return the row of staging or of a service there."""
    rows = metrics(reversed(oldest_first), START, END, ["staging"], ["web"])
    return next(it for it in rows if it.service == service)


def test_frequency_counts_what_became_live_in_the_window() -> None:
    """Releases, promotions and pushes; not rollbacks, policies, what was superseded, or what lies outside."""
    push = Entry("f" * 40, (), "eve", at(30), "push", None, (Outcome("live", at(31)),), ("staging",))
    row = measured(
        release(-30, ("live", -29), web="0"),
        release(10, ("live", 11), web="1"),
        release(20, ("live", 21), web="2", kind="promotion"),
        push,
        release(40, ("live", 41), kind="rollback", web="1", old="9"),
        release(50, kind="lock"),
        release(60, ("superseded", 61), web="3"),
        release(70, web="4"),
        release(80, ("live", 81), web="5", environment="production"),
    )
    assert (row.deployments, row.per_day, row.failed, row.ended) == (3, 0.3, 0, 3)
    assert row.failure_rate == 0


def test_lead_time_is_from_the_source_commit_to_live() -> None:
    """Median and 90th percentile of what says its source; the first `live` counts."""
    entries = [
        release(10 * n, ("live", 10 * n + 1), ("live", 10 * n + 9), web=str(n), lead=n) for n in range(1, 11)
    ]
    row = measured(*entries, release(110, ("live", 111), web="x"))
    hours = [n + 1 for n in range(1, 11)]
    assert row.lead_n == 10
    assert row.lead_median == pytest.approx((hours[4] + hours[5]) / 2 * 3600)
    assert row.lead_p90 == pytest.approx(hours[8] * 3600)


def test_a_release_that_fails_and_is_rolled_back() -> None:
    """It counts as failed once, and is restored when its rollback is live."""
    bad = release(20, ("failed", 21), ("rolled-back", 22), web="2", old="1")
    row = measured(
        release(10, ("live", 11), web="1"),
        bad,
        release(21, ("live", 22), web="1", old="2", kind="rollback", reverts=bad.commit),
        release(30, ("live", 31), web="3", old="1"),
    )
    assert (row.ended, row.failed, row.failure_rate) == (3, 1, round(1 / 3, 4))
    assert (row.restore_n, row.restore_median) == (1, 3600)


def test_a_release_that_a_person_takes_back_later() -> None:
    """It was live and bad: it counts as failed, and the time runs from when it was live."""
    row = measured(
        release(10, ("live", 11), web="1"),
        release(20, ("live", 21), web="2", old="1"),
        release(25, ("live", 26), web="1", old="2", kind="rollback"),
    )
    assert (row.ended, row.failed) == (2, 1)
    assert (row.restore_n, row.restore_median) == (1, 5 * 3600)


def test_a_failure_that_the_next_release_puts_right() -> None:
    """Where nothing was rolled back, what is live next restores."""
    row = measured(release(10, ("failed", 11), web="1"), release(15, ("live", 17), web="2"))
    assert (row.failed, row.restore_median) == (1, 6 * 3600)


def test_a_failure_that_still_lasts() -> None:
    """It counts as failed and has no time to restore yet."""
    row = measured(release(10, ("failed", 11), web="1"))
    assert (row.failure_rate, row.restore_median, row.restore_n) == (1, None, 0)


def test_a_services_row_is_about_its_images() -> None:
    """A push that changes no image, and another service's release, are not in it."""
    push = Entry("e" * 40, (), "eve", at(30), "push", None, (Outcome("live", at(31)),), ("staging",))
    row = measured(release(10, ("live", 11), web="1"), push, service="web")
    assert row.deployments == 1


def test_nothing_to_measure() -> None:
    """Nothing is nothing, and not zero of something."""
    row = measured(release(10, kind="policy"))
    assert (row.deployments, row.lead_median, row.lead_p90, row.failure_rate, row.restore_median) == (
        0,
        None,
        None,
        None,
        None,
    )


def test_a_source_that_cannot_be_read_is_left_out() -> None:
    """A trailer that a person wrote may be anything."""
    odd = release(10, ("live", 11), web="1")
    assert odd.record is not None
    trailers = (
        ("Source", "web"),
        ("Source", "web abc tomorrow"),
        ("Source", f"web {'a' * 40} {at(20):%Y-%m-%dT%H:%M:%SZ}"),
    )
    record = ReleaseRecord("i", "staging", "release", odd.record.changes, trailers=trailers)
    row = measured(Entry(odd.commit, (), "ann", odd.time, "s", record, odd.outcomes))
    assert row.lead_n == 0
