"""What follows from a press, as a table: done, shown again, or refused with what happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from headway.domain.board.facts import Decided, Question
from headway.domain.notifications.slack_buttons import Subject
from headway.domain.runs.endings import fate
from headway.domain.slack.decisions import (
    Do,
    Refusal,
    ShowAgain,
    on_answer,
    on_confirm,
    stale_rollback,
)
from headway.domain.slack.intents import Intent, Sender

RUN, PLAN = "11111111-2222-3333-4444-555555555555", "f2d996007824"
AT = datetime(2026, 11, 28, 15, 2, tzinfo=UTC)
WAITS = Question(RUN, "production", "shop: production: release web", "ann", AT, PLAN)
APPROVE = Intent("approve", Sender("T", "A", "U"), "key", Subject("shop", "production", run=RUN, plan=PLAN))
REJECT = replace(APPROVE, kind="reject")
BY_BOB = Decided(RUN, PLAN, "approve", "bob", AT)


@pytest.mark.parametrize(
    ("label", "intent", "who", "question", "decided", "approve_on", "expected"),
    [
        ("it waits", APPROVE, "bob", WAITS, [], [], Do()),
        ("it waits, and counts in Slack", APPROVE, "bob", WAITS, [], ["board", "slack"], Do()),
        ("who asked approves", APPROVE, "Ann", WAITS, [], [], "Ann requested this"),
        ("who asked, by an address", APPROVE, "ann@example.com", WAITS, [], [], "requested this"),
        ("who asked rejects", REJECT, "ann", WAITS, [], [], Do()),
        ("it counts on the board only", APPROVE, "bob", WAITS, [], ["board"], "takes approvals on the board only"),
        ("a rejection counts anywhere", REJECT, "bob", WAITS, [], ["board"], Do()),
        ("another plan waits by now", APPROVE, "bob", replace(WAITS, plan="0" * 12), [], [], ShowAgain()),
        ("pressed twice", APPROVE, "bob", WAITS, [BY_BOB], [], "decided already: bob approved it at 15:02 UTC"),
        ("pressed twice, and it is over", APPROVE, "bob", None, [BY_BOB], [], "bob approved it at 15:02 UTC"),
        ("somebody was faster", APPROVE, "cleo", None, [BY_BOB], [], "bob approved it at 15:02 UTC"),
        ("somebody was faster, and rejects", REJECT, "cleo", None, [BY_BOB], [], "bob approved it"),
        ("a second approval of two", APPROVE, "cleo", WAITS, [BY_BOB], [], Do()),
        ("rejected before", APPROVE, "cleo", WAITS, [replace(BY_BOB, decision="reject")], [], "bob rejected it"),
        ("an older plan of the run was approved", APPROVE, "bob", WAITS, [replace(BY_BOB, plan="0" * 12)], [], Do()),
        ("it is over", APPROVE, "bob", None, [], [], "any more: a newer release superseded it"),
    ],
)  # fmt: skip
def test_answers(
    label: str, intent: Intent, who: str, question: Question | None, decided: list[Decided],
    approve_on: list[str], expected: Do | ShowAgain | str,
) -> None:  # fmt: skip
    """Approve and Reject, whoever presses, whatever happened since."""
    found = on_answer(intent, who, question, decided, "a newer release superseded it", approve_on)
    if isinstance(expected, str):
        assert isinstance(found, Refusal), label
        assert expected in found.text, label
    else:
        assert found == expected, label


@pytest.mark.parametrize(
    ("plan", "blocked", "expected"),
    [
        (PLAN, (), Do),
        ("0" * 12, (), ShowAgain),
        ("0" * 12, ("production is locked",), ShowAgain),
        (PLAN, ("production is locked",), Refusal),
        ("", (), Refusal),
    ],
)
def test_confirmations(plan: str, blocked: tuple[str, ...], expected: type) -> None:
    """Only the plan that was seen is done, and only where nothing holds it back."""
    assert isinstance(on_confirm(replace(APPROVE, kind="confirm"), plan, blocked), expected)


def test_an_old_messages_roll_back_is_over() -> None:
    """It meant what that message's release changed, which is not what is newest by now."""
    press = replace(APPROVE, kind="rollback", subject=Subject("shop", "production", commit="a" * 40))
    assert stale_rollback(press, "a" * 40, "web 2 by ann") == ""
    said = stale_rollback(press, "b" * 40, "web 2 by ann")
    assert "has changed since this message: web 2 by ann" in said
    assert "/headway rollback production" in said


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (("CANCELLED", "Superseded", "by x"), "superseded"),
        (("CANCELLED", "Cancelled", "cancelled by ann: wrong version"), "cancelled by ann: wrong version"),
        (("CANCELLED", "Cancelled", ""), "cancelled"),
        (("FAILED", "Failed", "The flow was paused and never resumed."), "nobody approved it in time"),
        (
            ("FAILED", "Refused", "production: rejected by bob\n  start it again"),
            "production: rejected by bob",
        ),
        (("COMPLETED", "Completed", ""), "has ended"),
        (("RUNNING", "Running", ""), "goes on"),
        (("SCHEDULED", "Resuming", ""), "goes on"),
        (("CRASHED", "Crashed", "x"), "died"),
        (("", "", ""), "not known"),
    ],
)
def test_what_became_of_a_run(state: tuple[str, str, str], said: str) -> None:
    """In a sentence, for whoever presses an old button."""
    found = fate(*state)
    assert said in found
    assert "\n" not in found
