"""Follow objects by watch events: one LIST, then the API server tells what changes.

A stream that ends is taken up where it ended; when the server no longer remembers that
place (410), or the connection broke, everything is listed again. Nothing is polled.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import urllib3

from headway.errors import TransientError, explained
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.discovery import Resource

# A watch is restarted after a few seconds, so that a connection that died silently is noticed soon.
_SECONDS = 8
_SILENCE = 10.0
_PEEK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Event:
    """News about one object; `relisted` carries everything there is instead, and the rest is gone.

    `blind` carries since when (monotonic) nothing has come; `relisted` ends that. `lost` carries the error that
    ended the stream for good.
    """

    what: Literal["there", "gone", "relisted", "blind", "lost"]
    resource: Resource
    namespace: str
    item: Any


class Stream:
    """All objects of one kind in one namespace, and then their changes, put into a queue."""

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        namespace: str,
        news: queue.SimpleQueue[Event],
        query: Mapping[str, str] | None = None,
    ) -> None:
        self.resource = resource
        self.namespace = namespace
        self._cluster = cluster
        self._path = resource.path(namespace)
        self._query = dict(query or {})
        self._news = news
        self._version = ""
        self._closed = threading.Event()
        self._answer: urllib3.BaseHTTPResponse | None = None
        self.last_event = time.monotonic()
        """When the API server last answered about this (monotonic)."""

    def list(self, limit: int = 0) -> list[dict[str, Any]]:
        """Read what there is, and remember the place from which to follow."""
        query = {**self._query, **({"limit": str(limit)} if limit else {})}
        page = self._cluster.get(self._path, query) or {}
        self.last_event = time.monotonic()
        self._version = str((page.get("metadata") or {}).get("resourceVersion", ""))
        items: list[dict[str, Any]] = page.get("items") or []
        return items

    def peek(self, cluster: Cluster) -> Sequence[dict[str, Any]]:
        """Read what there is by another connection, and follow from where it was."""
        page = cluster.get(self._path, self._query, timeout=_PEEK_SECONDS, attempts=2) or {}
        self.last_event = time.monotonic()
        items: Sequence[dict[str, Any]] = page.get("items") or ()
        return items

    def start(self) -> None:
        """Follow, in a thread of its own, until closed."""
        name = f"watch {self.resource.plural}"
        threading.Thread(target=self._follow, name=name, daemon=True).start()

    def close(self) -> None:
        """Stop following."""
        self._closed.set()
        if (answer := self._answer) is not None:
            try:
                # Wakes the reading thread, which then gives the connection back.
                answer.shutdown()
            except (ValueError, OSError, RuntimeError):
                return

    def _follow(self) -> None:
        failures = 0
        while not self._closed.is_set():
            try:
                if not self._version:
                    items = self.list()
                    self._news.put(Event("relisted", self.resource, self.namespace, items))
                if not self._watch():
                    self._version = ""
                failures = 0
            except TransientError:
                if self._closed.is_set():
                    return
                # Behind a broken connection may be a recreated cluster, which counts from the start again.
                self._version = ""
                self._news.put(Event("blind", self.resource, self.namespace, self.last_event))
                # What lies idle may be as dead as this one was.
                self._cluster.close()
                failures += 1
                self._closed.wait(min(0.1 * 2**failures, 5.0))
            except Exception as error:  # noqa: BLE001 - whoever waits for events must know that there will be none
                self._news.put(Event("lost", self.resource, self.namespace, explained(error)))
                return

    def _watch(self) -> bool:
        """Read events until the stream ends; False when its place is forgotten and a LIST must come first."""
        query = {
            **self._query,
            "watch": "true",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_SECONDS),
        }
        answer = self._cluster.exchange("GET", self._path, query, timeout=_SILENCE, stream=True)
        self._answer = answer
        try:
            if answer.status == 410:
                return False
            if answer.status >= 400:
                said = answer.read(2000)[:500].decode(errors="replace")
                # Who may not look is told so by the LIST that follows, which also renews a login.
                raise TransientError(f"watch {self._path}: {answer.status} {said}")
            self.last_event = time.monotonic()
            rest = b""
            for chunk in answer.stream(1 << 16, decode_content=True):
                self.last_event = time.monotonic()
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line and not self._take(json.loads(line)):
                        return False
            return True
        except (
            urllib3.exceptions.HTTPError,
            OSError,
            ValueError,
            AttributeError,
            KeyError,
            TypeError,
        ) as error:
            if self._closed.is_set():
                return True
            raise TransientError(f"watch {self._path}: {error}") from error
        finally:
            self._answer = None
            answer.close()

    def _take(self, event: Mapping[str, Any]) -> bool:
        kind, item = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            if item.get("code") == 410:
                return False
            raise TransientError(f"watch {self._path}: {item.get('message')}")
        self._version = str(item["metadata"]["resourceVersion"])
        if kind != "BOOKMARK":
            self._news.put(
                Event("gone" if kind == "DELETED" else "there", self.resource, self.namespace, item)
            )
        return True


def wait_for(news: queue.SimpleQueue[Event], until: float) -> list[Event]:
    """Return the next events as soon as there are any; none when `until` (monotonic seconds) passes first."""
    found: list[Event] = []
    try:
        found.append(news.get(timeout=max(until - time.monotonic(), 0.0)))
        while True:
            found.append(news.get_nowait())
    except queue.Empty:
        return found
