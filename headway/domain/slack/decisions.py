"""What follows from a press: do it, show again what would be done now, or refuse and say what happened.

Pure: what waits, what was answered before and what is live are read by whoever calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headway.domain.board.facts import Decided, Question
from headway.domain.policy.approval_proof import only_there
from headway.domain.policy.people import same_person
from headway.domain.slack.intents import Intent

CHANGED = "This is another plan than the one that you saw: something has changed since. Nothing was done."


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is done."""

    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ShowAgain:
    """Something else would be done now: that is shown instead."""

    text: str = CHANGED


@dataclass(frozen=True, slots=True)
class Do:
    """It is done."""


Decision = Do | ShowAgain | Refusal


def on_answer(
    intent: Intent,
    who: str,
    question: Question | None,
    decided: Sequence[Decided],
    ended: str,
    approve_on: Sequence[str],
) -> Decision:
    """Decide what follows from a pressed Approve or Reject.

    `question` is what waits in that run now, `decided` what was answered here, `ended` how the run is.
    """
    mine = [it for it in decided if it.run == intent.subject.run and it.plan == intent.subject.plan]
    over = [it for it in mine if it.decision == "reject" or same_person(it.by, who)]
    if over:
        return Refusal(f"This is decided already: {over[0]}.", "Nothing more was done.")
    if question is None:
        said = f"{mine[-1]}" if mine else ended
        return Refusal(f"This does not wait for an approval any more: {said}.", "Nothing was done.")
    if question.plan != intent.subject.plan:
        return ShowAgain()
    if intent.kind == "approve":
        if same_person(who, question.actor):
            return Refusal(
                f"{who} requested this, and cannot approve it too.", "Somebody else must approve it."
            )
        if only := only_there(question.environment, approve_on, "slack"):
            return Refusal(f"{only}.", "Open the board of `headway serve`.")
    return Do()


def on_confirm(intent: Intent, plan: str, blocked: Sequence[str]) -> Decision:
    """Decide what follows from a confirmed plan; `plan` is the fingerprint of what would be done now."""
    if not plan:
        return Refusal("There is nothing to do any more.", "Nothing was done.")
    if plan != intent.subject.plan:
        return ShowAgain()
    if blocked:
        return Refusal(f"It is held back: {'; '.join(blocked)}.", "The board can override it, with a reason.")
    return Do()


def stale_rollback(intent: Intent, newest: str, what: str) -> str:
    """Return why a message's Roll back is over; empty where its commit is still the newest change there.

    `newest` is the environment's last change, `what` says what it did.
    """
    if intent.subject.commit == newest:
        return ""
    return (
        f"{intent.subject.environment} has changed since this message: {what}. Nothing was done; "
        f"`/headway rollback {intent.subject.environment}` shows what can be rolled back now"
    )
