"""Reads a request's body: bounded, and in a bounded time, since nobody knows yet who sent it."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

SECONDS = 10.0


class BodyRefused(Exception):
    """A body that is not taken, with the answer's status; the connection is closed, for the rest of it may come."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


async def read_body(request: Request, limit: int, seconds: float = SECONDS) -> bytes:
    """Return a body of at most `limit` bytes; raise BodyRefused where it is longer or late.

    It is counted as it comes: what the sender says of its length may be wrong or missing.
    """
    try:
        return await asyncio.wait_for(_counted(request, limit), seconds)
    except TimeoutError:
        raise BodyRefused(408, f"the body did not come within {seconds:.0f} s") from None


async def _counted(request: Request, limit: int) -> bytes:
    said = request.headers.get("content-length", "")
    chunks = bytearray()
    if not (said.isdecimal() and int(said) > limit):
        async for chunk in request.stream():
            chunks += chunk
            if len(chunks) > limit:
                break
        else:
            return bytes(chunks)
    raise BodyRefused(413, f"a body of at most {limit} bytes is taken")
