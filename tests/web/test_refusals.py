"""Who is refused again and again: not listened to for a while, and nobody else suffers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from headway.domain.events import Event
from headway.web import refusals
from headway.web.app import make_app
from headway.web.refusals import MOST, SECONDS, Refusals

SECRET = "s3cret"


class Called:
    """An endpoint, a clock, and what an address is answered."""

    def __init__(self) -> None:
        self.now, self.read, self.events = 1000.0, 0, list[Event]()
        # Its own middleware goes by the real clock, and would count the same.
        self.app: Any = make_app(self.events.extend, SECRET)
        self.app.user_middleware.clear()
        self.guarded = Refusals(self.app, lambda: self.now)

    def post(self, client: str, token: str = "", path: str = "/hooks/generic") -> tuple[int, dict[str, str]]:
        """Post an event; return the status and the headers."""
        sent: list[Message] = []

        async def receive() -> Message:
            self.read += 1
            return {"type": "http.request", "body": b'{"image": "r/web:1"}', "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        scope: Scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
            "root_path": "", "headers": headers, "client": (client, 1), "server": ("h", 80), "scheme": "http",
            "http_version": "1.1",
        }  # fmt: skip
        asyncio.run(self._call(scope, receive, send))
        return sent[0]["status"], {name.decode(): it.decode() for name, it in sent[0]["headers"]}

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.guarded(scope, receive, send)


@pytest.fixture
def called() -> Called:
    """An endpoint that has refused one address too often."""
    made = Called()
    assert {made.post("10.0.0.1")[0] for _ in range(MOST)} == {401}
    return made


def test_who_is_refused_too_often_is_not_read(called: Called) -> None:
    """It hears when to come again, and costs no body."""
    before = called.read
    status, headers = called.post("10.0.0.1")
    assert (status, headers["retry-after"], headers["connection"]) == (429, "60", "close")
    assert called.read == before


def test_others_go_on(called: Called) -> None:
    """Another address is listened to, and the probe is answered to all."""
    assert called.post("10.0.0.2", SECRET)[0] == 202
    assert called.post("10.0.0.1", path="/healthz")[0] == 405
    assert len(called.events) == 1


def test_it_is_over_after_a_minute(called: Called) -> None:
    """Who was shut out and signs now is listened to."""
    called.now += SECONDS - 1
    assert called.post("10.0.0.1", SECRET)[0] == 429
    called.now += 1
    assert called.post("10.0.0.1", SECRET)[0] == 202
    assert called.post("10.0.0.1")[0] == 401


def test_what_is_signed_counts_for_nothing() -> None:
    """However much a sender pushes."""
    made = Called()
    assert {made.post("10.0.0.1", SECRET)[0] for _ in range(MOST + 5)} == {202}


def test_few_are_remembered(called: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many addresses cost no memory without end; those that were refused longest ago are forgotten."""
    monkeypatch.setattr(refusals, "CLIENTS", 3)
    for number in range(5):
        called.post(f"10.0.1.{number}")
    assert len(called.guarded._found) == 3


def test_the_endpoint_has_it() -> None:
    """Its application is made with it."""
    made: Any = make_app(lambda events: None, SECRET)
    assert made.user_middleware[0].cls is Refusals
