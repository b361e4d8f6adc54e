"""What is shown in Slack: within its limits, and other people's words as words."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headway.domain.board.facts import Question
from headway.domain.board.values import Cell, Grid, Head, Last, Row
from headway.domain.notifications.slack_buttons import Subject
from headway.domain.slack.answers import help_message, status_message, why_message
from headway.domain.slack.views import (
    PlanShown,
    lines,
    plan_message,
    plan_view,
    rollback_view,
    sentence,
    without_buttons,
)
from tests.servers.slack import _invalid
from tests.servers.slack_app import invalid_view

HOSTILE = "<!channel> <@U1> & ``` <https://evil.example|here> \u202eevil \x1b[31m"
SUBJECT = Subject("shop", "production", verb="rollback", plan="f2d996007824", to="9" * 40)
PLAN = PlanShown(
    SUBJECT,
    changes=(("web", "2", "1", HOSTILE),),
    notes=(HOSTILE,),
    states=(("9" * 40, f"web 1 by {HOSTILE}"), ("8" * 40, "web 0 by ann")),
)
HUGE = PlanShown(
    SUBJECT,
    changes=tuple((f"s{at}", "&" * 500, "<" * 500, ">" * 900) for at in range(500)),
    notes=("&" * 9000,) * 60,
    blocked=("<" * 9000,) * 60,
    states=tuple((f"{at:040x}", "x" * 900) for at in range(300)),
)
NOW = datetime(2026, 11, 28, 15, tzinfo=UTC)


def texts(found: Any) -> list[str]:
    """Return every text that Slack reads as markup."""
    if isinstance(found, list):
        return [it for each in found for it in texts(each)]
    if not isinstance(found, dict):
        return []
    own = [str(found["text"])] if found.get("type") == "mrkdwn" else []
    return own + [it for each in found.values() for it in texts(each)]


@pytest.mark.parametrize(
    "plan", [PLAN, HUGE, replace(HUGE, blocked=()), PlanShown(Subject("shop", "production"))]
)
@pytest.mark.parametrize("notice", ["", "<" * 5000])
def test_slack_takes_every_plan(plan: PlanShown, notice: str) -> None:
    """However much it changes, and whatever it says."""
    assert invalid_view(rollback_view(plan, notice, "why")) == ""
    assert _invalid(plan_message(plan, notice)) == ""


@pytest.mark.parametrize("text", ["", "x", HOSTILE * 3000, "&" * 100_000, "line\n" * 50_000])
def test_slack_takes_every_text(text: str) -> None:
    """A plan's text is cut at its limits, and says that it is."""
    assert invalid_view(plan_view("Plan for an-environment-with-a-long-name", text)) == ""
    assert _invalid(sentence(text or "x", text)) == ""
    assert _invalid(lines([text] * 9 or ["x"], "head")) == ""
    assert _invalid(why_message("production", "web", [("why", text)] * 40)) == ""
    assert _invalid(help_message(text[:300])) == ""


def test_other_peoples_words_are_words() -> None:
    """No mention, no link, no mark that turns the direction of text."""
    shown = [rollback_view(PLAN, HOSTILE), plan_message(PLAN), plan_view("Plan", HOSTILE), sentence(HOSTILE)]
    for each in texts(shown):
        assert not re.search(r"<(?!https://page\.example)", each), each
        assert "\u202e" not in each
        assert "\x1b" not in each
    assert "```" not in texts(plan_view("Plan", HOSTILE))[0][3:-3]


def test_a_plan_that_is_held_back_has_no_button() -> None:
    """Nor has one that changes nothing; both say so."""
    held, nothing = replace(PLAN, blocked=("production is locked",)), PlanShown(Subject("shop", "production"))
    for plan in (held, nothing):
        assert "submit" not in rollback_view(plan)
        assert [it for it in plan_message(plan)["blocks"] if it["type"] == "actions"] == []
    assert "production is locked" in json.dumps(rollback_view(held))
    assert "submit" in rollback_view(PLAN)


def test_the_newest_state_is_chosen_first() -> None:
    """The one whose plan is shown."""
    choice = next(it["accessory"] for it in rollback_view(PLAN)["blocks"] if it.get("block_id") == "to")
    assert choice["initial_option"]["value"] == SUBJECT.to
    assert [it["value"] for it in choice["options"]] == ["9" * 40, "8" * 40]


def test_a_decided_message_has_no_button() -> None:
    """What else it says stays."""
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": "x"}},
        {"type": "actions", "elements": []},
        None,
    ]
    found = without_buttons(blocks, "Approved by bob")
    assert [it["type"] for it in found] == ["section", "context"]
    assert "Approved by bob" in json.dumps(found)


def grid() -> Grid:
    """Return a board of two environments."""
    cells = tuple(
        Cell("production", f"s{at}", "live", "1.0", since=NOW - timedelta(days=3)) for at in range(60)
    )
    bad = Cell("production", "web", "failed", "2.0", cause=HOSTILE)
    waits = Question("r", "production", HOSTILE, "ann", NOW, "p")
    heads = (
        Head("staging", "live", "Live"),
        Head(
            "production", "failed", "Failed", last=Last("web 2.0", "ann", NOW - timedelta(hours=3), "", "failed", "9"),
            questions=(waits,),
        ),
    )  # fmt: skip
    rows = (Row("web", "", None, (bad,)), *(Row(it.service, "", None, (it,)) for it in cells))
    return Grid("shop", "9", heads, rows)


def test_status_says_what_needs_somebody_first() -> None:
    """Of all environments a line each; of one each service, what failed first, and not more than fits."""
    whole = status_message(grid(), "", NOW)
    assert _invalid(whole) == ""
    assert "*staging*" in whole["text"]
    assert "web 2.0 by ann 3 h ago" in whole["text"]
    assert "waits for approval" in whole["text"]
    one = status_message(grid(), "production", NOW)
    assert _invalid(one) == ""
    first, second = one["text"].splitlines()[2:4]
    assert "web" in first
    assert "failed" in first
    assert "for 3 d" in second
    assert "and 31 more" in one["text"]
    assert "<!channel>" not in whole["text"] + one["text"]
    assert "no environment prod " in status_message(grid(), "prod", NOW)["text"]
