"""How fast one registry is asked: as fast as it can, until it says that this is too fast.

What it said holds for every process of this machine and outlives them: a registry that asks for an
hour's pause and is asked again by the next run a minute later ends by locking its client out.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime

from headway.systems.registry.facts import FactStore, Slowed

FASTEST = 1000.0
"""Requests a second above which a pace is no limit."""
RECOVERY = 5.0
"""Seconds of asking without a 429 after which a registry is asked a quarter faster."""
LONGEST_PAUSE = 3_600.0
"""Seconds; who asks for more is asked again after these, and told from a clock or a header that is wrong so."""
SLACK = 60.0
"""Seconds by which the clocks of two processes may differ."""
WORTH_A_LINE = 10.0
"""Seconds of a pause after which people should know what they wait for."""
LOG_AGAIN = 5.0
READ_AGAIN = 1.0
"""Seconds after which it is looked up what the registry has told other processes."""
WORTH_TELLING = 0.5
"""Seconds by which a pause must have grown to be written down for other processes."""

_log = logging.getLogger("headway.registry")


class Pace:
    """One registry's pace and pauses. Safe to use from several threads. Times are monotonic seconds."""

    def __init__(self, registry: str, store: FactStore | None = None) -> None:
        self._registry, self._store = registry, store
        self._lock = threading.Lock()
        self._rate = 0.0
        self._next = 0.0
        self._closed_until = 0.0
        self._since = 0.0
        self._read_at = self._logged = float("-inf")
        self._window, self._count = time.monotonic(), 0

    @property
    def closed_until(self) -> float:
        """Return when the pause that the registry asked for ends, or ended."""
        return self._closed_until

    @property
    def opens(self) -> datetime | None:
        """Return when the registry may be asked again, where it asked for a pause."""
        left = self._closed_until - time.monotonic()
        return datetime.fromtimestamp(time.time() + left, UTC) if left > 0 else None

    def turn(self, until: float) -> float | None:
        """Take a turn and return the seconds until it; None, and no turn, where it would come after `until`."""
        with self._lock:
            now = time.monotonic()
            if now - self._read_at > READ_AGAIN:
                self._read(now)
            if self._rate and now - self._since > RECOVERY:
                self._read(now)
                self._recover(now)
            start = max(now, self._closed_until, self._next if self._rate else 0.0)
            if start > until:
                return None
            if now - self._window > 1:
                self._window, self._count = now, 0
            self._count += 1
            if self._rate:
                self._next = start + 1 / self._rate
            return start - now

    def slow_down(self, pause: float) -> None:
        """Ask half as fast from now on, and nothing for `pause` seconds. Many 429s at once are one."""
        with self._lock:
            now = time.monotonic()
            closed_until = now + min(pause, LONGEST_PAUSE)
            if now >= self._closed_until:
                seen = self._count / max(now - self._window, 0.2)
                self._rate = max((self._rate or seen) / 2, 1.0)
                self._since = closed_until
            longer = closed_until - self._closed_until
            if pause > LONGEST_PAUSE:
                self._say(now, f"a pause of {pause:.0f} s; headway tries again after {LONGEST_PAUSE:.0f} s")
            elif pause > WORTH_A_LINE and longer > WORTH_TELLING:
                self._say(now, f"a pause of {pause:.0f} s")
            self._closed_until = self._next = max(self._closed_until, closed_until)
            if longer > WORTH_TELLING:
                self._write(now)

    def tell(self, what: str) -> None:
        """Say that the registry refuses questions as too many; what many threads find at once is said once."""
        with self._lock:
            now = time.monotonic()
            if now - self._logged > LOG_AGAIN:
                self._logged = now
                _log.warning("registry %s refuses questions as too many (429); %s", self._registry, what)

    def _say(self, now: float, what: str) -> None:
        if now - self._logged > LOG_AGAIN:
            self._logged = now
            _log.warning("registry %s asks for %s", self._registry, what)

    def _recover(self, now: float) -> None:
        if now - self._since > RECOVERY:
            self._since = now
            self._rate = self._rate * 1.25 if self._rate * 1.25 <= FASTEST else 0.0
            self._write(now)

    def _read(self, now: float) -> None:
        self._read_at = now
        slowed = self._store.pace(self._registry) if self._store is not None else None
        if slowed is None:
            return
        # The clock of the day is what processes share; it may have been set back since.
        shift = now - time.time()
        if slowed.closed_until + shift < now + LONGEST_PAUSE + SLACK:
            self._closed_until = max(self._closed_until, slowed.closed_until + shift)
        if self._since + 0.001 < slowed.since + shift < now + LONGEST_PAUSE + SLACK:
            self._rate, self._since = max(slowed.rate, 0.0), slowed.since + shift

    def _write(self, now: float) -> None:
        if self._store is not None:
            shift = time.time() - now
            self._store.slow(
                self._registry, Slowed(self._closed_until + shift, self._rate, self._since + shift)
            )
