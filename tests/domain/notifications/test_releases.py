"""What people are notified of a release: which state, under which id, with which cause, and what is no news."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from headway.domain.health.cause import Cause
from headway.domain.health.verdict import Verdict
from headway.domain.notifications.notices import Notice, Recipient
from headway.domain.notifications.releases import (
    OVERDUE,
    as_known,
    details_of,
    end_of,
    ended_lately,
    is_overdue,
    of_commit,
    of_push,
    of_request,
    that_follow,
    unfinished_cause,
    with_end,
)
from headway.domain.objects.identity import ObjectId
from headway.domain.releases.ledger import REVERTS, Entry, Outcome, ReleaseRecord
from tests.images import moved

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FAILED = Entry("f" * 40, ("a" * 40,), "Ann", NOW, "Release web", ReleaseRecord("r-1", "staging", "release"),
               outcomes=(Outcome("failed", NOW, 3.21, cause=Cause(text="it crashes")),))  # fmt: skip
BACK = Entry("b" * 40, (FAILED.commit,), "headway", NOW, "Roll back web",
             ReleaseRecord("r-2", "staging", "rollback", trailers=((REVERTS, FAILED.commit),)))  # fmt: skip
PUSH = Entry("c" * 40, (FAILED.commit,), "Bob", NOW, "More memory")


@pytest.mark.parametrize(
    ("case", "last", "notified", "state", "cause", "said"),
    [
        ("a release is live", FAILED, FAILED, "live", "", ("live", "")),
        ("a release failed", FAILED, FAILED, "failed", "no disk", ("failed", "no disk")),
        ("a newer one took over", FAILED, FAILED, "superseded", "", ("superseded", "")),
        ("its rollback is live", BACK, FAILED, "live", "", ("rolled-back", "it crashes")),
        ("its rollback is applied, not running", BACK, FAILED, "applied", "", ("rolled-back", "it crashes")),
        ("a newer one took over from its rollback", BACK, FAILED, "superseded", "", None),
        ("its rollback failed too", BACK, FAILED, "failed", "no disk",
         ("failed", "it crashes; rolling back did not succeed either: no disk")),
    ],
)  # fmt: skip
def test_the_end_of_a_rollback_is_the_end_of_what_it_rolls_back(
    case: str, last: Entry, notified: Entry, state: str, cause: str, said: tuple[str, str] | None
) -> None:
    """People know the release that failed, so its message says how it ended."""
    found = end_of(last, notified, state, Cause(text=cause))
    assert (found and (found[0], str(found[1]))) == said, case


@pytest.mark.parametrize(
    ("last", "notified", "hint", "said"),
    [
        (FAILED, FAILED, "", "busy"),
        (FAILED, FAILED, "try again", "busy; try again"),
        (BACK, FAILED, "", "it crashes; rolling back to what was live is unfinished: busy"),
        (BACK, PUSH, "", "it failed; rolling back to what was live is unfinished: busy"),
    ],
)
def test_an_unfinished_rollback_names_what_it_rolls_back(
    last: Entry, notified: Entry, hint: str, said: str
) -> None:
    """Whoever reads it learns first why there is a rollback."""
    assert str(unfinished_cause(last, notified, "busy", hint)) == said


@pytest.mark.parametrize(
    ("case", "entry", "environment", "expected"),
    [
        ("a release", FAILED, "staging", ("r-1", "release", "Ann", "")),
        ("the same commit in another environment", FAILED, "production", ("r-1-production", "release", "Ann", "")),
        ("a person's push", PUSH, "staging", (f"{'c' * 12}-staging", "push", "Bob", "More memory")),
    ],
)  # fmt: skip
def test_each_environment_of_a_commit_has_a_notice_of_its_own(
    case: str, entry: Entry, environment: str, expected: tuple[str, ...]
) -> None:
    """A release's own environment has its id; what else a commit touches is told under another."""
    notice = of_commit("shop", environment, entry, "live")
    assert (notice.release, notice.kind, notice.actor, notice.reason) == expected, case
    assert notice.commit == entry.commit


def test_what_automation_releases_is_marked() -> None:
    """Quiet hours hold back what automation does, and nothing that a person did."""
    record = ReleaseRecord("r-3", "staging", "release", actor="watch-registry")
    assert of_commit("shop", "staging", dataclasses.replace(PUSH, record=record), "live").automatic
    assert not of_commit("shop", "staging", PUSH, "live").automatic


@pytest.mark.parametrize(
    ("flow", "kind"), [("promote", "promotion"), ("rollback", "rollback"), ("deliver", "release")]
)
def test_a_run_without_a_commit_is_told_by_its_request(flow: str, kind: str) -> None:
    """It says what was asked for, since nothing else is known."""
    asked = {"images": [{"service": "web", "image": "2.0.0"}], "actor": "ann", "reason": None}
    notice = of_request("shop", "staging", "r-1", flow, asked, "rejected", "it died")
    assert (notice.kind, notice.changes, notice.actor) == (kind, (moved("web", "", "2.0.0"),), "ann")
    assert (notice.reason, str(notice.cause)) == ("", "it died")


def test_a_push_is_noticed_once_for_each_thing_about_it() -> None:
    """Files that are left out and images that went back are two things to know of one commit."""
    first, second = (
        of_push("shop", "staging", "said", commit=PUSH.commit, about=about, cause="", changes=())
        for about in ("left-out", "older")
    )
    assert first.release != second.release
    assert (first.state, first.kind, first.reason) == ("noticed", "push", "said")


def test_an_earlier_notice_fills_in_what_a_later_one_does_not_know() -> None:
    """A release that comes to nothing keeps its images, its links and who asked for it."""
    known = Notice(
        "r-1", "shop", "staging", "release", "planned", (moved("web", "1", "2"),), "ann", progress="half"
    )
    said = as_known(
        known, Notice("r-1", "shop", "staging", "release", "superseded", cause=Cause(text="newer"), at="now")
    )
    assert said == dataclasses.replace(
        known, state="superseded", cause=Cause(text="newer"), at="now", progress=""
    )


@pytest.mark.parametrize(
    ("waited", "overdue"),
    [(timedelta(0), False), (OVERDUE - timedelta(seconds=1), False), (OVERDUE, True), (OVERDUE * 9, True)],
)
def test_what_may_be_over_in_a_moment_is_told_once_it_lasts(waited: timedelta, overdue: bool) -> None:
    """The change's own time counts, so it does not begin again with each run."""
    assert is_overdue(PUSH, NOW + waited) is overdue


@pytest.mark.parametrize(
    ("entry", "since", "corrected"),
    [
        (PUSH, timedelta(0), False),
        (FAILED, timedelta(0), True),
        (FAILED, timedelta(hours=1), True),
        (FAILED, timedelta(hours=1, seconds=1), False),
    ],
)
def test_only_a_recorded_end_of_late_is_corrected(entry: Entry, since: timedelta, corrected: bool) -> None:
    """What is older was corrected, or nobody looks at it any more."""
    assert ended_lately(entry, NOW + since, timedelta(hours=1)) is corrected


def test_a_corrected_notice_says_what_the_record_says() -> None:
    """A failure has its cause; a release that became live in the end has none."""
    found = with_end(of_commit("shop", "staging", FAILED, "failed"), FAILED)
    assert (str(found.cause), found.seconds, found.at, found.corrects) == (
        "it crashes", 3.2, "2026-11-24T12:00:00Z", True,
    )  # fmt: skip
    live = dataclasses.replace(FAILED, outcomes=(*FAILED.outcomes, Outcome("live", NOW, 1.0)))
    assert with_end(of_commit("shop", "staging", live, "live"), live).cause == Cause()


def test_only_what_failed_and_said_something_has_details() -> None:
    """The log lines of each such pod stand under its name."""
    web = ObjectId("apps/v1", "Deployment", "s", "web")
    verdicts = [
        Verdict("failed", web, Cause(pod="web-1"), logs=("Traceback", "KeyError")),
        Verdict("failed", web, Cause(pod="web-2")),
        Verdict("live", web, Cause(pod="web-3"), logs=("hello",)),
    ]
    assert details_of(verdicts) == ("web-1:", "Traceback", "KeyError")


def test_a_rollouts_progress_goes_to_messages_that_change_in_their_place() -> None:
    """To all others each line would be one more message."""
    who = [Recipient(kind, "x", NOW) for kind in ("slack", "webhook", "apprise")]
    notice = of_commit("shop", "staging", PUSH, "releasing")
    assert that_follow(who, notice) == who
    assert that_follow(who, dataclasses.replace(notice, progress="1 of 3")) == who[:1]
