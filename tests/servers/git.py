"""A Git server over HTTP that wants a login, as Git's own `http-backend` serves it."""

from __future__ import annotations

import base64
import os
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.servers.http import Listener


class GitServer:
    """Serves the repos of a folder to whoever has the login."""

    def __init__(self, folder: Path, username: str, password: str) -> None:
        self.seen: set[str] = set()
        wanted = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        server = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True

            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                said = self.headers.get("Authorization", "")
                server.seen.add(said)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if said != wanted:
                    self._send(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
                    return
                url = urlsplit(self.path)
                env = {
                    **os.environ,
                    "GIT_PROJECT_ROOT": str(folder),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "REMOTE_USER": username,
                    "PATH_INFO": url.path,
                    "QUERY_STRING": url.query,
                    "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                }
                out = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True).stdout
                head, _, rest = out.partition(b"\r\n\r\n")
                headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
                self._send(int(headers.pop("Status", "200").split()[0]), headers, rest)

            do_POST = do_GET

            def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        self.server = Listener(Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        """End it."""
        self.server.close()
