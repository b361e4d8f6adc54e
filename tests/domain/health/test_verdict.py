"""From signs of trouble to a verdict: since when, how sure, and which sign explains the most."""

from __future__ import annotations

import pytest

from headway.domain.health.cause import Cause
from headway.domain.health.verdict import (
    NEVER,
    Health,
    Patience,
    Signal,
    deadline_verdict,
    one_deadline,
    silent_node,
)
from headway.domain.objects.identity import ObjectId

WEB = ObjectId("apps", "Deployment", "shop", "web")
FINE = Health(False, "0 of 1 new pods are ready")


def unhealthy(*signals: Signal) -> Health:
    return Health(False, "0 of 1 new pods are ready", signals)


SLOW = Signal(Cause("ErrImagePull", "registry does not answer", "web-1", "app"), 30)


def test_a_final_sign_fails_at_once() -> None:
    """Nobody waits for an image that does not exist."""
    verdict, _ = Patience().decide(
        WEB, unhealthy(Signal(Cause("ErrImagePull", "not found", "web-1", "app"), 0)), 5.0
    )
    assert (verdict.status, verdict.cause.code, verdict.cause.pod) == ("failed", "ErrImagePull", "web-1")
    assert str(verdict) == "shop Deployment/web is failed: ErrImagePull: not found"


def test_a_passing_sign_fails_only_when_it_lasts() -> None:
    """A registry that does not answer gets its time, and the clock says when to look again."""
    patience = Patience()
    verdict, again = patience.decide(WEB, unhealthy(SLOW), 100.0)
    assert (verdict.status, again) == ("progressing", 130.0)
    assert patience.decide(WEB, unhealthy(SLOW), 129.0)[0].status == "progressing"
    assert patience.decide(WEB, unhealthy(SLOW), 130.0)[0].status == "failed"


def test_a_short_gap_does_not_restart_the_clock() -> None:
    """A kubelet that tries again shows nothing for a moment; that is no recovery."""
    patience = Patience()
    patience.decide(WEB, unhealthy(SLOW), 0.0)
    patience.decide(WEB, FINE, 20.0)
    patience.decide(WEB, unhealthy(SLOW), 22.0)
    assert patience.decide(WEB, unhealthy(SLOW), 30.0)[0].status == "failed"


def test_a_long_gap_is_a_recovery() -> None:
    """What was well for a while starts from nothing when it is sick again."""
    patience = Patience()
    patience.decide(WEB, unhealthy(SLOW), 0.0)
    patience.decide(WEB, FINE, 5.0)
    patience.decide(WEB, unhealthy(SLOW), 25.0)
    assert patience.decide(WEB, unhealthy(SLOW), 31.0)[0].status == "progressing"
    assert patience.decide(WEB, unhealthy(SLOW), 55.0)[0].status == "failed"


def test_no_news_is_no_gap() -> None:
    """A sign that stays without any event in between has lasted all the time."""
    patience = Patience()
    patience.decide(WEB, unhealthy(SLOW), 0.0)
    assert patience.decide(WEB, unhealthy(SLOW), 30.0)[0].status == "failed"


def test_a_deadline_is_explained_by_the_best_sign() -> None:
    """ "Progress deadline exceeded" alone helps nobody."""
    passed = Signal(Cause("ProgressDeadlineExceeded", "no progress for 60 s"), 0)
    probe = Signal(Cause("NotReady", "readiness probe failed: 503", "web-1", "app"), NEVER)
    verdict, _ = Patience().decide(WEB, unhealthy(passed, probe), 0.0)
    assert (verdict.status, verdict.cause.code) == ("failed", "NotReady")
    assert "503" in verdict.cause.text
    assert "60 s" in verdict.cause.text


def test_a_deadline_without_any_sign_says_what_was_waited_for() -> None:
    """When nothing is known, the numbers are."""
    verdict, _ = Patience().decide(
        WEB, unhealthy(Signal(Cause("ProgressDeadlineExceeded", "no progress for 60 s"), 0)), 0.0
    )
    assert verdict.cause.text == "no progress for 60 s: 0 of 1 new pods are ready"


LACK = Signal(Cause("Unschedulable", "no node takes the pod", "web-1", blames=False), NEVER)
PASSED = Signal(Cause("ProgressDeadlineExceeded", "no progress for 60 s"), 0)
PROBE = Signal(Cause("NotReady", "readiness probe failed: 503", "web-1", "app"), NEVER)
LATE = Signal(Cause("DeadlineExceeded", "not live after 90 s"), 0)


def test_a_shortage_outlasts_a_controller_s_deadline() -> None:
    """A Deployment's own deadline knows nothing of the node that is being made; what is waited for is said."""
    verdict, _ = Patience().decide(WEB, unhealthy(LACK, PASSED), 0.0)
    assert verdict.status == "progressing"
    assert verdict.cause.text == "0 of 1 new pods are ready; waiting: no node takes the pod"


def test_at_the_deadline_a_shortage_blames_nobody() -> None:
    """The release ends, and its image may come again."""
    verdict = deadline_verdict(WEB, unhealthy(LACK), LATE)
    assert (verdict.status, verdict.cause.code, verdict.cause.blames) == ("failed", "Unschedulable", False)
    assert not deadline_verdict(WEB, FINE, LATE).cause.blames, "of what no sign explains nothing is known"
    assert deadline_verdict(WEB, unhealthy(PROBE), LATE).cause.blames


def test_what_is_late_beside_a_shortage_is_not_blamed_either() -> None:
    """A program that is not ready may wait for the one that no node takes."""
    verdicts = [deadline_verdict(WEB, unhealthy(it), LATE) for it in (LACK, PROBE)]
    assert [it.cause.blames for it in one_deadline(verdicts)] == [False, False]
    assert [it.cause.blames for it in one_deadline(verdicts[1:])] == [True]


GONE = Signal(
    Cause("NodeNotReady", "node a has stopped telling how the pod is", "web-1", blames=False), NEVER
)
ENDING = Signal(Cause("OldPodEnding", "pod web-0 is still ending", blames=False), NEVER)
CRASHED = Signal(Cause("CrashLoopBackOff", "exited with code 1", "web-1", "app"), 60)


@pytest.mark.parametrize(
    ("still_open", "found"),
    [
        ([unhealthy(GONE)], True),
        ([unhealthy(GONE, PASSED)], True),
        ([unhealthy(GONE, ENDING)], True),
        ([unhealthy(GONE), FINE], True),
        ([unhealthy(GONE), unhealthy(GONE)], True),
        ([FINE], False),
        ([unhealthy(ENDING)], False),
        ([unhealthy(GONE, PROBE)], False),
        ([unhealthy(GONE), unhealthy(LACK)], False),
        ([unhealthy(GONE), unhealthy(CRASHED)], False),
        ([], False),
    ],
)
def test_a_node_that_is_gone_is_all_that_is_known(still_open: list[Health], found: bool) -> None:
    """Only then a deadline says nothing; every other sign is one of the release or of the cluster."""
    assert (silent_node(still_open) is not None) == found


def test_what_is_put_off_is_applied_and_not_live() -> None:
    """Nothing is waited for, and nothing is claimed."""
    verdict, _ = Patience().decide(WEB, Health(True, "paused", put_off="held"), 0.0)
    assert str(verdict) == "shop Deployment/web is applied, not running: paused"


def test_a_cause_goes_before_its_consequence() -> None:
    """Of two certain signs the one that explains the other is told."""
    crash = Signal(Cause("CrashLoopBackOff", "exited with code 1"), 0)
    quota = Signal(Cause("FailedCreate", "exceeded quota"), 0)
    assert Patience().decide(WEB, unhealthy(quota, crash), 0.0)[0].cause.code == "CrashLoopBackOff"


def test_done_must_last_where_the_pods_word_is_worth_little() -> None:
    """A pod without a probe that dies after a second was never live."""
    patience = Patience()
    up = Health(True, "up", settle=2.0)
    assert patience.decide(WEB, up, 10.0)[1] == 12.0
    assert patience.decide(WEB, up, 11.0)[0].status == "progressing"
    patience.decide(WEB, FINE, 11.5)
    assert patience.decide(WEB, up, 12.5)[0].status == "progressing"
    assert patience.decide(WEB, up, 14.5)[0].status == "live"
