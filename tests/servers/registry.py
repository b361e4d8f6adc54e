"""A registry for tests: the OCI distribution API over real HTTP, with the moods that registries have."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from headway.domain.images.facts import ImageFacts
from headway.domain.images.reference import ImageRef
from tests.servers.http import Listener

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


class RegistryListener(Listener):
    """A port of this machine where one FakeRegistry after the other answers."""

    answering: FakeRegistry

    def __init__(self) -> None:
        super().__init__(_Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without this a body waits for the acknowledgement of its head.
    disable_nagle_algorithm = True
    server: RegistryListener

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.answering.answer(self, "GET")

    def do_HEAD(self) -> None:
        self.server.answering.answer(self, "HEAD")

    def do_POST(self) -> None:
        self.server.answering.answer(self, "POST")


@dataclass
class FakeRegistry:
    """What it has, how it behaves, and what it was asked."""

    auth: str = ""  # "", "basic" or "bearer"
    page: int = 0
    user: str = "ann"
    password: str = "secret"
    token_life: float = 60
    mood: Callable[[str], tuple[int, dict[str, str]] | tuple[int, dict[str, str], bytes] | None] = (
        lambda path: None
    )
    asked: list[tuple[str, str]] = field(default_factory=list)
    tokens_given: list[str] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    seen_authorizations: Counter[str] = field(default_factory=Counter)
    blob_host: str = ""
    without_digest_header: bool = False
    lie: str = ""
    challenge: str = "{own}"
    """What it asks for when a login is missing; `{own}` stands for what `auth` says."""
    refusal: tuple[int, bytes] | None = None
    """How it refuses a login that is wrong, where that is no 401."""
    listener: RegistryListener | None = None
    """Where it answers, in the place of who answered there before; a port of its own without one."""

    def __post_init__(self) -> None:
        self.repositories: dict[str, dict[str, str]] = {}
        self.content: dict[str, tuple[str, bytes]] = {}
        self.token_times: dict[str, float] = {}
        self.lock = threading.Lock()
        self.server = self.listener or RegistryListener()
        self.server.answering = self
        self.host = f"127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        """End it."""
        self.server.close()

    def ref(self, repository: str, tag: str = "") -> ImageRef:
        """Name one of its images."""
        return ImageRef(self.host, repository, tag or None)

    # --- what it has ---

    def put(self, data: bytes, media: str, algorithm: str = "sha256") -> str:
        """Store content; return its digest."""
        digest = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        self.content[digest] = (media, data)
        return digest

    def image(self, created: datetime | None = None, **config: Any) -> str:
        """Store an image; return its digest."""
        value = {"architecture": "amd64", "os": "linux", **config}
        if created:
            value["created"] = created.astimezone(UTC).isoformat()
        blob = self.put(json.dumps(value).encode(), "application/json")
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": blob}, "layers": []}
        return self.put(json.dumps(manifest).encode(), MANIFEST)

    def artifact(self, config: str = "", *layers: str, **more: Any) -> str:
        """Store a manifest whose configuration and layers have these types; return its digest."""
        parts = [{"mediaType": it, "digest": self.put(it.encode(), it)} for it in layers]
        blob = {"mediaType": config, "digest": self.put(b"{}", "application/json")}
        return self.manifest({"mediaType": MANIFEST, "config": blob, "layers": parts, **more})

    def manifest(self, value: dict[str, Any], media: str = MANIFEST) -> str:
        """Store a manifest that somebody made up; return its digest."""
        return self.put(json.dumps({"schemaVersion": 2, **value}).encode(), media)

    def index(self, *children: tuple[str, str]) -> str:
        """Store an index of (platform, digest); return its digest."""
        manifests = []
        for platform, digest in children:
            os_, _, rest = platform.partition("/")
            architecture, _, variant = rest.partition("/")
            place = {"os": os_, "architecture": architecture, **({"variant": variant} if variant else {})}
            manifests.append({"digest": digest, "mediaType": MANIFEST, "platform": place})
        return self.put(
            json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode(), INDEX
        )

    def tag(self, repository: str, tag: str, digest: str = "") -> str:
        """Name an image."""
        digest = digest or self.image(Labels=tag)
        self.repositories.setdefault(repository, {})[tag] = digest
        return digest

    def count(self, part: str = "") -> int:
        """Return how often something was asked."""
        return sum(part in path for _, path in self.asked)

    # --- how it answers ---

    def answer(self, request: BaseHTTPRequestHandler, method: str) -> None:
        """Answer one request."""
        path = request.path
        with self.lock:
            self.asked.append((method, path))
            self.seen_authorizations[request.headers.get("Authorization", "")] += 1
        if path.startswith("/token"):
            self._token(request, method)
            return
        if found := self.mood(path):
            self._send(request, found[0], found[2] if len(found) > 2 else b"", **found[1])
            return
        if not self._allowed(request):
            if self.refusal and request.headers.get("Authorization"):
                self._send(request, self.refusal[0], self.refusal[1])
                return
            realm = f'Basic realm="{self.host}"'
            if self.auth == "bearer":
                name = path.removeprefix("/v2/").rpartition("/tags/")[0] or path.split("/manifests/")[0][4:]
                realm = (
                    f'Bearer realm="http://{self.host}/token",service="fake",scope="repository:{name}:pull"'
                )
            self._send(request, 401, b"{}", **{"WWW-Authenticate": self.challenge.replace("{own}", realm)})
            return
        self._api(request, urlsplit(path))

    def _allowed(self, request: BaseHTTPRequestHandler) -> bool:
        said = request.headers.get("Authorization", "")
        if self.auth == "basic":
            return said == "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if self.auth == "bearer":
            token = said.removeprefix("Bearer ")
            return token in self.token_times and time.monotonic() < self.token_times[token]
        return True

    def _token(self, request: BaseHTTPRequestHandler, method: str) -> None:
        if method == "POST":
            form = parse_qs(request.rfile.read(int(request.headers["Content-Length"])).decode())
            self.forms.append(form)
            good = form.get("refresh_token") == [self.password]
        else:
            said = request.headers.get("Authorization", "")
            good = said == "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if not good:
            self._send(request, 401, b"{}")
            return
        token = f"token-{len(self.tokens_given)}"
        self.tokens_given.append(token)
        self.token_times[token] = time.monotonic() + self.token_life
        self._send(request, 200, json.dumps({"token": token, "expires_in": 300}).encode())

    def _api(self, request: BaseHTTPRequestHandler, url: Any) -> None:
        name, _, _ = url.path.removeprefix("/v2/").partition("/tags/list")
        if url.path == "/v2/":
            self._send(request, 200, b"{}")
        elif url.path.endswith("/tags/list"):
            self._list(request, name, parse_qs(url.query))
        elif "/blobs/" in url.path:
            digest = url.path.rpartition("/")[2]
            if self.blob_host and self.blob_host != self.host:
                self._send(request, 307, b"", Location=f"http://{self.blob_host}{url.path}?signed=1")
            else:
                self._content(request, digest)
        else:
            name, _, wanted = url.path.removeprefix("/v2/").partition("/manifests/")
            self._content(request, self.repositories.get(name, {}).get(wanted, wanted))

    def _list(self, request: BaseHTTPRequestHandler, name: str, query: dict[str, list[str]]) -> None:
        if name not in self.repositories:
            self._send(request, 404, b'{"errors": []}')
            return
        tags = sorted(self.repositories[name])
        headers = {}
        if self.page:
            last = query.get("last", [""])[0]
            after = [it for it in tags if it > last]
            tags = after[: self.page]
            if len(after) > self.page:
                headers["Link"] = f'</v2/{name}/tags/list?n={self.page}&last={tags[-1]}>; rel="next"'
        self._send(request, 200, json.dumps({"name": name, "tags": tags}).encode(), **headers)

    def _content(self, request: BaseHTTPRequestHandler, digest: str) -> None:
        if digest not in self.content:
            self._send(request, 404, b"{}")
            return
        media, data = self.content[digest]
        headers = {} if self.without_digest_header else {"Docker-Content-Digest": self.lie or digest}
        self._send(request, 200, data, media, **headers)

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        media: str = "application/json",
        **headers: str,
    ) -> None:
        request.send_response(status)
        for name, value in {"Content-Type": media, "Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)


def facts(found: object) -> ImageFacts:
    """See that a result is no error."""
    assert isinstance(found, ImageFacts), found
    return found
