"""Socket Mode: envelopes are taken and acknowledged, over a connection that is made again when it breaks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from headway.systems.notify.slack_socket import SlackSocket
from tests.servers.slack_app import APP_TOKEN, SlackWorkspace, Socket

pytestmark = pytest.mark.slow


class Taking:
    """What came, and what it is acknowledged with."""

    def __init__(self) -> None:
        self.came: list[tuple[str, Mapping[str, Any]]] = []
        self.answer: dict[str, Any] | None = {}
        self.some = threading.Event()

    def __call__(self, kind: str, payload: Mapping[str, Any]) -> dict[str, Any] | None:
        """Note it."""
        self.came.append((kind, payload))
        self.some.set()
        return self.answer


@pytest.fixture
def workspace() -> Iterator[SlackWorkspace]:
    """One with a member."""
    made = SlackWorkspace("releases")
    yield made
    made.close()


@pytest.fixture
def far(workspace: SlackWorkspace) -> Iterator[Socket]:
    """Slack's end of the connections."""
    with workspace.listening() as made:
        yield made


@pytest.fixture
def taking() -> Taking:
    """An inbox."""
    return Taking()


@pytest.fixture
def near(workspace: SlackWorkspace, far: Socket, taking: Taking) -> Iterator[SlackSocket]:
    """Our end, connected."""
    made = SlackSocket(APP_TOKEN, taking, workspace.url)
    made.start()
    workspace.wait_for(lambda: far.connections, why="nobody connected")
    yield made
    made.close()


def test_an_envelope_is_taken_and_acknowledged(
    workspace: SlackWorkspace, far: Socket, near: SlackSocket, taking: Taking
) -> None:
    """With nothing, or with what Slack is to show at once."""
    command = workspace.typed("U0BOB", "status")
    assert far.send("slash_commands", command) == {"envelope_id": "e-1"}
    taking.answer = {"response_action": "update", "view": {"type": "modal"}}
    found = far.send("interactive", {"type": "view_submission"}, "e-2")
    assert found == {"envelope_id": "e-2", "payload": taking.answer}
    assert taking.came == [("slash_commands", command), ("interactive", {"type": "view_submission"})]


def test_what_is_not_for_headway_is_acknowledged_and_left(
    far: Socket, near: SlackSocket, taking: Taking
) -> None:
    """Otherwise Slack would send it again and again."""
    assert far.send("events_api", {"event": {"type": "message"}}) == {"envelope_id": "e-1"}
    assert taking.came == []


def test_what_is_not_taken_is_not_acknowledged(far: Socket, near: SlackSocket, taking: Taking) -> None:
    """Slack then tells whoever pressed that it failed."""
    taking.answer = None
    far.connections[-1].send(
        '{"type": "interactive", "envelope_id": "e-1", "payload": {"type": "block_actions"}}'
    )
    assert taking.some.wait(60)
    taking.answer = {}
    assert far.send("interactive", {}, "e-2") == {"envelope_id": "e-2"}
    assert [it["envelope_id"] for it in far.acknowledged] == ["e-2"]


def test_slack_asks_for_another_connection(
    workspace: SlackWorkspace, far: Socket, near: SlackSocket, taking: Taking
) -> None:
    """Which it does every few hours; what comes over the new one is taken."""
    far.connections[-1].send('{"type": "disconnect", "reason": "refresh_requested"}')
    workspace.wait_for(lambda: len(far.connections) == 2, why="it did not connect again")
    assert far.send("slash_commands", {"text": "status"}) == {"envelope_id": "e-1"}
    assert len(taking.came) == 1


def test_a_connection_that_breaks_is_made_again(
    workspace: SlackWorkspace, far: Socket, near: SlackSocket, taking: Taking
) -> None:
    """By itself."""
    far.connections[-1].socket.shutdown(2)
    workspace.wait_for(lambda: len(far.connections) == 2, why="it did not connect again")
    assert far.send("slash_commands", {"text": "status"}) == {"envelope_id": "e-1"}


def test_a_wrong_token_is_said_and_not_shown(
    workspace: SlackWorkspace, far: Socket, taking: Taking, caplog: pytest.LogCaptureFixture
) -> None:
    """With what to do about it."""
    said = threading.Event()

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.set()

    handler = Listening()
    logging.getLogger("headway.slack").addHandler(handler)
    made = SlackSocket("xapp-wrong", taking, workspace.url)
    made.start()
    assert said.wait(60)
    made.close()
    logging.getLogger("headway.slack").removeHandler(handler)
    assert "invalid_auth" in caplog.text
    assert "HEADWAY_SLACK_APP_TOKEN" in caplog.text
    assert "xapp-wrong" not in caplog.text
