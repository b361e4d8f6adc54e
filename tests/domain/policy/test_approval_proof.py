"""What proves that an approval was given on the board."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headway.domain.policy.approval_proof import Answer, proof, way_of

ANSWER = Answer("run-1", "abc", "approve", "ann@example.com")
SHOWN = proof("secret", "board", ANSWER)


def test_what_the_board_signed_is_the_boards() -> None:
    """With the secret of the board."""
    assert way_of("secret", SHOWN, ANSWER) == "board"


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
