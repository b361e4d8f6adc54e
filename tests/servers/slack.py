"""Slack's Web API over HTTP, as far as headway uses it: what it takes, refuses and remembers, as Slack documents it."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.http import Listener

TOKEN = "xoxb-a-token-for-tests"
TEAM = "T0SHOP"
TEXT_LIMIT, BLOCK_LIMIT, SECTION_LIMIT = 40_000, 50, 3000


SCOPES = {"chat:write", "channels:read", "channels:history", "groups:read", "groups:history"}


class SlackServer:
    """One workspace with some public channels. `faults` are answered before anything else: (status, body, headers)."""

    def __init__(self, *channels: str) -> None:
        self.channels = {f"C{place:03}": name for place, name in enumerate(channels or ("releases",))}
        self.messages: dict[str, list[dict[str, Any]]] = {it: [] for it in self.channels}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.faults: deque[tuple[int, dict[str, Any], dict[str, str]]] = deque()
        self.lost_answers = 0
        self.valid_tokens = {TOKEN}
        self.scopes = set(SCOPES)
        self._clock = 1_700_000_000
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True

            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                kind = self.headers.get("Content-Type", "")
                fields = json.loads(body or b"{}") if "json" in kind else _flat(body.decode())
                self._answer(fields)

            def do_GET(self) -> None:
                self._answer(_flat(urlsplit(self.path).query))

            def _answer(self, fields: dict[str, Any]) -> None:
                method = urlsplit(self.path).path.rpartition("/")[2]
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                status, answer, headers = server.answer(method, token, fields)
                if status == 0:
                    self.close_connection = True
                    return
                data = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json; charset=utf-8", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = Listener(Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/"

    def close(self) -> None:
        """End the server."""
        self._server.close()

    def answer(
        self, method: str, token: str, fields: dict[str, Any]
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Answer one call; status 0 means that the connection breaks after the call was carried out."""
        with self._lock:
            self.calls.append((method, fields))
            if self.faults:
                return self.faults.popleft()
            if token not in self.valid_tokens:
                return 200, {"ok": False, "error": "invalid_auth"}, {}
            done = getattr(self, "_" + method.replace(".", "_"))(fields)
            if self.lost_answers and method == "chat.postMessage":
                self.lost_answers -= 1
                return 0, {}, {}
            return 200, done, {}

    def _channel(self, fields: dict[str, Any], *, by_name: bool) -> str | None:
        said = str(fields.get("channel", ""))
        if said in self.channels:
            return said
        names = {name: it for it, name in self.channels.items()} if by_name else {}
        return names.get(said.removeprefix("#"))

    def _chat_postMessage(self, fields: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(fields, by_name=True)
        if channel is None:
            return {"ok": False, "error": "channel_not_found"}
        if wrong := _invalid(fields):
            return {"ok": False, "error": wrong}
        self._clock += 1
        made = {**fields, "ts": f"{self._clock}.000100"}
        self.messages[channel].append(made)
        return {"ok": True, "channel": channel, "ts": made["ts"], "message": made}

    def _chat_update(self, fields: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(fields, by_name=False)
        if channel is None:
            return {"ok": False, "error": "channel_not_found"}
        if wrong := _invalid(fields):
            return {"ok": False, "error": wrong}
        for each in self.messages[channel]:
            if each["ts"] == fields["ts"]:
                each.update(fields)
                return {"ok": True, "channel": channel, "ts": each["ts"]}
        return {"ok": False, "error": "message_not_found"}

    def _auth_test(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "team": "Shop", "user": "headway", "team_id": TEAM, "bot_id": "B001"}

    def _conversations_history(self, fields: dict[str, Any]) -> dict[str, Any]:
        latest, inclusive = fields.get("latest"), str(fields.get("inclusive", "")).lower() in ("1", "true")

        def wanted(it: dict[str, Any]) -> bool:
            early = not latest or it["ts"] < latest or (inclusive and it["ts"] == latest)
            return early and "thread_ts" not in it

        return self._page(fields, wanted)

    def _conversations_replies(self, fields: dict[str, Any]) -> dict[str, Any]:
        return self._page(fields, lambda it: fields["ts"] in (it["ts"], it.get("thread_ts")))

    def _page(self, fields: dict[str, Any], wanted: Any) -> dict[str, Any]:
        channel = self._channel(fields, by_name=False)
        if "channels:history" not in self.scopes:
            return {"ok": False, "error": "missing_scope"}
        if channel is None:
            return {"ok": False, "error": "channel_not_found"}
        found = [it for it in reversed(self.messages[channel]) if wanted(it)]
        if str(fields.get("include_all_metadata", "")).lower() not in ("1", "true"):
            found = [{key: it for key, it in each.items() if key != "metadata"} for each in found]
        start, limit = int(fields.get("cursor") or 0), int(fields["limit"])
        more = str(start + limit) if len(found) > start + limit else ""
        return {
            "ok": True,
            "messages": found[start : start + limit],
            "response_metadata": {"next_cursor": more},
        }

    def _conversations_list(self, fields: dict[str, Any]) -> dict[str, Any]:
        needed = {"public_channel": "channels:read", "private_channel": "groups:read"}
        if not {needed[it] for it in fields["types"].split(",")} <= self.scopes:
            # One type that may not be listed, and none is.
            return {"ok": False, "error": "missing_scope"}
        if not 0 < int(fields["limit"]) < 1000:
            return {"ok": False, "error": "invalid_limit"}
        found = [{"id": key, "name": name} for key, name in self.channels.items()]
        return {"ok": True, "channels": found, "response_metadata": {"next_cursor": ""}}

    def delete(self, message: dict[str, Any]) -> None:
        """Delete a message, as a person does."""
        for found in self.messages.values():
            found[:] = [it for it in found if message["ts"] not in (it["ts"], it.get("thread_ts"))]

    def posts(self, channel: str = "C000") -> list[dict[str, Any]]:
        """Return the messages of a channel that are in no thread."""
        return [it for it in self.messages[channel] if "thread_ts" not in it]

    def thread(self, channel: str = "C000") -> list[str]:
        """Return the first lines of the replies in a channel's threads."""
        return [it["text"].splitlines()[0] for it in self.messages[channel] if "thread_ts" in it]


def _flat(query: str) -> dict[str, Any]:
    return {key: values[0] for key, values in parse_qs(query).items()}


def _invalid(fields: dict[str, Any]) -> str:
    """Name what Slack would not take (Block Kit's limits)."""
    blocks = fields.get("blocks", [])
    if len(fields.get("text", "")) > TEXT_LIMIT:
        return "msg_too_long"
    texts = [it.get("text", {}).get("text", "") for it in blocks if it["type"] == "section"]
    contexts = [it["elements"] for it in blocks if it["type"] == "context"]
    if len(blocks) > BLOCK_LIMIT or any(not 0 < len(it) <= SECTION_LIMIT for it in texts):
        return "invalid_blocks"
    if any(not 0 < len(it) <= 10 or not all(each["text"] for each in it) for it in contexts):
        return "invalid_blocks"
    if not all(_is_button(it) for each in blocks if each["type"] == "actions" for it in each["elements"]):
        return "invalid_blocks"
    if any(re.search(r"&(?!(amp|lt|gt);)", it) for it in [fields.get("text", ""), *texts]):
        return "an escape is cut in two"
    return "" if fields.get("text") or blocks else "no_text"


def _is_button(it: dict[str, Any]) -> bool:
    words, confirm = it["text"], it.get("confirm")
    asked = confirm is None or (
        {"title", "text", "confirm", "deny"} == set(confirm)
        and len(confirm["title"]["text"]) <= 100
        and len(confirm["text"]["text"]) <= 300
        and all(0 < len(confirm[key]["text"]) <= 30 for key in ("confirm", "deny"))
    )
    named = 0 < len(it["action_id"]) <= 255 and 0 < len(it["value"]) <= 2000
    return asked and named and words["type"] == "plain_text" and 0 < len(words["text"]) <= 75


def limited(seconds: int) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return Slack's answer to too many calls."""
    return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(seconds)}


def refused(error: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return Slack's answer of an error: 200, and `ok` is false."""
    return 200, {"ok": False, "error": error}, {}
