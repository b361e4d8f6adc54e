"""An API server, or what stands before it, that answers drop by drop and never ends."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headway.errors import TransientError
from headway.systems.cluster.client import Cluster
from tests.systems.cluster.test_client import CONFIG

DROP = 0.02
PAUSE = 0.5
"""Seconds that may pass between two reads: far more than between two drops."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Dripping:
    """A server that answers each connection with a beginning, and then a byte at a time for ever."""

    def __init__(self) -> None:
        self.begins = b""
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(1 << 16)
            connection.sendall(self.begins)
            while not self._over.wait(DROP):
                connection.sendall(b"x")


@pytest.fixture
def dripping() -> Iterator[Dripping]:
    it = Dripping()
    yield it
    it.close()


@pytest.fixture
def cluster(dripping: Dripping, tmp_path: Path) -> Iterator[Cluster]:
    file = tmp_path / "config"
    file.write_text(CONFIG.format(port=dripping.port))
    it = Cluster.open("shop", str(file))
    yield it
    it.close()


@pytest.mark.parametrize(
    "begins",
    [
        pytest.param(HEAD + b"Content-Length: 100000000\r\n\r\n", id="the body"),
        pytest.param(HEAD + b"\r\n", id="a body without a length"),
        pytest.param(HEAD + b"X-More: ", id="the head"),
        pytest.param(b"HTTP/1.1 200 O", id="the first line"),
    ],
)
def test_an_answer_without_end_is_given_up(dripping: Dripping, cluster: Cluster, begins: bytes) -> None:
    """Each byte comes in time and the whole never does: it is worth another try, and says what it was."""
    dripping.begins = begins
    with pytest.raises(TransientError, match="answers get /x without end: given up after 1 s") as told:
        _bounded(lambda: cluster.send("GET", "/x", timeout=PAUSE, attempts=1))
    assert "a proxy or a slow link" in told.value.hint


@pytest.mark.slow
def test_a_watch_has_no_end(dripping: Dripping, cluster: Cluster) -> None:
    """News may come as slowly as it likes."""
    dripping.begins = HEAD + b"\r\n"
    answer = cluster.exchange("GET", "/x", timeout=PAUSE, stream=True)
    until = time.monotonic() + 4 * PAUSE
    while time.monotonic() < until:
        assert answer.read(1) == b"x"
    answer.close()


def _bounded(call: Callable[[], object]) -> None:
    """Make a call that may hang for ever, and raise what it raises; fail the test where it does not end."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the test hears it
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "it hangs"
    if raised:
        raise raised[0]
