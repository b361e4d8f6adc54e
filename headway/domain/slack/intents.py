"""What somebody wants who pressed or typed something in Slack: its payloads, read into one value.

A payload says who and about what, and nothing in it is believed beyond that. What is no payload that headway's
own messages and commands lead to is `Odd`. (Slack, "Interaction payloads", "Slash commands".)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from headway.domain.notifications.slack_buttons import (
    APPROVE,
    CHOOSE,
    CONFIRM,
    NOTHING,
    PLAN,
    PREFIX,
    REJECT,
    Subject,
)

Kind = Literal[
    "approve", "reject", "plan", "rollback", "choose", "confirm", "status", "why", "promote", "undo", "help"
]
ROLLBACK_VIEW = "headway_rollback"
"""The callback id of the modal that rolls back."""
REASON, TO = "reason", "to"
"""The blocks of that modal."""
TYPED, WORDS = 300, 30
"""Characters and words of a command that are read."""
_ID = re.compile(r"[A-Z0-9]{1,40}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BUTTONS: dict[str, Kind] = {
    PREFIX + APPROVE: "approve",
    PREFIX + REJECT: "reject",
    PREFIX + PLAN: "plan",
    PREFIX + "rollback": "rollback",
    PREFIX + CONFIRM: "confirm",
    PREFIX + CHOOSE: "choose",
}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a payload: the workspace, the app, the member, and the workspace that the member is of."""

    team: str
    app: str
    user: str
    home: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody wants. `key` is the same where Slack sends the same again.

    `trigger` opens a view for three seconds; `answer_at` is where the answer goes; `message` is the time that names
    the message in `channel` whose button it was, `view` the modal. `own` says that only the presser sees that message.
    """

    kind: Kind
    sender: Sender
    key: str
    subject: Subject = NOTHING
    service: str = ""
    reason: str = ""
    typed: str = ""
    channel: str = ""
    message: str = ""
    view: str = ""
    trigger: str = ""
    answer_at: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True)
class Odd:
    """A payload that leads to nothing, and why; the user's id where it has one."""

    why: str
    user: str = ""


def read_interaction(data: Mapping[str, Any]) -> Intent | Odd:
    """Read what a pressed button, a chosen option or a sent modal says."""
    sender = Sender(
        _id(data, "team", "id"),
        _id(data, "api_app_id"),
        _id(data, "user", "id"),
        _id(data, "user", "team_id"),
    )
    if not sender.user:
        return Odd("it names nobody")
    kind = _text(data, "type")
    if kind == "view_submission":
        return _submitted(data, sender)
    if kind != "block_actions":
        return Odd(f"nothing is done about a payload of the type {kind[:40]!r}", sender.user)
    actions = data.get("actions")
    if not isinstance(actions, list) or len(actions) != 1 or not isinstance(actions[0], Mapping):
        return Odd("it is not about one button", sender.user)
    return _pressed(data, actions[0], sender)


def _pressed(data: Mapping[str, Any], action: Mapping[str, Any], sender: Sender) -> Intent | Odd:
    kind = _BUTTONS.get(_text(action, "action_id"))
    if kind is None:
        return Odd(f"no button is called {_text(action, 'action_id')[:60]!r}", sender.user)
    view, message = _text(data, "container", "view_id"), _text(data, "container", "message_ts")
    said = _text(data, "view", "private_metadata") if kind == "choose" else _text(action, "value")
    subject = Subject.from_value(said)
    if subject is None:
        return Odd("what its button carries cannot be read", sender.user)
    if kind == "choose":
        to = _text(action, "selected_option", "value")
        if not view or not _COMMIT.fullmatch(to):
            return Odd("it chooses no state", sender.user)
        subject = replace(subject, to=to)
    wanted = {
        "approve": ("run", "plan"),
        "reject": ("run", "plan"),
        "plan": ("run",),
        "rollback": ("commit",),
    }
    missing = [it for it in wanted.get(kind, ("verb", "plan")) if not getattr(subject, it)]
    if not subject.environment or missing:
        return Odd("its button lacks what it is about", sender.user)
    key = "|".join((sender.user, view or message, _text(action, "action_id"), _text(action, "action_ts")))
    return Intent(
        kind,
        sender,
        key,
        subject,
        reason=_text(data, "view", "state", "values", REASON, REASON, "value"),
        channel=_id(data, "container", "channel_id") or _id(data, "channel", "id"),
        message=message,
        view=view,
        trigger=_text(data, "trigger_id"),
        answer_at=_text(data, "response_url", most=1000),
        own=_at(data, "container", "is_ephemeral") is True,
    )


def _submitted(data: Mapping[str, Any], sender: Sender) -> Intent | Odd:
    if _text(data, "view", "callback_id") != ROLLBACK_VIEW:
        return Odd(f"no modal is called {_text(data, 'view', 'callback_id')[:60]!r}", sender.user)
    subject = Subject.from_value(_text(data, "view", "private_metadata"))
    view = _text(data, "view", "id")
    if subject is None or not (view and subject.environment and subject.plan and subject.to):
        return Odd("what its modal carries cannot be read", sender.user)
    chosen = _text(data, "view", "state", "values", TO, PREFIX + CHOOSE, "selected_option", "value")
    if chosen and not _COMMIT.fullmatch(chosen):
        return Odd("it chooses no state", sender.user)
    reason = _text(data, "view", "state", "values", REASON, REASON, "value")
    # Where another state was chosen than the one whose plan was shown, its plan is shown first.
    subject = replace(subject, verb="rollback", to=chosen or subject.to)
    key = "|".join((sender.user, view, _text(data, "view", "hash")))
    return Intent("confirm", sender, key, subject, reason=reason, view=view)


def read_command(data: Mapping[str, Any]) -> Intent | Odd:
    """Read what somebody typed: `/headway status [ENV] | why ENV SERVICE | promote ENV [SERVICE…] | rollback ENV`."""
    sender = Sender(_id(data, "team_id"), _id(data, "api_app_id"), _id(data, "user_id"))
    if not sender.user:
        return Odd("it names nobody")
    typed = _text(data, "text", most=10 * TYPED)
    if len(typed) > TYPED:
        return Odd(f"the command is longer than {TYPED} characters", sender.user)
    intent = Intent(
        "help",
        sender,
        f"{sender.user}|{_text(data, 'trigger_id')}",
        typed=typed,
        channel=_id(data, "channel_id"),
        trigger=_text(data, "trigger_id"),
        answer_at=_text(data, "response_url", most=1000),
    )
    word, *names = [*typed.lower().split()[:WORDS], ""]
    names = [it for it in names if it]
    if not all(_NAME.fullmatch(it) for it in names):
        return intent
    if word == "status" and len(names) <= 1:
        return replace(intent, kind="status", subject=Subject(environment="".join(names)))
    if word == "why" and len(names) == 2:
        return replace(intent, kind="why", subject=Subject(environment=names[0]), service=names[1])
    if word == "promote" and names:
        found = Subject(environment=names[0], services=tuple(dict.fromkeys(names[1:])), verb="promote")
        return replace(intent, kind="promote", subject=found)
    if word == "rollback" and len(names) == 1:
        return replace(intent, kind="undo", subject=Subject(environment=names[0], verb="rollback"))
    return intent


def _at(data: Any, *path: str) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def _text(data: Any, *path: str, most: int = 3000) -> str:
    """Return a text in a payload; empty where there is none, or one that is longer than Slack makes it."""
    found = _at(data, *path)
    return found if isinstance(found, str) and len(found) <= most else ""


def _id(data: Any, *path: str) -> str:
    found = _text(data, *path)
    return found if _ID.fullmatch(found) else ""
