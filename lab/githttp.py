"""A Git server over HTTP for a folder of bare repos: Git's own http-backend behind a small server.

    python -m lab.githttp PORT FOLDER

Fetch and push, on loopback, for anybody who can reach it: a lab's, not for real use.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO

CHUNK = 1 << 16


class Handler(BaseHTTPRequestHandler):
    """Hands each request to `git http-backend` as CGI (RFC 3875), streaming both ways."""

    protocol_version = "HTTP/1.1"
    folder = "."

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": self.folder,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_USER": "lab",
        }
        length = self.headers.get("Content-Length")
        if length is not None:
            environment["CONTENT_LENGTH"] = length
        with subprocess.Popen(
            ["git", "http-backend"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        ) as backend:
            assert backend.stdin is not None
            assert backend.stdout is not None
            try:
                self._body_into(backend.stdin, length)
                backend.stdin.close()
            except BrokenPipeError:
                pass  # git answers an error before it has read everything
            self._answer_from(backend.stdout)

    def _body_into(self, sink: IO[bytes], length: str | None) -> None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                sink.write(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(length or 0)
        while left:
            part = self.rfile.read(min(left, CHUNK))
            if not part:
                return
            sink.write(part)
            left -= len(part)

    def _answer_from(self, source: IO[bytes]) -> None:
        status, headers = 200, []
        for raw in iter(source.readline, b""):
            line = raw.decode("latin-1").strip()
            if not line:
                break
            name, _, value = line.partition(":")
            if name.lower() == "status":
                status = int(value.split()[0])
            else:
                headers.append((name, value.strip()))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while part := source.read1(CHUNK):  # type: ignore[attr-defined]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: Git's own errors are on standard error already."""


def main() -> None:
    """Serve until the process is ended."""
    port, folder = int(sys.argv[1]), sys.argv[2]
    if shutil.which("git") is None:
        sys.exit("git is not installed")
    Handler.folder = folder
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
