"""The events of a rollout, and a clock that stands still while the cluster cannot be seen.

A connection that has died, an API server that is away: neither says anything about what is rolled out.
So time without sight is not counted, and before a time that is up decides anything, the cluster is looked
at afresh, over connections of its own.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable

from headway.domain.health.visibility import Visibility
from headway.domain.objects.identity import ObjectId
from headway.errors import TransientError
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.object_cache import WARNINGS, ObjectCache
from headway.systems.cluster.streams import Event, Stream, wait_for
from headway.systems.machine.parallel import each

BLIND_LIMIT = 300.0
"""Seconds without any sight after which a rollout is left unfinished."""
FRESH = 1.0
"""Seconds for which the last event is as good as a look."""
_AGAIN = 1.0
_LOOK = "look"


class News:
    """The events of a rollout's streams."""

    def __init__(
        self,
        cluster: Cluster,
        cache: ObjectCache,
        streams: Iterable[Stream],
        events: queue.SimpleQueue[Event],
        tell: Callable[[str], None],
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        # Who may not read events still gets a verdict, with less to explain it.
        self._streams = [it for it in streams if it.resource is not WARNINGS]
        self._events = events
        self._tell = tell
        self._visibility = Visibility()
        self._logged = False

    def clock(self) -> float:
        """Return the monotonic time without the seconds in which nothing could be seen."""
        return self._visibility.counted(time.monotonic())

    @property
    def sees(self) -> bool:
        """Return whether the cluster is visible: what was seen last is how things are."""
        return self._visibility.since is None

    def wait(self, until: float) -> set[ObjectId]:
        """Take the next events in, until `until` (by the clock) at most; return the workloads that they concern.

        Raises what ended a stream for good, and TransientError after five minutes without sight.
        """
        blind = self._visibility.since
        pause = _AGAIN if blind is not None else max(until - self.clock(), 0.0)
        touched: set[ObjectId] = set()
        for event in wait_for(self._events, time.monotonic() + pause):
            if event.what == "blind":
                if event.resource is not WARNINGS:
                    self._lose((event.resource, event.namespace), event.item)
                continue
            if event.what == "lost" and event.resource is not WARNINGS:
                raise event.item
            if event.what == "relisted":
                self._found(self._visibility.find((event.resource, event.namespace), time.monotonic()))
            touched |= self._cache.take(event)
        if self._visibility.since is not None and time.monotonic() - self._visibility.since > BLIND_LIMIT:
            raise TransientError(
                f"the API server of {self._cluster.where} has not been seen for {BLIND_LIMIT:.0f} s; "
                "how the rollout goes is not known",
                hint="is the cluster up, and does `kubectl version` reach it from here?",
            )
        return touched

    def look(self, until: float, *, at_all_costs: bool = False) -> set[ObjectId]:
        """List everything again where `until` has come and no event came just now; return the workloads concerned.

        Where that is not possible, the cluster counts as unseen since the last event.
        """
        last_event = min((it.last_event for it in self._streams), default=time.monotonic())
        lost = self._visibility.since is not None
        due = self.clock() >= until and (at_all_costs or time.monotonic() - last_event > FRESH)
        if not (due or lost):
            return set()
        fresh = self._cluster.apart()
        try:
            found = each(lambda it: it.peek(fresh), self._streams)
        except TransientError:
            self._lose(_LOOK, last_event)
            return set()
        finally:
            fresh.close()
        touched: set[ObjectId] = set()
        for stream, items in zip(self._streams, found, strict=True):
            touched |= self._cache.replace(stream.resource, stream.namespace, items)
        self._found(self._visibility.find_all(time.monotonic()))
        return touched

    def _lose(self, source: object, since: float) -> None:
        self._visibility.lose(source, since)
        if not self._logged:
            self._logged = True
            self._tell("the API server does not answer; the time until it does is not counted")

    def _found(self, seconds: float) -> None:
        if self._logged and self.sees:
            self._logged = False
            self._tell(f"the API server answers again, after {seconds:.0f} s")
