"""Questions about an object, in the words of `kubectl wait --for`."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.objects.conditions import parse_question

ITEM: dict[str, Any] = {
    "metadata": {"annotations": {"example.com/state": "up"}},
    "status": {
        "phase": "Running",
        "ready": True,
        "empty": "",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Synced", "status": "False"}],
        "nodes": [{"name": "a", "state": "up"}, {"name": "b", "state": "down"}],
    },
}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("condition=Ready", True),
        ("condition=Synced", False),
        ("condition=Synced=False", True),
        ("condition=Nowhere", False),
        ("jsonpath={.status.phase}=Running", True),
        ("jsonpath={.status.phase}=running", True),
        ("jsonpath={.status.phase}=Pending|Running", True),
        ("jsonpath={.status.phase}=Pending", False),
        ("jsonpath={.status.ready}=true", True),
        ("jsonpath={.status.phase}", True),
        ("jsonpath={.status.empty}", False),
        ("jsonpath={.status.nowhere.at.all}=x", False),
        ("jsonpath={.status.nodes[0].state}=up", True),
        ("jsonpath={.status.nodes[-1].state}=down", True),
        ("jsonpath={.status.nodes[9].state}=up", False),
        ("jsonpath={.status.nodes[*].state}=down", True),
        ('jsonpath={.status.nodes[?(@.name=="b")].state}=down', True),
        ("jsonpath={.metadata.annotations['example.com/state']}=up", True),
    ],
)
def test_a_question_is_answered(question: str, answer: bool) -> None:
    """What kubectl would wait for is true, or is not yet."""
    assert parse_question(question).holds(ITEM) is answer


@pytest.mark.parametrize(
    "question",
    ["Ready", "condition=", "jsonpath={}", "jsonpath={.a[?(@.b > 1)]}=2", "jsonpath=.status.phase=Running"],
)
def test_what_is_no_question_says_what_one_is(question: str) -> None:
    """A mistake is told with the forms that there are."""
    with pytest.raises(ValueError, match="kubectl wait --for"):
        parse_question(question)
