"""A cause is one value, whoever tells it."""

from __future__ import annotations

import pytest

from headway.domain.health.cause import NO_CAUSE, Cause
from headway.domain.health.verdict import Verdict
from headway.domain.objects.identity import ObjectId

WEB = ObjectId("apps", "Deployment", "shop", "web")
CRASH = Cause("CrashLoopBackOff", "container app exited with code 3", "web-1", "app")


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (CRASH, "CrashLoopBackOff: container app exited with code 3"),
        (Cause("CrashLoopBackOff"), "CrashLoopBackOff"),
        (Cause(text="it has not completed yet"), "it has not completed yet"),
        (NO_CAUSE, ""),
    ],
)
def test_it_is_told_by_its_code_and_its_sentence(cause: Cause, said: str) -> None:
    """What is not known is left out, and nothing at all is no cause."""
    assert (str(cause), bool(cause)) == (said, bool(said))
    assert str(Verdict("failed", WEB, cause)) == "shop Deployment/web is failed" + (
        f": {said}" if said else ""
    )


def test_other_words_are_the_same_cause() -> None:
    """Where it was seen, and whether it blames an image, stay."""
    other = Cause("Unschedulable", "no node", "web-1", blames=False).saying("no node takes it")
    assert (other.code, other.text, other.pod, other.blames) == (
        "Unschedulable",
        "no node takes it",
        "web-1",
        False,
    )
