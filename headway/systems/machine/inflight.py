"""Say which requests hang: a line after a few seconds, and another every now and then, while one waits.

One thread for all of them, which is there only while requests are.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FIRST = 5.0
"""Seconds until a request that waits is told of."""
AGAIN = 15.0
"""Seconds between two lines about one request."""


@dataclass(slots=True)
class _Waiting:
    what: str
    began: float
    tell_at: float


class InFlight:
    """The requests that are under way, and who logs those that hang."""

    def __init__(self, first: float = FIRST, again: float = AGAIN, who: str = "the API server") -> None:
        self._first, self._again, self._who = first, again, who
        self._tell: Callable[[str], None] | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._lock = threading.Lock()
        self._runs = False
        self._closed = threading.Event()

    def close(self) -> None:
        """Watch no longer: the thread ends at once, and not when it looks next."""
        self._closed.set()

    def tell(self, line: Callable[[str], None]) -> None:
        """Log to this one from now on, in the context of now: a log may belong to a run."""
        context = contextvars.copy_context()
        self._tell = lambda said: context.copy().run(line, said)

    @contextlib.contextmanager
    def request(self, what: str) -> Iterator[None]:
        """Watch one request for as long as the block takes."""
        if self._tell is None:
            yield
            return
        now = time.monotonic()
        waiting = _Waiting(what, now, now + self._first)
        with self._lock:
            self._waiting[id(waiting)] = waiting
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._watch, daemon=True, name="in flight").start()
        try:
            yield
        finally:
            with self._lock:
                del self._waiting[id(waiting)]

    def _watch(self) -> None:
        while True:
            closed = self._closed.wait(min(1.0, self._first))
            with self._lock:
                if closed or not self._waiting:
                    # An idle process keeps no thread; the next request begins one.
                    self._runs = False
                    return
                lines = self._late(time.monotonic())
            if lines and self._tell is not None:
                more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
                with contextlib.suppress(Exception):
                    self._tell(lines[0] + more)

    def _late(self, now: float) -> list[str]:
        lines = []
        for it in self._waiting.values():
            if it.tell_at <= now:
                it.tell_at = now + self._again
                lines.append(f"still waiting for {self._who}: {it.what} ({now - it.began:.0f} s)")
        return lines
