"""What failed for lack of something is tried again, later each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headway.domain.health.cause import Cause
from headway.domain.policy.backoff import FIRST, MOST, tried_again_at, waiting_lines
from headway.domain.releases.ledger import REVERTS, Entry, Outcome, ReleaseRecord
from tests.images import moved

T = datetime(2026, 11, 28, 12, tzinfo=UTC)
NEW, OLD = "r/web:2@sha256:" + "a" * 64, "r/web:1@sha256:" + "b" * 64
KEY = ("web", "sha256:" + "a" * 64)


def failed_and_back(number: int, blames: bool) -> list[Entry]:
    """Return a release that failed, and the commit that rolled it back."""
    at = T + timedelta(hours=number)
    bad, back = (f"{number}{it}" * 20 for it in "ab")
    record = ReleaseRecord(id="i", environment="staging", kind="release", changes=(moved("web", OLD, NEW),))
    undone = ReleaseRecord(
        id="j",
        environment="staging",
        kind="rollback",
        changes=(moved("web", NEW, OLD),),
        trailers=((REVERTS, bad),),
    )
    outcome = Outcome("failed", at, cause=Cause(blames=blames))
    return [
        Entry(back, (), "headway", at, "back", undone, ()),
        Entry(bad, (), "watch-registry", at, "out", record, (outcome, Outcome("rolled-back", at))),
    ]


@pytest.mark.parametrize(("failures", "wait"), [(1, FIRST), (2, FIRST * 2), (3, FIRST * 4), (20, MOST)])
def test_each_attempt_waits_twice_as_long(failures: int, wait: timedelta) -> None:
    """A cluster that stays full is not tried every five minutes."""
    entries = [it for number in range(failures) for it in failed_and_back(number, blames=False)]
    assert tried_again_at(entries) == {KEY: T + timedelta(hours=failures - 1) + wait}


def test_what_is_vetoed_waits_for_no_time() -> None:
    """A failure that speaks of the image is its veto's matter."""
    assert tried_again_at(failed_and_back(0, blames=True)) == {}


def test_people_see_what_automation_waits_for_and_until_when() -> None:
    """The line is there until the time has come, and says that a person need not wait."""
    entries = failed_and_back(0, blames=False)
    said = "web 2 failed for lack of something; automation does not try it again before 2026-11-28 12:15 UTC"
    assert waiting_lines(entries, T) == [f"{said}, a person may at once"]
    assert waiting_lines(entries, T + FIRST) == []
    by_hand = ReleaseRecord(id="k", environment="staging", kind="release", changes=(moved("web", OLD, NEW),))
    released = Entry("f" * 40, (), "ann", T, "by hand", by_hand, ())
    assert waiting_lines([released, *entries], T) == []
