"""A load balancer of the simplest kind: each connection goes to the first server that takes it.

It counts what the servers answered by status, so that a busy server is seen where a client asks again by itself.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections import Counter
from collections.abc import Callable

STATUS = b"HTTP/1.1 "


class Balancer:
    """Listens on loopback and passes connections on, in turn."""

    def __init__(self, *ports: int) -> None:
        self._ports, self._turn = ports, itertools.count()
        self.answers: Counter[int] = Counter()
        self._counting = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        start = next(self._turn)
        for place in range(len(self._ports)):
            port = self._ports[(start + place) % len(self._ports)]
            with contextlib.suppress(OSError):
                there = socket.create_connection(("127.0.0.1", port), timeout=5)
                there.settimeout(None)
                threading.Thread(target=self._answer, args=(there, client), daemon=True).start()
                _copy(client, there)
                return
        client.close()

    def _answer(self, there: socket.socket, client: socket.socket) -> None:
        _copy(there, client, self._count)

    def _count(self, data: bytes) -> None:
        # Nobody asks a second time before the first answer, so an answer begins what is read at once.
        if data.startswith(STATUS):
            with self._counting:
                self.answers[int(data[len(STATUS) : len(STATUS) + 3])] += 1


def _copy(
    source: socket.socket, target: socket.socket, see: Callable[[bytes], None] = lambda data: None
) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            see(data)
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
