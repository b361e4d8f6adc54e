"""Slack's way in on servers of the test's own: a workspace, a config repo with a history, and a Prefect server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient

from headway.domain.notifications.notices import Notice
from headway.domain.notifications.slack_blocks import message
from headway.operations.audit import Audit
from headway.operations.board.gathering import Board
from headway.operations.connections import Connections
from headway.requests import Forcible
from headway.settings import Settings
from headway.systems.notify.slack_app import SlackApp, is_signed
from headway.web.board.starting import StartsThere
from headway.web.slack.acting import Acting
from headway.web.slack.endpoint import Endpoint
from headway.web.slack.inbox import Inbox
from headway.web.slack.people import People
from tests.images import moved
from tests.servers.http import HttpServer, Sent
from tests.servers.slack import TOKEN
from tests.servers.slack_app import SECRET, SlackWorkspace, send
from tests.web.board.stage import Shop

RUN, PLAN, PROOF = "11111111-2222-3333-4444-555555555555", "f2d996007824", "between serve and the workers"


class Prefect(HttpServer):
    """A Prefect server where a release to production waits, which ann asked for."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.waits, self.plan, self.state = True, PLAN, {"type": "RUNNING", "name": "Running", "message": ""}
        self.standing |= {
            "/api/flow_runs/filter": self._runs,
            f"/api/flow_runs/{RUN}": lambda _: {"id": RUN, "name": "x", "tags": [], "state": self.state},
            f"/api/flow_runs/{RUN}/input/s": lambda _: {"properties": {"plan": {"default": self.plan}}},
            f"/api/flow_runs/{RUN}/input/d": lambda _: (200, b'"web: 1.0.0 -> 2.0.0"', {}),
            f"/api/flow_runs/{RUN}/resume": self._resume,
        }

    def _runs(self, sent: Sent) -> list[dict[str, Any]]:
        kinds = sent.data["flow_runs"].get("state", {}).get("type", {}).get("any_", [])
        keys = {"schema": "s", "description": "d"}
        run = {
            "id": RUN,
            "name": "shop: production: release web",
            "tags": ["headway", "app:shop", "environment:production"],
            "parameters": {"request": {"environment": "production", "actor": "ann@example.com"}},
            "state": {"type": "PAUSED", "name": "Suspended", "state_details": {"run_input_keyset": keys}},
            "expected_start_time": "2026-11-24T12:00:00+00:00",
        }
        return [run] if self.waits and "PAUSED" in kinds else []

    def _resume(self, sent: Sent) -> dict[str, Any]:
        if not self.waits:
            return {"status": "REJECT", "details": {"reason": "it is not paused"}}
        self.waits = False
        return {"status": "ACCEPT"}

    @property
    def resumed(self) -> list[dict[str, Any]]:
        """What the run was answered."""
        return [it.data["run_input"] for it in self.sent if it.path.endswith("/resume")]


class Recording(StartsThere):
    """Answers runs on the Prefect server, and notes what would be started there."""

    started: list[tuple[str, Forcible]]
    presses: dict[str, str]

    def start(self, flow: str, request: Forcible, services: Sequence[str], press: str = "") -> str:
        """Note a start; the same press starts nothing twice, as Prefect's keys do."""
        if not press or press not in self.presses:
            self.presses[press] = flow
            self.started.append((flow, request))
        return "http://prefect.example/runs/1"


@dataclass
class Room:
    """Everything that a press needs."""

    folder: Path
    roles: str = ""
    approvals: str = "approvals: 1"
    people: str = (
        "people: {ann@example.com: {slack: U0ANN}, bob@example.com: {slack: U0BOB}, cleo: {slack: U0CLEO}}\n"
    )
    emails: bool = False
    proof: str = PROOF
    workspace: SlackWorkspace = field(default_factory=lambda: SlackWorkspace("releases"))

    def __post_init__(self) -> None:
        """Start it."""
        rules = {"staging": "release: manual", "production": f"promote_from: staging, {self.approvals}"}
        self.shop = Shop(
            self.folder / "shop", services=("web", "orders"), rules=rules, more=self.people + self.roles
        )
        self.shop.begin()
        self.prefect = Prefect()
        values: dict[str, Any] = {
            "repo": self.shop.remote.url, "state": self.folder / "state", "slack_token": TOKEN,
            "slack_url": self.workspace.url, "kubeconfig": str(self.shop.folder / "kubeconfig"),
            "docker_config": str(self.shop.folder), "prefect": f"{self.prefect.url}/api", "approval_secret": self.proof,
        }  # fmt: skip
        self.settings = Settings(**values)
        self.connections = Connections(self.settings)
        self.connections.repo.fetch()
        self.board = Board(self.connections)
        self.board.read_repo()
        self.starter = Recording(self.connections, self.board, "shop")
        self.starter.started, self.starter.presses = [], {}
        slack = SlackApp(TOKEN, self.workspace.url)
        config = self.connections.config
        repo = self.connections.repo
        people = People(slack, lambda: config(repo.head).document.people, emails=self.emails)
        self.acting = Acting(self.board, self.starter, Audit(self.settings), slack, people)
        self.inbox = Inbox(self.acting, self.acting.odd)
        endpoint = Endpoint(self.inbox, lambda headers, body: is_signed(SECRET, headers, body))
        self.client = TestClient(Starlette(routes=endpoint.routes))

    def post(self, state: str = "waiting", **more: Any) -> dict[str, Any]:
        """Post a release's message, as a worker does; return it."""
        notice = Notice(
            "r-1", "shop", "production", "release", state, (moved("web", "1.0.0", "2.0.0"),), actor="ann@example.com",
            run=RUN, plan=PLAN, buttons=True, **more,
        )  # fmt: skip
        status, answer, _ = self.workspace.answer(
            "chat.postMessage", TOKEN, {"channel": "#releases", **message(notice)}
        )
        assert (status, answer["ok"]) == (200, True), answer
        found: dict[str, Any] = answer["message"]
        return found

    def press(self, user: str, on: dict[str, Any], word: str) -> None:
        """Have somebody press a button, and wait until that is done."""
        answer = send(self.client, self.workspace.pressed(user, on, word))
        assert (answer.status_code, answer.content) == (200, b"")
        self.settle()

    def type(self, user: str, text: str) -> dict[str, Any]:
        """Have somebody type a command; return the answer that only they see."""
        known = len(self.workspace.answers)
        assert send(self.client, self.workspace.typed(user, text)).status_code == 200
        self.settle()
        (found,) = self.workspace.answers[known:]
        return found

    def settle(self) -> None:
        """Wait until what was taken is done."""
        room = self.inbox._room
        for _ in range(64):
            assert room.acquire(timeout=60)
        room.release(64)

    @property
    def said(self) -> str:
        """What was last said to whoever pressed."""
        return str(self.workspace.answers[-1]["text"])

    def view(self) -> str:
        """Return what the newest modal shows."""
        return json.dumps(list(self.workspace.views.values())[-1], ensure_ascii=False)

    @property
    def audit(self) -> list[tuple[str, str, str]]:
        """Who asked for what, and how that was answered."""
        return [(it.who, it.verb, it.answer) for it in Audit(self.settings).acts()]

    def close(self) -> None:
        """End it."""
        self.inbox.close()
        self.client.close()
        self.starter.close()
        self.board.close()
        self.connections.close()
        self.prefect.close()
        self.workspace.close()
        self.shop.close()
