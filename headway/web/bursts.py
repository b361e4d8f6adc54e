"""Many events in a moment become one look.

One thread works; what comes meanwhile waits together for its next turn. Nothing that came
is lost by an error: it is taken along once more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

QUIET, LONGEST = 0.05, 1.0
_log = logging.getLogger("headway.bursts")
E = TypeVar("E", bound=Hashable)


class Bursts(Generic[E]):
    """Calls `work` with the events of a burst, each once, and never two calls at a time.

    A burst ends `quiet` seconds after its last event, at the latest `longest` seconds after its first.
    """

    def __init__(
        self, work: Callable[[frozenset[E]], None], quiet: float = QUIET, longest: float = LONGEST
    ) -> None:
        self._work, self._quiet, self._longest = work, quiet, longest
        self._change = threading.Condition()
        self._events: set[E] = set()
        self._first = self._last = 0.0
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="bursts")
        self._thread.start()

    def add(self, events: Iterable[E]) -> None:
        """Take events in."""
        new = set(events)
        if not new:
            return
        with self._change:
            now = time.monotonic()
            if not self._events:
                self._first = now
            if not new <= self._events:
                self._last = now
            self._events |= new
            self._change.notify_all()

    def close(self) -> None:
        """Finish what waits, and end."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thread.join()

    def _run(self) -> None:
        failed: frozenset[E] = frozenset()
        while (events := self._next()) is not None:
            try:
                self._work(events)
                failed = frozenset()
            except Exception as error:  # noqa: BLE001 - whatever broke, the next look must come
                _log.error(
                    "a scan failed, and its events are retried: %s: %s",
                    type(error).__name__,
                    error,
                )
                again = events - failed
                failed = events
                if not self._closed:
                    self.add(again)

    def _next(self) -> frozenset[E] | None:
        with self._change:
            while True:
                now = time.monotonic()
                if self._events:
                    until = min(self._last + self._quiet, self._first + self._longest)
                    if self._closed or now >= until:
                        events, self._events = frozenset(self._events), set()
                        return events
                    self._change.wait(until - now)
                elif self._closed:
                    return None
                else:
                    self._change.wait()
