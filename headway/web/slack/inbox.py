"""What Slack sends, taken at once and worked on beside: Slack waits three seconds, a plan may take longer.

Nothing is kept on the disk. What is cut off between its acknowledgement and its act has done nothing, and its button
is still there to be pressed again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from headway.domain.slack.intents import REASON, Intent, Odd, read_command, read_interaction
from headway.domain.slack.views import told_view, working_view

WAITING, AT_ONCE = 64, 6
"""So many presses wait or are worked on, and so many are worked on at once."""
KEYS, KEPT = 2000, 900.0
"""So many presses are remembered, for so many seconds: Slack may send one again."""
BUSY = "headway is busy. Nothing was done: try again in a moment."
AGAIN = "This was pressed already. The release's message shows how it goes."
_log = logging.getLogger("headway.slack")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a payload, and what Slack is told at once."""

    how: Literal["taken", "again", "full", "odd"]
    answer: dict[str, Any] = field(default_factory=dict)
    why: str = ""


class Inbox:
    """A bounded queue of intents, each taken once."""

    def __init__(self, work: Callable[[Intent], None], refuse: Callable[[Odd], None]) -> None:
        self._work, self._refuse = work, refuse
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="slack")
        self._room = threading.BoundedSemaphore(WAITING)
        self._lock = threading.Lock()
        self._keys: OrderedDict[str, float] = OrderedDict()

    def take(self, kind: str, data: Mapping[str, Any]) -> Taken:
        """Take a payload: an `interactive` one, or one of `slash_commands`."""
        found = read_command(data) if kind == "slash_commands" else read_interaction(data)
        if isinstance(found, Odd):
            self._refuse(found)
            return Taken("odd", why=found.why)
        if not self._is_new(found.key):
            return Taken("again", _pressed_before(found))
        if not self._room.acquire(blocking=False):
            self._forget(found.key)
            return Taken("full", _busy(found, kind))
        self._pool.submit(self._run, found)
        return Taken("taken", _at_once(found))

    def _run(self, intent: Intent) -> None:
        try:
            self._work(intent)
        except Exception as error:  # noqa: BLE001 - one press that breaks must not end the others
            _log.error("%s in Slack: %s", intent.kind, type(error).__name__)
        finally:
            self._room.release()

    def _is_new(self, key: str) -> bool:
        now = time.monotonic()
        with self._lock:
            if now - self._keys.get(key, -KEPT) < KEPT:
                return False
            self._keys.pop(key, None)
            self._keys[key] = now
            while len(self._keys) > KEYS:
                self._keys.popitem(last=False)
            return True

    def _forget(self, key: str) -> None:
        with self._lock:
            self._keys.pop(key, None)

    def close(self) -> None:
        """Finish what was taken, and take no more."""
        self._pool.shutdown(wait=True)


def _is_modal(intent: Intent) -> bool:
    return intent.kind == "confirm" and bool(intent.view)


def _at_once(intent: Intent) -> dict[str, Any]:
    """Return what Slack is told before anything is done: a modal that was sent stays, and says so."""
    return {"response_action": "update", "view": working_view()} if _is_modal(intent) else {}


def _pressed_before(intent: Intent) -> dict[str, Any]:
    view = told_view("headway", AGAIN)
    return {"response_action": "update", "view": view} if _is_modal(intent) else {}


def _busy(intent: Intent, kind: str) -> dict[str, Any]:
    """Return how somebody is told that nothing was done; nothing where Slack itself has to show that it failed."""
    if _is_modal(intent):
        return {"response_action": "errors", "errors": {REASON: BUSY}}
    return {"response_type": "ephemeral", "text": BUSY} if kind == "slash_commands" else {}
