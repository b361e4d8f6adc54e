"""Time that counts: while headway cannot see a cluster, no deadline of a rollout comes nearer.

Times are passed in, in seconds of one clock, so that the whole of it can be tried in a test without waiting.
"""

from __future__ import annotations

from collections.abc import Hashable


class Visibility:
    """Since when which sources of news are lost, and how long there was nothing to see in all."""

    def __init__(self) -> None:
        self._lost: set[Hashable] = set()
        self._clear = float("-inf")
        self._blind = 0.0
        self.since: float | None = None
        """When the present blindness began; None while everything is seen."""

    def lose(self, source: Hashable, since: float) -> None:
        """Note that a source was last seen at `since`, and cannot be seen any more."""
        if source not in self._lost:
            self._lost.add(source)
            since = max(since, self._clear)
            self.since = since if self.since is None else min(since, self.since)

    def find(self, source: Hashable, now: float) -> float:
        """Note that a source can be seen again; return the seconds of a blindness that ends with this, or 0."""
        self._lost.discard(source)
        return 0.0 if self._lost else self.find_all(now)

    def find_all(self, now: float) -> float:
        """Note that everything is seen; return the seconds of the blindness that ends with this, or 0."""
        if self.since is None:
            return 0.0
        seconds = now - self.since
        self._lost.clear()
        self.since, self._clear = None, now
        self._blind += seconds
        return seconds

    def counted(self, now: float) -> float:
        """Return `now` in a clock that stands still while anything is lost."""
        return (now if self.since is None else self.since) - self._blind
