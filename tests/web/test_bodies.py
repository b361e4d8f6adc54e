"""A request's body, wherever one is read: too long, late, or with a wrong word about its length."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import Request

import headway.web
from headway.web.bodies import BodyRefused, read_body


def request(*chunks: bytes, length: str = "", ends: bool = True) -> Request:
    """Return a request whose body comes in these pieces, and perhaps never ends."""

    async def pieces() -> AsyncIterator[dict[str, object]]:
        for chunk in chunks:
            yield {"type": "http.request", "body": chunk, "more_body": True}
        if not ends:
            await asyncio.Event().wait()
        yield {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"content-length", length.encode())] if length else []
    return Request({"type": "http", "method": "POST", "headers": headers}, pieces().__anext__)


@pytest.mark.parametrize("length", ["", "1", "6", "nonsense", "٣"])
def test_a_body_is_as_it_came(length: str) -> None:
    assert asyncio.run(read_body(request(b"abc", b"def", length=length), 6)) == b"abcdef"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(b"abc", b"defg", ends=False), 413),
        (request(length="7", ends=False), 413),
        (request(b"abc", ends=False), 408),
    ],
    ids=["too long", "said to be too long", "never ends"],
)
def test_a_body_that_is_not_taken(sent: Request, status: int) -> None:
    with pytest.raises(BodyRefused) as caught:
        asyncio.run(read_body(sent, 6, 0.05))
    assert caught.value.status == status


def test_nothing_reads_a_body_in_another_way() -> None:
    """Each other way would have to bound it again."""
    ways = ("request.stream(", "request.body(", "request.form(", "request.json(")
    own = Path(headway.web.__file__).parent
    found = {
        path.relative_to(own).as_posix()
        for path in own.rglob("*.py")
        if any(it in path.read_text() for it in ways)
    }
    assert found == {"bodies.py"}
