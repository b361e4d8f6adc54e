"""A registry of its own for measuring, its storage written directly, and bare requests to it."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
AT_ONCE = 20


class RegistryPlace:
    """One `docker-registry serve` on a free port, and what is stored in it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="headway-bench-"))
        self.root = self.folder / "docker" / "registry" / "v2"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self._server: subprocess.Popen[bytes] | None = None

    def image(self, number: int = 0, created: datetime | None = None) -> str:
        """Store a small image; return its digest."""
        layer = self._blob(b"layer")
        config = self._blob(
            json.dumps(
                {
                    "architecture": "amd64",
                    "os": "linux",
                    "created": (created or datetime(2026, 1, 1, tzinfo=UTC)).isoformat(),
                    "config": {"Labels": {"number": str(number)}},
                    "rootfs": {"type": "layers", "diff_ids": [layer]},
                }
            ).encode()
        )
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": config, "size": 1},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": 5}],
        }
        return self._blob(json.dumps(manifest).encode())

    def _blob(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        path = self.root / "blobs" / "sha256" / name[:2] / name / "data"
        if not path.exists():
            path.parent.mkdir(parents=True)
            path.write_bytes(data)
        return f"sha256:{name}"

    def tag(self, repository: str, tag: str, digest: str) -> None:
        """Name an image."""
        below = self.root / "repositories" / repository
        manifest = json.loads(self._read(digest))
        _link(below / "_manifests" / "revisions" / "sha256" / digest[7:], digest)
        _link(below / "_manifests" / "tags" / tag / "current", digest)
        _link(below / "_manifests" / "tags" / tag / "index" / "sha256" / digest[7:], digest)
        for each in (manifest["config"], *manifest["layers"]):
            _link(below / "_layers" / "sha256" / each["digest"][7:], each["digest"])

    def _read(self, digest: str) -> bytes:
        return (self.root / "blobs" / "sha256" / digest[7:9] / digest[7:] / "data").read_bytes()

    def semver_repositories(self, count: int, tags: int) -> list[str]:
        """Make repositories that all have the same tags of one image."""
        digest = self.image()
        names = [f"many/r{number}" for number in range(count)]
        self.tag(names[0], "1.0.0", digest)
        first = self.root / "repositories" / names[0]
        for number in range(1, tags):
            (first / "_manifests" / "tags" / f"1.{number}.0").symlink_to("1.0.0", target_is_directory=True)
        for name in names[1:]:
            (self.root / "repositories" / name).symlink_to(first, target_is_directory=True)
        return names

    def timed_repository(self, name: str, numbers: Iterable[int]) -> None:
        """Make a repository of distinct images whose times of creation do not follow their names."""
        for number in numbers:
            created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number * 7919 % 100_003)
            self.tag(name, f"build-{number}", self.image(number, created))

    def start(self) -> None:
        """Serve it."""
        config = {
            "version": "0.1",
            "log": {"accesslog": {"disabled": True}, "level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self.folder), "maxthreads": 100}},
            "http": {"addr": self.host},
        }
        file = self.folder / "config.json"
        file.write_text(json.dumps(config))
        self._server = subprocess.Popen(
            ["docker-registry", "serve", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)

    def stop(self) -> None:
        """End it and remove what it stored."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _link(folder: Path, digest: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "link").write_text(digest)


class Bare:
    """Bare GET requests over connections that stay open: the least that a client can do."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def get(self, path: str) -> bytes:
        """Ask for one path."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port)
        connection.request("GET", path, headers={"Accept": MANIFEST})
        answer = connection.getresponse()
        body: bytes = answer.read()
        assert answer.status == 200, (path, answer.status)
        return body

    def all(self, work: Callable[[str], Any], things: Iterable[str]) -> list[Any]:
        """Do the same for many things, 20 at a time."""
        return list(self._pool.map(work, things))
