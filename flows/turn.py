"""An environment is deployed to by one run at a time: on this machine by a lock, on all machines by a lease."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from headway.operations.connections import Connections
from headway.runtime.steps import log
from headway.systems.cluster.lease import environment_lease
from headway.systems.machine.lock import environment_lock
from headway.tasks.look import fetch_head

LOCK_WAIT = 1800.0
Held = Callable[[], None]
"""Raises where the environment's lease was lost: then nothing more is written or recorded."""


@contextlib.contextmanager
def one_at_a_time(connections: Connections, name: str, head: str | None) -> Iterator[tuple[Held, str]]:
    """Hold the environment on this machine, then on all of them; give a check that it still is held, and the head."""
    waited = False

    def on_wait(said: str = f"{name}: waiting for another deploy of it to end or to give way") -> None:
        nonlocal waited
        waited = True
        log(said)

    settings = connections.settings
    lock = environment_lock(settings.state, settings.config_repo(), name, wait=LOCK_WAIT, on_wait=on_wait)
    with lock as machine:
        newest = fetch_head(connections) if waited or head is None else head
        place = connections.config(newest).environment(name)
        cluster = connections.environment_cluster(place)
        with environment_lease(
            cluster, place.cluster.namespace, name, machine, wait=LOCK_WAIT, on_wait=on_wait
        ) as lease:
            if waited:
                newest = fetch_head(connections)
            yield (lease.check if lease is not None else lambda: None), newest
