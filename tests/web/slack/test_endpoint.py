"""Slack's routes: what is taken, from whom, how much, and how fast it is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from headway.domain.notifications.slack_buttons import Subject
from headway.domain.slack.intents import Intent, Odd
from headway.systems.notify.slack_app import is_signed
from headway.web.slack.endpoint import BODY_LIMIT, Endpoint
from headway.web.slack.inbox import WAITING, Inbox
from tests.servers.slack import TEAM
from tests.servers.slack_app import APP, SECRET, action_body, signed

VALUE = Subject(
    "shop", "production", run="11111111-2222-3333-4444-555555555555", plan="f2d996007824"
).to_value()
PRESS: dict[str, Any] = {
    "type": "block_actions",
    "team": {"id": TEAM},
    "user": {"id": "U0BOB"},
    "api_app_id": APP,
    "container": {"type": "message", "message_ts": "1.2", "channel_id": "C1"},
    "trigger_id": "1.x",
    "actions": [{"action_id": "headway_approve", "action_ts": "5.5", "value": VALUE}],
}
COMMAND = {"command": "/headway", "text": "status", "team_id": TEAM, "user_id": "U0BOB", "trigger_id": "2.x"}
BODIES = {"/slack/actions": action_body(PRESS), "/slack/commands": urlencode(COMMAND)}


class Desk:
    """Two routes, and what came through them. Work waits until `release` is set."""

    def __init__(self) -> None:
        self.done: list[Intent] = []
        self.odd: list[Odd] = []
        self.release = threading.Event()
        self.release.set()
        self.inbox = Inbox(self._work, self.odd.append)
        endpoint = Endpoint(self.inbox, lambda headers, body: is_signed(SECRET, headers, body))
        self.client = TestClient(Starlette(routes=endpoint.routes))

    def _work(self, intent: Intent) -> None:
        self.release.wait(60)
        self.done.append(intent)

    def close(self) -> None:
        self.release.set()
        self.inbox.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A new one."""
    made = Desk()
    yield made
    made.close()


@pytest.mark.parametrize("path", list(BODIES))
def test_what_slack_has_signed_is_taken(desk: Desk, path: str) -> None:
    """With an empty answer, so that Slack shows nothing."""
    answer = desk.client.post(path, content=BODIES[path], headers=signed(BODIES[path]))
    assert (answer.status_code, answer.content) == (200, b"")
    desk.inbox.close()
    assert [it.sender.user for it in desk.done] == ["U0BOB"]


@pytest.mark.parametrize("path", list(BODIES))
@pytest.mark.parametrize(
    ("label", "headers"),
    [
        ("nobody", {"X-Slack-Signature": "", "X-Slack-Request-Timestamp": ""}),
        ("another secret", {"X-Slack-Signature": signed("x", secret="other")["X-Slack-Signature"]}),
        ("another body", {"X-Slack-Signature": signed("payload=%7B%7D")["X-Slack-Signature"]}),
        ("no version", {"X-Slack-Signature": "abc"}),
        ("no ASCII", {"X-Slack-Signature": "v0=\xff"}),
        ("no time", {"X-Slack-Request-Timestamp": "now"}),
        ("a time beyond all", {"X-Slack-Request-Timestamp": "9" * 400}),
    ],
)
def test_what_slack_has_not_signed_is_not(desk: Desk, path: str, label: str, headers: dict[str, str]) -> None:
    """Nobody learns more than that."""
    sent = {key: value.encode("latin-1") for key, value in {**signed(BODIES[path]), **headers}.items()}
    answer = desk.client.post(path, content=BODIES[path], headers=sent)
    assert answer.status_code == 401, label
    desk.inbox.close()
    assert desk.done == []
    assert desk.odd == []


@pytest.mark.parametrize(("age", "status"), [(0, 200), (240, 200), (360, 401), (-360, 401)])
def test_a_request_is_good_for_five_minutes(desk: Desk, age: int, status: int) -> None:
    """So that one that was overheard cannot be sent again later."""
    body = BODIES["/slack/actions"]
    headers = signed(body, at=int(time.time()) - age)
    assert desk.client.post("/slack/actions", content=body, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/slack/actions", "x" * (BODY_LIMIT + 1), 413),
        ("/slack/actions", "", 400),
        ("/slack/actions", "payload=", 400),
        ("/slack/actions", "payload=%5B%5D", 400),
        ("/slack/actions", "payload=%7B%7D", 400),
        ("/slack/actions", "payload=" + "%5B" * 50_000, 400),
        (
            "/slack/actions",
            "payload=%7B%22type%22%3A%22shortcut%22%2C%22user%22%3A%7B%22id%22%3A%22U1%22%7D%7D",
            400,
        ),
        ("/slack/actions", "ssl_check=1", 200),
        ("/slack/commands", "ssl_check=1&token=x", 200),
        ("/slack/commands", "", 400),
        ("/slack/commands", "text=status", 400),
        ("/slack/commands", "&".join("a=1" for _ in range(100)), 400),
        ("/slack/commands", "text=\xff%ff", 400),
    ],
)
def test_odd_bodies(desk: Desk, path: str, body: str, status: int) -> None:
    """Signed or not, each has an answer, and none is worked on."""
    answer = desk.client.post(path, content=body.encode(), headers=signed(body))
    assert answer.status_code == status
    assert "Traceback" not in answer.text
    desk.inbox.close()
    assert desk.done == []


def test_odd_payloads_are_noted_with_their_sender(desk: Desk) -> None:
    """A member who sends what headway's messages do not have."""
    body = action_body({**PRESS, "actions": [{"action_id": "headway_release", "value": "x"}]})
    assert desk.client.post("/slack/actions", content=body, headers=signed(body)).status_code == 400
    assert [it.user for it in desk.odd] == ["U0BOB"]


def test_slack_is_answered_before_anything_is_done(desk: Desk) -> None:
    """However long the work takes; what is too much is said to be too much, and nothing of it is done."""
    desk.release.clear()
    for number in range(WAITING):
        body = urlencode({**COMMAND, "trigger_id": f"{number}.x"})
        answer = desk.client.post("/slack/commands", content=body, headers=signed(body))
        assert (answer.status_code, answer.content) == (200, b"")
    assert desk.done == []
    full = urlencode({**COMMAND, "trigger_id": "full"})
    said = desk.client.post("/slack/commands", content=full, headers=signed(full)).json()
    assert said["response_type"] == "ephemeral"
    assert "Nothing was done" in said["text"]
    press = BODIES["/slack/actions"]
    assert desk.client.post("/slack/actions", content=press, headers=signed(press)).status_code == 503
    desk.release.set()
    desk.inbox.close()
    assert len(desk.done) == WAITING


def test_what_was_too_much_may_be_sent_again(desk: Desk) -> None:
    """It is not taken for one that was done already."""
    desk.release.clear()
    for number in range(WAITING):
        desk.inbox.take("slash_commands", {**COMMAND, "trigger_id": f"{number}.x"})
    assert desk.inbox.take("interactive", PRESS).how == "full"
    desk.release.set()
    room = desk.inbox._room
    assert room.acquire(timeout=60)
    room.release()
    assert desk.inbox.take("interactive", PRESS).how == "taken"
    assert desk.inbox.take("interactive", PRESS).how == "again"


def test_other_methods(desk: Desk) -> None:
    """These are no pages."""
    for path in BODIES:
        assert desk.client.get(path).status_code == 405
