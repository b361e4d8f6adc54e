"""Tell how an environment's workloads are, whenever the cluster says that one of them has changed.

It reads only. It lists once and then waits for events, in a thread of its own; while the API server
is away it says so and tries again, and what was seen last stands.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from headway.domain.health.custom_rules import Rules
from headway.domain.health.kinds import RULES
from headway.domain.manifests.expected import Planned
from headway.domain.objects.identity import ObjectId
from headway.errors import explained
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.object_cache import WARNINGS
from headway.systems.cluster.rollout import Named, Standing, observe, unwatched_of, with_named
from headway.systems.cluster.rollout_events import News
from headway.systems.cluster.rollout_health import RolloutHealth
from headway.systems.cluster.streams import Event

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest

IDLE = 3600.0
"""Seconds that it waits for an event before it asks itself whether anything is due."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 30.0
Tell = Callable[[Mapping[ObjectId, Standing]], None]


class StandingWatch:
    """Follows workloads until it is closed.

    `tell` is given all standings first, and then those that changed; `failed` why the cluster cannot be seen,
    and an empty text when it can again. Both are called in the watch's own thread.
    """

    def __init__(
        self,
        cluster: Cluster,
        manifests: Iterable[Manifest],
        namespace: str,
        planned: Planned,
        tell: Tell,
        failed: Callable[[str], None],
        ran: frozenset[ObjectId] = frozenset(),
        named: Named = MappingProxyType({}),
        rules: Rules = RULES,
    ) -> None:
        self._named, self._rules = named, rules
        self._cluster, self._manifests, self._namespace = cluster, list(manifests), namespace
        self._planned, self._ran = planned, ran
        self._tell, self._failed = tell, failed
        self._closed = threading.Event()
        self._news: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"standings {namespace}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; what it does at the moment may go on for some seconds, and tells nobody any more."""
        self._closed.set()
        self._news.put(Event("there", WARNINGS, "", {}))

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - a watch that ended in silence would show what is long past
                if self._closed.is_set():
                    return
                self._failed(explained(error).message)
            pause = FIRST_PAUSE if time.monotonic() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
            self._closed.wait(pause)

    def _follow(self) -> None:
        followed, custom, engines = with_named(
            self._cluster, self._manifests, self._namespace, self._named, self._rules
        )
        cache, streams = observe(self._cluster, followed, self._news, custom, engines=engines)
        health = RolloutHealth(
            self._cluster,
            cache,
            self._planned,
            # Nothing of it is a release of ours: it is assessed, and nothing is done about it.
            frozenset(),
            lambda line: None,
            together=False,
            unwatched=unwatched_of(self._manifests, self._namespace),
            custom_resources=custom.keys(),
            rules=self._rules,
            ran=self._ran,
        )
        events = News(self._cluster, cache, streams, self._news, lambda line: None)
        try:
            health.update(followed, events.clock(), first=True)
            known = {it: Standing(health.verdict(it), *health.counts(it)) for it in followed}
            self._say(known)
            for stream in streams:
                stream.start()
            seen = True
            while not self._closed.is_set():
                until = min(health.again, events.clock() + IDLE)
                touched = events.wait(until)
                due = health.again <= events.clock()
                if due or not events.sees:
                    touched |= events.look(until)
                mine = followed if due else [it for it in followed if it in touched]
                health.update(mine, events.clock())
                now = {it: Standing(health.verdict(it), *health.counts(it)) for it in mine}
                changed = {key: it for key, it in now.items() if known[key] != it}
                known |= changed
                if events.sees is not seen:
                    seen = events.sees
                    self._failed("" if seen else "the API server does not answer")
                if changed:
                    self._say(changed)
        finally:
            for stream in streams:
                stream.close()

    def _say(self, standings: Mapping[ObjectId, Standing]) -> None:
        if not self._closed.is_set():
            self._tell(standings)
