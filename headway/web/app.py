"""The endpoint for push events: who may say "look now", and how much they may say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from headway.domain.events import SENDERS, Event, read, verify
from headway.errors import UsageError
from headway.web.bodies import BodyRefused, read_body
from headway.web.refusals import Refusals

BODY_LIMIT = 1_000_000
BODIES = 32
"""How many bodies are read at once: each is held in memory before anybody knows who sent it."""
_log = logging.getLogger("headway.web")


def make_app(
    on_events: Callable[[tuple[Event, ...]], None],
    secret: str,
    *,
    insecure: bool = False,
    body_limit: int = BODY_LIMIT,
    more: Sequence[Route] = (),
    last: Sequence[Route] = (),
    middleware: Sequence[Middleware] = (),
) -> Starlette:
    """Make the ASGI application; it calls `on_events` with what was pushed, in the server's thread.

    Routes in `more` come before its own, those in `last` after them.

    Without a secret it refuses to be made, unless the caller says that this is meant.
    """
    if not secret and not insecure:
        raise UsageError("events need a secret", hint="set HEADWAY_HOOK_SECRET")

    reading = asyncio.Semaphore(BODIES)

    async def hook(request: Request) -> Response:
        sender = request.path_params["sender"]
        if sender not in SENDERS:
            return _error(404, f"no sender {sender[:40]!r}", f"known: {', '.join(SENDERS)}")
        if request.method == "OPTIONS":
            return _handshake(request)
        try:
            async with reading:
                body = await read_body(request, body_limit)
        except BodyRefused as error:
            return _error(error.status, error.message, "", close=True)
        except ClientDisconnect:
            return Response(status_code=400)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            signed = not secret or verify(sender, secret, headers, request.query_params, body)
        except (TypeError, ValueError, RecursionError):
            # What is no text of ASCII, or no body that could be read, was not signed by anybody.
            signed = False
        if not signed:
            return _error(
                401,
                "the signature or token is missing or wrong",
                "give the sender what HEADWAY_HOOK_SECRET is",
            )
        try:
            found = read(sender, headers, body)
        except UsageError as error:
            return _error(400, error.message, error.hint)
        except Exception as error:  # noqa: BLE001 - whatever the body does to its reader, it is the sender's mistake
            _log.warning("%s: a body that cannot be read: %s", sender, type(error).__name__)
            return _error(
                400, f"the body is none that {sender} sends", "send it to the address of its sender"
            )
        # The address may hold a token, so it is not logged.
        _log.info("%s: %s events", sender, len(found.events))
        if found.events:
            on_events(found.events)
        if found.answer is not None:
            return JSONResponse(found.answer)
        return JSONResponse({"events": len(found.events)}, status_code=202)

    async def health(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def home(request: Request) -> Response:
        return PlainTextResponse(f"headway takes push events at /hooks/SENDER: {', '.join(SENDERS)}\n")

    return Starlette(
        routes=[
            *more,
            Route("/hooks/{sender}", hook, methods=["POST", "OPTIONS"]),
            Route("/healthz", health),
            Route("/", home),
            *last,
        ],
        # What streams is left as it is.
        middleware=[
            Middleware(Refusals),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5),
            *middleware,
        ],
    )


def _handshake(request: Request) -> Response:
    """Answer the question of CloudEvents' senders whether this endpoint wants events (CloudEvents webhook, 4)."""
    origin = request.headers.get("webhook-request-origin", "")
    headers = {"WebHook-Allowed-Origin": origin} if origin else {}
    return Response(status_code=200, headers={"Allow": "POST, OPTIONS", **headers})


def as_text(said: str) -> str:
    """Write what UTF-8 cannot hold, such as half of a surrogate pair, another way."""
    return said.encode("utf-8", "backslashreplace").decode()


def _error(status: int, message: str, hint: str, *, close: bool = False) -> Response:
    body = {"error": as_text(message), **({"hint": as_text(hint)} if hint else {})}
    return JSONResponse(body, status_code=status, headers={"Connection": "close"} if close else {})
