"""Slack's payloads, read: what its buttons and commands mean, and that nothing odd means anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headway.domain.notifications.slack_buttons import Subject
from headway.domain.slack.intents import Intent, Odd, Sender, read_command, read_interaction

RUN, PLAN, COMMIT = "11111111-2222-3333-4444-555555555555", "f2d996007824", "9" * 40
WAITS = Subject("shop", "production", run=RUN, plan=PLAN)
UNDO = Subject("shop", "production", verb="rollback", plan=PLAN, to=COMMIT)
BOB = {"id": "U0BOB", "username": "bob", "team_id": "T0SHOP"}


def payload(action: str = "headway_approve", value: str | None = None, **more: Any) -> dict[str, Any]:
    """Return what Slack sends of a pressed button."""
    return {
        "type": "block_actions",
        "team": {"id": "T0SHOP", "domain": "shop"},
        "user": BOB,
        "api_app_id": "A0HEADWAY",
        "container": {"type": "message", "message_ts": "1.2", "channel_id": "C1", "is_ephemeral": False},
        "channel": {"id": "C1", "name": "releases"},
        "trigger_id": "1.2.abc",
        "response_url": "https://hooks.slack.com/actions/T/1/x",
        "actions": [
            {"type": "button", "action_id": action, "action_ts": "5.5", "value": value or WAITS.to_value()}
        ],
        **more,
    }


def view(**more: Any) -> dict[str, Any]:
    """Return what Slack sends of a modal that was sent."""
    values = {
        "to": {"headway_choose": {"selected_option": {"value": COMMIT}}},
        "reason": {"reason": {"value": "too slow"}},
    }
    return {
        "type": "view_submission",
        "team": {"id": "T0SHOP"},
        "user": BOB,
        "api_app_id": "A0HEADWAY",
        "view": {
            "id": "V1", "hash": "7", "callback_id": "headway_rollback", "private_metadata": UNDO.to_value(),
            "state": {"values": values}, **more,
        },
    }  # fmt: skip


def test_a_pressed_button() -> None:
    """Who, about what, and where the answer goes."""
    found = read_interaction(payload())
    assert found == Intent(
        "approve", Sender("T0SHOP", "A0HEADWAY", "U0BOB", "T0SHOP"), "U0BOB|1.2|headway_approve|5.5", WAITS,
        channel="C1", message="1.2", trigger="1.2.abc", answer_at="https://hooks.slack.com/actions/T/1/x",
    )  # fmt: skip


def test_the_same_press_has_the_same_key_and_another_one_another() -> None:
    """Slack may send one again; a second press of the same button is one of its own."""
    again = payload()
    again["actions"][0]["action_ts"] = "6.5"
    first, second, third = (read_interaction(it) for it in (payload(), payload(), again))
    assert isinstance(first, Intent)
    assert isinstance(second, Intent)
    assert isinstance(third, Intent)
    assert first.key == second.key != third.key


def test_a_modal_that_was_sent() -> None:
    """It carries the plan that was shown, the state that is chosen, and why."""
    found = read_interaction(view())
    assert isinstance(found, Intent)
    assert (found.kind, found.subject, found.reason, found.view) == ("confirm", UNDO, "too slow", "V1")


def test_another_state_that_is_chosen_in_a_modal() -> None:
    """The plan is worked out for that one."""
    other = "8" * 40
    chosen = payload(container={"type": "view", "view_id": "V1"}, view={"private_metadata": UNDO.to_value()})
    chosen["actions"] = [
        {"action_id": "headway_choose", "action_ts": "1", "selected_option": {"value": other}}
    ]
    found = read_interaction(chosen)
    assert isinstance(found, Intent)
    assert (found.kind, found.subject) == ("choose", replace(UNDO, to=other))


DEEP: dict[str, Any] = {}
for _ in range(300):
    DEEP = {"team": DEEP}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"type": "block_actions"},
        {"type": "block_actions", "user": "U0BOB"},
        {"type": ["block_actions"], "user": BOB},
        DEEP,
        payload(type="shortcut"),
        payload(type="view_closed"),
        payload(user={"id": "u0bob; drop"}),
        payload(user=None),
        payload(actions=[]),
        payload(actions="approve"),
        payload(actions=[None]),
        payload(actions=[{"action_id": "headway_approve", "value": "x"}] * 2),
        payload("headway_release"),
        payload("other_app"),
        payload(value="{"),
        payload(value="[" * 100_000),
        payload(value="null"),
        payload(value='{"run": 1}'),
        payload(value='{"services": ["web", 1]}'),
        payload(value='{"who": "ann"}'),
        payload(value=Subject("shop", "production", run=RUN).to_value()),
        payload(value=Subject("shop", "production", plan=PLAN).to_value()),
        payload(value=Subject("shop", run=RUN, plan=PLAN).to_value()),
        payload(value=WAITS.to_value().replace("production", "../etc")),
        payload(value=WAITS.to_value().replace(RUN, RUN + "\\n")),
        payload("headway_rollback"),
        payload("headway_choose"),
        view(callback_id="other"),
        view(private_metadata=""),
        view(private_metadata=WAITS.to_value()),
        view(id=""),
        view(state={"values": {"to": {"headway_choose": {"selected_option": {"value": "HEAD~1"}}}}}),
    ],
)
def test_odd_payloads_lead_to_nothing(odd: dict[str, Any]) -> None:
    """Whatever is sent, it is an answer and never an error."""
    found = read_interaction(odd)
    assert isinstance(found, Odd)
    assert found.why


def typed(text: str, **more: str) -> Intent | Odd:
    """Read what bob typed."""
    return read_command({"team_id": "T0SHOP", "user_id": "U0BOB", "trigger_id": "1.x", "text": text, **more})


@pytest.mark.parametrize(
    ("text", "kind", "subject", "service"),
    [
        ("", "help", Subject(), ""),
        ("help", "help", Subject(), ""),
        ("status", "status", Subject(), ""),
        ("  STATUS   Production ", "status", Subject(environment="production"), ""),
        ("why production orders", "why", Subject(environment="production"), "orders"),
        ("promote production", "promote", Subject(environment="production", verb="promote"), ""),
        ("promote production web orders web", "promote",
         Subject(environment="production", services=("web", "orders"), verb="promote"), ""),
        ("rollback production", "undo", Subject(environment="production", verb="rollback"), ""),
        # What is no command is helped with, and never guessed.
        ("status a b", "help", Subject(), ""),
        ("why production", "help", Subject(), ""),
        ("promote", "help", Subject(), ""),
        ("rollback production web", "help", Subject(), ""),
        ("release production web", "help", Subject(), ""),
        ("rollback <@U1>", "help", Subject(), ""),
        ("rollback --force", "help", Subject(), ""),
        ("promote ../../etc", "help", Subject(), ""),
        ("rollback prod\u202euction", "help", Subject(), ""),
    ],
)  # fmt: skip
def test_commands(text: str, kind: str, subject: Subject, service: str) -> None:
    """What is typed, as people type it."""
    found = typed(text)
    assert isinstance(found, Intent)
    assert (found.kind, found.subject, found.service) == (kind, subject, service)


def test_odd_commands() -> None:
    """Without a sender, and longer than anybody types."""
    assert isinstance(typed("status", user_id=""), Odd)
    assert isinstance(typed("x" * 301), Odd)
