"""What proves that an approval was given on the board."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headway.domain.policy.approval_proof import Answer, only_there, proof, way_of

ANSWER = Answer("run-1", "abc", "approve", "ann@example.com")
SHOWN = proof("secret", "board", ANSWER)


def test_what_the_board_signed_is_the_boards() -> None:
    """With the secret of the board."""
    assert way_of("secret", SHOWN, ANSWER) == "board"


def test_what_was_signed_for_slack_is_slacks() -> None:
    """And cannot be passed off as the board's."""
    shown = proof("secret", "slack", ANSWER)
    assert way_of("secret", shown, ANSWER) == "slack"
    assert way_of("secret", shown.replace("slack:", "board:"), ANSWER) == ""


@pytest.mark.parametrize(
    ("wanted", "way", "said"),
    [
        ([], "", ""),
        (["board"], "board", ""),
        (["board", "slack"], "slack", ""),
        (["board"], "slack", "production takes approvals on the board only"),
        (["slack"], "board", "production takes approvals in Slack only"),
        (["board", "slack"], "", "production takes approvals on the board or in Slack only"),
    ],
)
def test_where_approvals_are_taken(wanted: list[str], way: str, said: str) -> None:
    """In words, for whoever gave one elsewhere."""
    assert only_there("production", wanted, way) == said


@pytest.mark.parametrize(
    ("secret", "shown", "answer"),
    [
        ("other", SHOWN, ANSWER),
        ("", proof("", "board", ANSWER), ANSWER),
        ("secret", "", ANSWER),
        ("secret", "board:", ANSWER),
        ("secret", "böard", ANSWER),
        ("secret", SHOWN.upper(), ANSWER),
        ("secret", proof("secret", "prefect", ANSWER), ANSWER),
        ("secret", SHOWN, replace(ANSWER, run="run-2")),
        ("secret", SHOWN, replace(ANSWER, plan="abd")),
        ("secret", SHOWN, replace(ANSWER, decision="reject")),
        ("secret", SHOWN, replace(ANSWER, by="eve@example.com")),
    ],
)
def test_nothing_else_is(secret: str, shown: str, answer: Answer) -> None:
    """Another secret or none, another answer, and what is no proof at all."""
    assert way_of(secret, shown, answer) == ""
