"""A server that writes down what it is sent and answers as it is told."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BREAK = 0
"""The status of an answer that never comes: the request is taken, and the connection breaks."""


class Listener(ThreadingHTTPServer):
    """A free port of this machine that is answered at in threads, until it is closed. Nothing is polled."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.open = True
        threading.Thread(target=self.serve_forever, args=(None,), daemon=True, name="listener").start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, unless who asked has gone: a test that kills it means that."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Listen no more."""
        if not self.open:
            return
        self.open = False
        ending = threading.Thread(target=self.shutdown)
        ending.start()
        while ending.is_alive():
            # It looks whether it is to end when somebody knocks.
            with contextlib.suppress(OSError):
                socket.create_connection(self.server_address[:2], 1).close()
            ending.join(0.001)
        self.server_close()


@dataclass
class Sent:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        """Its body as JSON."""
        return json.loads(self.body or b"null")


@dataclass
class HttpServer:
    """Listens on loopback; `answers` are given in order, then what `standing` has for a path, then 200 with `{}`.

    Bytes are sent as they are, anything else as JSON. One of `standing` gives an answer's data, or all of it.
    One of `standing` that raises ConnectionError breaks the connection.
    """

    sent: list[Sent] = field(default_factory=list)
    answers: deque[tuple[int, Any, dict[str, str]]] = field(default_factory=deque)
    standing: dict[str, Callable[[Sent], Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                sent = Sent(self.command, self.path, headers, body)
                outer.sent.append(sent)
                if outer.answers:
                    status, answer, more = outer.answers.popleft()
                else:
                    found = outer.standing.get(self.path.partition("?")[0])
                    try:
                        answer = found(sent) if found else {}
                        status, answer, more = answer if isinstance(answer, tuple) else (200, answer, {})
                    except ConnectionError:
                        status, answer, more = BREAK, {}, {}
                if status == BREAK:
                    self.close_connection = True
                    return
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **more}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self._server = Listener(Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End the server."""
        self._server.close()
