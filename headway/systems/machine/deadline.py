"""A deadline for a whole HTTP answer: a time-out between two reads never ends one that drips, byte by byte.

It holds for the head of an answer as for its body. What is read outside of `within` has none.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_now = threading.local()


class OutOfTime(TimeoutError):
    """An answer did not come to its end in time."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Return the answers that this thread asks for in the block so many seconds from now, all of each."""
    _now.until = time.monotonic() + seconds
    try:
        yield
    finally:
        _now.until = None


def bounded(pools: urllib3.PoolManager) -> urllib3.PoolManager:
    """Make the connections of a pool heed `within`; they must not be open yet."""
    pools.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return pools


def ran_out(error: BaseException) -> bool:
    """Return whether an error of the client is about an answer that did not come to its end in time."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, OutOfTime):
        inner = inner.__cause__ or inner.__context__
    return inner is not None


class _Timed(io.RawIOBase):
    """What comes in on a socket, until a time."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, until: float) -> None:
        self._raw, self._sock, self._until = raw, sock, until
        self._pause = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise OutOfTime("it does not come to an end")
        # A read that lasts that long would have been the last one in time.
        self._sock.settimeout(left if self._pause is None else min(left, self._pause))
        try:
            return self._raw.readinto(buffer)
        except TimeoutError as error:
            if time.monotonic() >= self._until:
                raise OutOfTime("it does not come to an end") from error
            raise

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        if (until := getattr(_now, "until", None)) is not None:
            self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock, until))


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
