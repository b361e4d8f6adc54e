"""The buttons of a release's message: of what can still be done, and of nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from headway.domain.config.model import Notify
from headway.domain.health.cause import Cause
from headway.domain.notifications.notices import STATES, Notice, recipients_of
from headway.domain.notifications.slack_blocks import message
from headway.domain.notifications.slack_buttons import Subject
from tests.images import moved
from tests.servers.slack import _invalid

RUN, PLAN, COMMIT = "11111111-2222-3333-4444-555555555555", "f2d996007824", "9" * 40
NOTICE = Notice(
    "r-1", "shop", "production", "release", "waiting", (moved("web", "1.0.0", "2.0.0"),), actor="ann",
    run=RUN, plan=PLAN, buttons=True,
)  # fmt: skip


def words(notice: Notice) -> list[str]:
    """Return the words on a message's buttons."""
    shown = message(notice)
    assert _invalid(shown) == ""
    return [
        it["text"]["text"] for each in shown["blocks"] if each["type"] == "actions" for it in each["elements"]
    ]


@pytest.mark.parametrize("state", STATES)
def test_a_message_has_the_buttons_of_its_state(state: str) -> None:
    """A plan that waits can be answered; what has its commit can be rolled back; what is over has none."""
    undo = ["Roll back…"]
    expected = {
        "waiting": ["Approve", "Reject", "Show plan"],
        "live": undo, "applied": undo, "failed": undo, "unfinished": undo,
    }  # fmt: skip
    assert words(replace(NOTICE, state=state, commit=COMMIT)) == expected.get(state, [])


def test_there_are_none_where_nobody_asked_for_them_or_they_are_about_nothing() -> None:
    """Without `buttons: true`; without a run that waits, or without a commit."""
    assert words(replace(NOTICE, buttons=False)) == []
    assert words(replace(NOTICE, run="")) == []
    assert words(replace(NOTICE, state="failed")) == []


def test_a_button_carries_names_and_reads_them_again() -> None:
    """Nothing else: no image, no person, no right."""
    elements = message(NOTICE)["blocks"][-1]["elements"]
    found = Subject.from_value(elements[0]["value"])
    assert found == Subject("shop", "production", run=RUN, plan=PLAN)


def test_buttons_are_a_channels() -> None:
    """Of each channel that has them in headway.yaml, by whichever route; of no other, and of no program."""
    notify = Notify.model_validate(
        {
            "slack": {"channel": "#all"},
            "routes": [
                {"slack": {"channel": "#oncall", "buttons": True}},
                {"slack": {"channel": "#all", "buttons": True}, "environments": ["staging"]},
                {"slack": {"channel": "#quiet"}, "webhook": {"url": "https://x.example/"}},
            ],
        }
    )
    found = {
        it.target: it.buttons for it in recipients_of(notify, NOTICE, datetime(2026, 11, 28, tzinfo=UTC))
    }
    assert found == {
        "slack:#all": True,
        "slack:#oncall": True,
        "slack:#quiet": False,
        "webhook:https://x.example/": False,
    }


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("CrashLoopBackOff: it exits", "production: web failed and rolled back"),
        ("rolled back by bob in 0123456", "production: web rolled back"),
        ("rolled back with 0123456, which failed", "production: web rolled back"),
    ],
)
def test_what_somebody_rolled_back_has_not_failed(cause: str, said: str) -> None:
    """Its message says what happened to it."""
    assert replace(NOTICE, state="rolled-back", cause=Cause(text=cause)).headline == said
