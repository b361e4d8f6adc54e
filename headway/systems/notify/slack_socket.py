"""Socket Mode: a connection that headway opens to Slack, so that no address of headway's must be reachable."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from headway.systems.notify.slack_client import SECONDS

FIRST, LONGEST = 2.0, 300.0
"""Seconds until the second try to connect, and at most between two."""
PING = 2.0
"""Seconds between two signs of life: a connection that gave none for four of these is made again."""
KINDS = ("interactive", "slash_commands")
Take = Callable[[str, Mapping[str, Any]], dict[str, Any] | None]
"""Called with the kind of an envelope and its payload; gives what it is acknowledged with, None for not at all."""
_log = logging.getLogger("headway.slack")
# Its messages on this level hold addresses with tickets in them.
logging.getLogger("headway.slack.socket").setLevel(logging.ERROR)


class SlackSocket:
    """The connection. It is made again whenever it breaks."""

    def __init__(self, token: str, take: Take, url: str = "") -> None:
        options: dict[str, Any] = {"base_url": url.rstrip("/") + "/"} if url else {}
        web = WebClient(timeout=SECONDS, retry_handlers=[], **options)
        self._take, self._stop = take, threading.Event()
        self._client = SocketModeClient(
            token,
            logger=logging.getLogger("headway.slack.socket"),
            web_client=web,
            ping_interval=PING,
            concurrency=4,
        )
        self._client.socket_mode_request_listeners.append(self._listen)
        self._thread = threading.Thread(target=self._connect, daemon=True, name="slack-socket")

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether Slack can send something."""
        return bool(self._client.is_connected())

    def _connect(self) -> None:
        wait = FIRST
        while not self._stop.is_set():
            try:
                self._client.connect()
            except SlackApiError as error:
                said = "" if isinstance(error.response, str) else str(error.response.get("error") or "")
                _log.error(
                    "Slack refuses apps.connections.open: %s; see whether HEADWAY_SLACK_APP_TOKEN is an app-level "
                    "token (xapp-…) with connections:write, and whether Socket Mode is turned on",
                    said or "unknown",
                )
            except Exception as error:  # noqa: BLE001 - whatever broke, it is tried again
                _log.error("Slack cannot be reached: %s", type(error).__name__)
            else:
                # From here on the client connects again by itself.
                return
            self._stop.wait(wait)
            wait = min(wait * 2, LONGEST)

    def _listen(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        if request.type not in KINDS:
            answer: dict[str, Any] | None = {}
        else:
            answer = self._take(request.type, request.payload)
        if answer is not None:
            client.send_socket_mode_response(SocketModeResponse(request.envelope_id, answer or None))

    def close(self) -> None:
        """Listen no more."""
        self._stop.set()
        self._client.close()
        if self._thread.is_alive():
            self._thread.join(SECONDS)
