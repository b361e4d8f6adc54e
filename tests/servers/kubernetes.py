"""A small Kubernetes API server over real HTTP: it keeps what is applied, and runs nothing.

It has namespaces, leases and CronJobs, which have images and no pods to wait for, so that a
release is live as soon as it is applied.
"""

from __future__ import annotations

import bisect
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.http import Listener

Answer = tuple[int, dict[str, Any] | bytes]
Mood = Callable[[str, str, dict[str, Any]], Answer | None]
CLOSED: Answer = (0, b"")
SILENT: Answer = (-1, b"")
VERBS = ["get", "list", "patch", "create", "update", "delete"]
KINDS = {
    "": [("v1", "namespaces", "Namespace", "Cluster")],
    "batch": [("v1", "cronjobs", "CronJob", "Namespaced")],
    "coordination.k8s.io": [("v1", "leases", "Lease", "Namespaced")],
    "example.com": [("v1", "things", "Thing", "Namespaced")],
}
CONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: none}}}}]
contexts: [{{name: shop, context: {{cluster: c, user: u}}}}]
current-context: shop
"""


def content(method: str, path: str, body: dict[str, Any]) -> Answer | None:
    """Be the mood that leaves everything to the server."""
    return None


class ApiListener(Listener):
    """A port of this machine where one KubeServer after the other answers."""

    answering: KubeServer

    def __init__(self) -> None:
        super().__init__(_Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without this a body waits for the acknowledgement of its head.
    disable_nagle_algorithm = True
    server: ApiListener

    def handle_any(self) -> None:
        """Answer one request."""
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        merge = self.headers.get("Content-Type") == "application/merge-patch+json"
        kube = self.server.answering
        if isinstance(asked, list):
            asked = {"metadata": {}, "json-patch": asked}
        if self.command == "GET" and kube.watched and "watch=true" in self.path:
            kube.watch(self)
            return
        code, answer = kube.respond(self.command, self.path, asked, merge=merge)
        if code <= 0:
            self.close_connection = True
            if code < 0:
                kube.keep_silent()
            return
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, *_: object) -> None:
        return


class KubeServer:
    """Objects by their address, the changes that were asked for (method, address), and what it refuses.

    `mood` is asked first: (method, address with its query, body) → an answer of its own, or None. Its body is JSON,
    or bytes as they stand; CLOSED closes the connection instead, SILENT never answers on it.
    """

    mood: Mood

    def __init__(self, listener: ApiListener | None = None) -> None:
        """Answer on a listener of its own, or in the place of who answered on this one before."""
        self.mood = content
        self.objects: dict[str, dict[str, Any]] = {}
        self.changes: list[tuple[str, str]] = []
        self.forbidden = ""
        """Requests to addresses that hold this are refused."""
        self.statuses: dict[str, dict[str, Any]] = {}
        """What the controllers of a kind say of each of its objects."""
        self.rules: list[dict[str, list[str]]] = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        """What the user may do, as a SelfSubjectRulesReview says it."""
        self.touched = False
        """Whether anybody has asked for anything."""
        self.kinds = KINDS
        """The kinds that it has, by group."""
        self.watched = False
        """Whether it tells of changes; without, each watch ends at once."""
        self.settle: Callable[[str], None] = lambda path: None
        """Called with each object that was put, as a controller sees it, without the server's lock."""
        self.news: list[tuple[int, str, str, dict[str, Any]]] = []
        """What happened: the resourceVersion, ADDED or the like, the address, the object."""
        self.version = 0
        """The last resourceVersion that was given to anything."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._over = threading.Event()
        self._listener = listener or ApiListener()
        self._listener.answering = self
        self.kubeconfig = CONFIG.format(port=self._listener.server_port)

    def respond(self, method: str, address: str, body: dict[str, Any], *, merge: bool) -> Answer:
        """Return the answer to one request."""
        url = urlsplit(address)
        self.touched = True
        with self._lock:
            if found := self.mood(method, address, body):
                return found
            before = self.version
            answer = (
                self._merged(url.path, body)
                if merge
                else self._answer(method, url.path, parse_qs(url.query), body)
            )
            put = self.version != before
        if put:
            self.settle(url.path)
        return answer

    def put(self, path: str, item: dict[str, Any]) -> None:
        """Put an object there as a controller does, and tell who watches."""
        with self._lock:
            what = "MODIFIED" if path in self.objects else "ADDED"
            item["metadata"].setdefault("uid", uuid.uuid4().hex)
            item["metadata"]["resourceVersion"] = self._next_version()
            self.objects[path] = item
            self._tell(what, path, item)

    def drop(self, path: str) -> None:
        """Take an object away, and tell who watches."""
        with self._lock:
            item = self.objects.pop(path, None)
            if item is not None:
                self._next_version()
                self._tell("DELETED", path, item)

    def _tell(self, what: str, path: str, item: dict[str, Any]) -> None:
        if self.watched:
            self.news.append((self.version, what, path, json.loads(json.dumps(item))))
            self._changed.notify_all()

    def watch(self, handler: BaseHTTPRequestHandler) -> None:
        """Tell a client what happens to the objects of a kind, until its time is over or the server's is."""
        url = urlsplit(handler.path)
        query = parse_qs(url.query)
        since = int(query.get("resourceVersion", ["0"])[0] or 0)
        until = time.monotonic() + float(query.get("timeoutSeconds", ["30"])[0])
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.flush()
        at = bisect.bisect_right(self.news, since, key=lambda it: it[0])
        with contextlib.suppress(OSError):
            while not self._over.is_set():
                with self._lock:
                    found = [it for it in self.news[at:] if it[2].startswith(url.path + "/")]
                    at = len(self.news)
                    if not found and not self._changed.wait(max(0.0, min(until - time.monotonic(), 1.0))):
                        if time.monotonic() >= until:
                            break
                        continue
                for version, what, _, item in found:
                    said = {**item, "metadata": {**item["metadata"], "resourceVersion": str(version)}}
                    line = json.dumps({"type": what, "object": said}).encode() + b"\n"
                    handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                handler.wfile.flush()
            handler.wfile.write(b"0\r\n\r\n")

    def keep_silent(self) -> None:
        """Let a request wait until the test is over."""
        self._over.wait()

    def leave(self) -> None:
        """Let go of what still waits, and keep the listener for the next test."""
        self._over.set()

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._listener.close()

    def images(self, namespace: str) -> dict[str, str]:
        """Return the image of each CronJob of a namespace, by the CronJob's name."""
        return {
            it["metadata"]["name"]: it["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0][
                "image"
            ]
            for path, it in self.objects.items()
            if path.startswith(f"/apis/batch/v1/namespaces/{namespace}/cronjobs/")
        }

    def _answer(
        self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        if path in ("/api", "/apis"):
            return 200, _discovery(self.kinds, core=path == "/api")
        if path == "/readyz":
            return 200, {}
        if self.forbidden and self.forbidden in path:
            return 403, {"kind": "Status", "reason": "Forbidden", "message": f"{path} is forbidden"}
        if path.startswith("/apis/authorization.k8s.io/"):
            return 201, {"status": {"resourceRules": self.rules, "allowed": False}}
        plurals = {plural for kinds in self.kinds.values() for _, plural, _, _ in kinds}
        if method == "GET" and path.rpartition("/")[2] in plurals:
            version = str(self.version) if self.watched else "1"
            return 200, {"metadata": {"resourceVersion": version}, "items": self._list(path)}
        if method == "GET":
            found = self.objects.get(path)
            return (200, found) if found else (404, {"kind": "Status", "reason": "NotFound"})
        if "json-patch" in body:
            return self._patched(path, body["json-patch"], dry="dryRun" in query)
        if "dryRun" not in query and "/leases" not in path:
            self.changes.append((method, path))
        if method == "DELETE":
            gone = self.objects.pop(path, {})
            if gone and self.watched:
                self._next_version()
                self._tell("DELETED", path, gone)
            return 200, gone
        if method == "PATCH" and "metadata" not in body:
            return 200, _merge(self.objects[path], body)
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
        return self._put(path, body, query)

    def _merged(self, path: str, patch: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Merge a patch into an object, map by map (RFC 7386)."""
        found = self.objects.get(path)
        if found is None:
            return 404, {"kind": "Status", "reason": "NotFound"}
        after = _overlaid(found, patch)
        if after != found:
            after["metadata"]["resourceVersion"] = self._next_version()
            self.objects[path] = after
            if "/leases" not in path:
                self.changes.append(("PATCH", path))
        return 200, after

    def _patched(self, path: str, patch: list[dict[str, Any]], *, dry: bool) -> tuple[int, dict[str, Any]]:
        """Carry out a JSON patch of fields that are maps' (RFC 6902); what it tests must be so."""
        after = json.loads(json.dumps(self.objects[path]))
        for change in patch:
            *above, last = change["path"].strip("/").split("/")
            holder = after
            for name in above:
                holder = holder[name]
            if change["op"] == "test":
                if holder.get(last) != change["value"]:
                    return 422, {"kind": "Status", "reason": "Invalid", "message": "the test failed"}
            elif change["op"] == "remove":
                del holder[last]
            else:
                holder[last] = change["value"]
        if not dry:
            after["metadata"]["resourceVersion"] = self._next_version()
            self.objects[path] = after
            self.changes.append(("PATCH", path))
        return 200, after

    def _next_version(self) -> str:
        self.version += 1
        return str(self.version)

    def _list(self, path: str) -> list[dict[str, Any]]:
        """Read what is of a kind: in a namespace, or in all of them."""
        root, _, plural = path.rpartition("/")
        return [
            it
            for at, it in self.objects.items()
            if at.startswith(f"{path}/") or (at.startswith(root) and at.split("/")[-2] == plural)
        ]

    def _put(
        self, path: str, body: dict[str, Any], query: dict[str, list[str]]
    ) -> tuple[int, dict[str, Any]]:
        before = self.objects.get(path)
        meta = {**body["metadata"], "uid": before["metadata"]["uid"] if before else uuid.uuid4().hex}
        if manager := query.get("fieldManager"):
            meta["managedFields"] = [{"manager": manager[0], "operation": "Apply", "fieldsV1": {}}]
        if "/namespaces/" in path and not path.startswith("/api/v1/namespaces"):
            meta["namespace"] = path.split("/namespaces/")[1].split("/")[0]
        after = {**body, "metadata": meta}
        if (status := self.statuses.get(body["kind"])) is not None:
            after["status"] = status
        if before is not None:
            meta["resourceVersion"] = before["metadata"]["resourceVersion"]
            if after == before:
                return 200, before
        if "dryRun" not in query:
            meta["resourceVersion"] = self._next_version()
            self.objects[path] = after
            self._tell("MODIFIED" if before is not None else "ADDED", path, after)
        return 200, after


def _overlaid(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    after = dict(old)
    for key, value in new.items():
        after[key] = _overlaid(after.get(key) or {}, value) if isinstance(value, dict) else value
    return after


def once_tried(mood: Mood) -> Mood:
    """Make a mood that begins when a release has been rehearsed: what is only tried is taken."""
    tried: list[str] = []

    def later(method: str, path: str, body: dict[str, Any]) -> Answer | None:
        if "dryRun" in path:
            tried.append(path)
            return None
        return mood(method, path, body) if tried else None

    return later


def _merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Merge a strategic patch into an object: lists go by the name of their items."""
    for key, value in new.items():
        if isinstance(value, dict):
            _merge(old[key], value)
        elif isinstance(value, list):
            by_name = {it["name"]: it for it in old[key]}
            for each in value:
                by_name[each["name"]].update(each)
        else:
            old[key] = value
    return old


def _discovery(known: dict[str, list[tuple[str, str, str, str]]], *, core: bool) -> dict[str, Any]:
    """List the kinds as aggregated discovery does."""
    groups = [
        {
            "metadata": {"name": group},
            "versions": [
                {
                    "version": version,
                    "resources": [
                        {"resource": plural, "scope": scope, "responseKind": {"kind": kind}, "verbs": VERBS}
                    ],
                }
                for version, plural, kind, scope in kinds
            ],
        }
        for group, kinds in known.items()
        if (group == "") is core
    ]
    return {"kind": "APIGroupDiscoveryList", "items": groups}
