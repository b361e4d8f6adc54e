"""Slack's other side: members press and type, and a signed payload or an envelope comes, as Slack documents them."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import itertools
import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
from websockets.sync.server import Server, ServerConnection, serve

from tests.servers.slack import TEAM, SlackServer, _invalid

APP, SECRET, APP_TOKEN = "A0HEADWAY", "8f742231b10e8888abcd99yyyzzz85a5", "xapp-a-token-for-tests"
PATIENCE = 120.0


class SlackWorkspace(SlackServer):
    """A workspace with members who press buttons. `views` are the open modals, `answers` what only one member sees.

    A method in `held` is answered when `release` is set; `reached` says that it was called.
    """

    def __init__(self, *channels: str) -> None:
        super().__init__(*channels)
        self.members: dict[str, dict[str, Any]] = {}
        self.views: dict[str, dict[str, Any]] = {}
        self.answers: list[dict[str, Any]] = []
        self.triggers: set[str] = set()
        self.held: set[str] = set()
        self.reached, self.release = threading.Event(), threading.Event()
        self.changed = threading.Condition()
        self._count = itertools.count(1)

    def member(self, user: str, email: str = "", **more: Any) -> str:
        """Have a member with an e-mail address that is confirmed."""
        about = {"email": email} if email else {}
        self.members[user] = {
            "id": user, "team_id": TEAM, "name": user.lower(), "deleted": False, "is_bot": False,
            "is_restricted": False, "is_ultra_restricted": False, "is_email_confirmed": True, "profile": about, **more,
        }  # fmt: skip
        return user

    def answer(
        self, method: str, token: str, fields: dict[str, Any]
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Answer one call, or take the answer to a payload."""
        if method in self.held:
            self.reached.set()
            self.release.wait(PATIENCE)
        if method.startswith("respond-"):
            wrong = _invalid(fields)
            self._said({**fields, "at": method})
            return (400, {"ok": False, "error": wrong}, {}) if wrong else (200, {"ok": True}, {})
        if method == "apps.connections.open":
            return 200, self._open_connection(token), {}
        found = super().answer(method, token, fields)
        with self.changed:
            self.changed.notify_all()
        return found

    def _said(self, body: dict[str, Any]) -> None:
        with self.changed:
            self.answers.append(body)
            self.changed.notify_all()

    def wait_for(self, what: Any, *, why: str = "") -> Any:
        """Wait until a question about this server has an answer that is true; return that."""
        until = time.monotonic() + PATIENCE
        with self.changed:
            while not (found := what()):
                left = until - time.monotonic()
                assert left > 0, f"{why}; calls: {[it for it, _ in self.calls]}; answers: {self.answers}"
                self.changed.wait(min(left, 1.0))
        return found

    # --- what headway calls ---

    def _users_info(self, fields: dict[str, Any]) -> dict[str, Any]:
        found = self.members.get(str(fields.get("user")))
        return {"ok": True, "user": found} if found else {"ok": False, "error": "user_not_found"}

    def _bots_info(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "bot": {"id": fields["bot"], "app_id": APP, "deleted": False}}

    def _chat_postEphemeral(self, fields: dict[str, Any]) -> dict[str, Any]:
        if wrong := _invalid(fields):
            return {"ok": False, "error": wrong}
        self.answers.append(fields)
        return {"ok": True, "message_ts": "1"}

    def _views_open(self, fields: dict[str, Any]) -> dict[str, Any]:
        if fields["trigger_id"] not in self.triggers:
            return {"ok": False, "error": "expired_trigger_id"}
        self.triggers.remove(fields["trigger_id"])
        if wrong := invalid_view(fields["view"]):
            return {"ok": False, "error": wrong}
        view = {**fields["view"], "id": f"V{next(self._count)}", "hash": str(next(self._count))}
        self.views[view["id"]] = view
        return {"ok": True, "view": view}

    def _views_update(self, fields: dict[str, Any]) -> dict[str, Any]:
        if fields["view_id"] not in self.views:
            return {"ok": False, "error": "not_found"}
        if wrong := invalid_view(fields["view"]):
            return {"ok": False, "error": wrong}
        self.views[fields["view_id"]] = {
            **fields["view"],
            "id": fields["view_id"],
            "hash": str(next(self._count)),
        }
        return {"ok": True, "view": self.views[fields["view_id"]]}

    # --- what members do ---

    def pressed(
        self, user: str, message: dict[str, Any], word: str, *, channel: str = "C000"
    ) -> dict[str, Any]:
        """Return the payload of a button on a message; `word` is the button's."""
        own = "ts" not in message
        found = next(
            it
            for block in message["blocks"] if block["type"] == "actions"
            for it in block["elements"] if it["text"]["text"] == word
        )  # fmt: skip
        at = message.get("ts") or "1700000000.000001"
        container = {"type": "message", "message_ts": at, "channel_id": channel, "is_ephemeral": own}
        return {
            **self._interaction("block_actions", user),
            "container": container,
            "channel": {"id": channel, "name": self.channels[channel]},
            **({} if own else {"message": message}),
            "state": {"values": {}},
            "actions": [{**found, "block_id": "headway", "action_ts": f"{next(self._count)}.5"}],
        }

    def chosen(self, user: str, view_id: str, commit: str) -> dict[str, Any]:
        """Return the payload of another state that was chosen in a modal."""
        view = self.views[view_id]
        option = next(it for it in self.options(view_id) if it["value"] == commit)
        action = {
            "type": "static_select",
            "action_id": "headway_choose",
            "block_id": "to",
            "selected_option": option,
        }
        return {
            **self._interaction("block_actions", user),
            "container": {"type": "view", "view_id": view_id},
            "view": {**view, "state": {"values": {"to": {"headway_choose": action}}}},
            "actions": [{**action, "action_ts": f"{next(self._count)}.5"}],
        }

    def submitted(self, user: str, view_id: str, *, reason: str = "", commit: str = "") -> dict[str, Any]:
        """Return the payload of a modal that was sent."""
        view = self.views[view_id]
        assert "submit" in view, "it has no button"
        options = {it["value"]: it for it in self.options(view_id)}
        select = next(it["accessory"] for it in view["blocks"] if it.get("block_id") == "to")
        option = options[commit] if commit else select["initial_option"]
        values = {
            "to": {"headway_choose": {"type": "static_select", "selected_option": option}},
            "reason": {"reason": {"type": "plain_text_input", "value": reason or None}},
        }
        return {
            **self._interaction("view_submission", user),
            "view": {**view, "state": {"values": values}},
            "response_urls": [],
        }

    def options(self, view_id: str) -> list[dict[str, Any]]:
        """Return the states that a modal offers."""
        return [
            option
            for it in self.views[view_id]["blocks"] if it.get("block_id") == "to"
            for option in it["accessory"]["options"]
        ]  # fmt: skip

    def typed(self, user: str, text: str, channel: str = "C000") -> dict[str, Any]:
        """Return the fields of `/headway TEXT`."""
        return {
            "token": "old", "team_id": TEAM, "team_domain": "shop", "channel_id": channel,
            "channel_name": self.channels[channel], "user_id": user, "user_name": user.lower(), "command": "/headway",
            "text": text, "api_app_id": APP, "is_enterprise_install": "false",
            "response_url": self._respond(), "trigger_id": self._trigger(),
        }  # fmt: skip

    def _interaction(self, kind: str, user: str) -> dict[str, Any]:
        return {
            "type": kind,
            "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": TEAM},
            "api_app_id": APP,
            "token": "old",
            "team": {"id": TEAM, "domain": "shop"},
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self._trigger(),
            **({"response_url": self._respond()} if kind == "block_actions" else {}),
        }

    def _respond(self) -> str:
        return f"{self.url}respond-{next(self._count)}"

    def _trigger(self) -> str:
        made = f"{next(self._count)}.trigger"
        self.triggers.add(made)
        return made

    # --- Socket Mode ---

    def _open_connection(self, token: str) -> dict[str, Any]:
        if token != APP_TOKEN:
            return {"ok": False, "error": "invalid_auth"}
        return {"ok": True, "url": f"ws://127.0.0.1:{self.socket.port}/link?ticket=1"}

    @contextlib.contextmanager
    def listening(self) -> Iterator[Socket]:
        """Take connections of Socket Mode."""
        self.socket = Socket(self)
        try:
            yield self.socket
        finally:
            self.socket.close()


class Socket:
    """The far end of Socket Mode's connections: the newest one is sent envelopes, `acknowledged` is what came back."""

    def __init__(self, workspace: SlackWorkspace) -> None:
        self._workspace = workspace
        self.connections: list[ServerConnection] = []
        self.acknowledged: list[dict[str, Any]] = []
        self._server: Server = serve(self._serve, "127.0.0.1", 0)
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True, name="slack-socket").start()

    def _serve(self, connection: ServerConnection) -> None:
        connection.send(
            json.dumps({"type": "hello", "connection_info": {"app_id": APP}, "num_connections": 1})
        )
        with self._workspace.changed:
            self.connections.append(connection)
            self._workspace.changed.notify_all()
        with contextlib.suppress(Exception):
            for line in connection:
                with self._workspace.changed:
                    self.acknowledged.append(json.loads(line))
                    self._workspace.changed.notify_all()

    def send(self, kind: str, payload: dict[str, Any], envelope: str = "e-1") -> dict[str, Any]:
        """Send an envelope over the newest connection; return how it is acknowledged."""
        known = len(self.acknowledged)
        body = {"type": kind, "envelope_id": envelope, "payload": payload, "accepts_response_payload": True}
        self.connections[-1].send(json.dumps(body))
        self._workspace.wait_for(lambda: len(self.acknowledged) > known, why="it was not acknowledged")
        return self.acknowledged[known]

    def close(self) -> None:
        """Take no more."""
        self._server.shutdown()


def signed(body: str, *, secret: str = SECRET, at: int | None = None) -> dict[str, str]:
    """Return the headers of a request that Slack signs (Slack, "Verifying requests")."""
    stamp = str(int(time.time()) if at is None else at)
    made = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={made}",
    }


def action_body(payload: dict[str, Any]) -> str:
    """Return a payload as the body of a request."""
    return urlencode({"payload": json.dumps(payload)})


def send(client: httpx.Client, payload: dict[str, Any], **headers: str) -> httpx.Response:
    """Send a payload, or a command's fields, as Slack does."""
    command = "command" in payload
    body = urlencode(payload) if command else action_body(payload)
    path = "/slack/commands" if command else "/slack/actions"
    return client.post(path, content=body, headers={**signed(body), **headers})


def invalid_view(view: dict[str, Any]) -> str:
    """Name what Slack would not take of a modal (Block Kit's limits)."""
    if view["type"] != "modal" or not 0 < len(view["title"]["text"]) <= 24:
        return "invalid_title"
    if len(view["blocks"]) > 100 or len(view.get("private_metadata", "")) > 3000:
        return "view_too_large"
    if len(json.dumps(view)) > 250_000:
        return "view_too_large"
    if any(it["type"] == "input" for it in view["blocks"]) and "submit" not in view:
        return "missing_submit"
    for block in view["blocks"]:
        select = block.get("accessory", {})
        texts = [it["text"]["text"] for it in select.get("options", [])]
        if len(texts) > 100 or not all(0 < len(it) <= 75 for it in texts):
            return "invalid_options"
        if select and select["initial_option"] not in select["options"]:
            return "invalid_initial_option"
    wrong = _invalid(
        {"text": "x", "blocks": [it for it in view["blocks"] if it["type"] in ("section", "context")]}
    )
    return "" if wrong in ("",) or len(view["blocks"]) > 50 else wrong
