"""A server that writes down what it is sent and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BREAK = 0
"""The status of an answer that never comes: the request is taken, and the connection breaks."""


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

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
