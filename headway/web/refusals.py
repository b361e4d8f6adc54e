"""Who is refused again and again is not listened to for a while: its bodies are not even read."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REFUSED = (401, 408, 413)
"""The answers that count: no signature or token, too slow, too much."""
MOST, SECONDS = 60, 60.0
"""So many refusals in so many seconds are one too many."""
CLIENTS = 4096
"""How many clients are remembered."""


class Refusals:
    """Counts the refusals of each address, and answers 429 before it reads a body where there were too many.

    It says nothing about who is behind an address: all that come through one proxy are one client, unless the
    server is told to believe that proxy's `X-Forwarded-For`.
    """

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._clock = app, clock
        # By address: since when it is counted, and how often it was refused since.
        self._found: dict[str, tuple[float, int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it at once."""
        if scope["type"] != "http" or scope["path"] == "/healthz":
            await self._app(scope, receive, send)
            return
        client = str((scope.get("client") or ("",))[0])
        if wait := self._wait(client):
            said = {"error": "too many requests from here were refused", "hint": f"try again in {wait} s"}
            headers = {"Retry-After": str(wait), "Connection": "close"}
            await JSONResponse(said, status_code=429, headers=headers)(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in REFUSED:
                self._count(client)
            await send(message)

        await self._app(scope, receive, counted)

    def _wait(self, client: str) -> int:
        """Return the seconds until a client is listened to again; 0 where it is."""
        began, refused = self._found.get(client, (0.0, 0))
        return max(0, math.ceil(began + SECONDS - self._clock())) if refused >= MOST else 0

    def _count(self, client: str) -> None:
        now = self._clock()
        began, refused = self._found.pop(client, (now, 0))
        if now - began >= SECONDS:
            began, refused = now, 0
        self._found[client] = (began, refused + 1)
        if len(self._found) > CLIENTS:
            # Whoever was refused longest ago.
            del self._found[next(iter(self._found))]
