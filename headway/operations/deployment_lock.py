"""An environment is deployed to by one run at a time: on this machine by a lock, on all machines by a lease."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from headway.operations.connections import Connections
from headway.runtime.steps import log
from headway.systems.cluster.lease import environment_lease
from headway.systems.machine.lock import environment_lock

LOCK_WAIT = 1800.0
Held = Callable[[], None]
"""Raises where the environment's lease was lost: then nothing more is written or recorded."""


class _Waiting:
    """Says that somebody else deploys, and remembers that this run had to wait."""

    def __init__(self, name: str) -> None:
        self._said = f"{name}: waiting for another deploy of it to end or to give way"
        self.happened = False

    def __call__(self, said: str = "") -> None:
        self.happened = True
        log(said or self._said)


@contextlib.contextmanager
def deployment_lock(
    connections: Connections, name: str, head: str | None, fetch: Callable[[], str]
) -> Iterator[tuple[Held, str]]:
    """Lock an environment on this machine, then on all of them; return a check that it still is held, and the head.

    `head` saves a fetch where nobody had to wait.
    """
    waiting, settings = _Waiting(name), connections.settings
    slug = connections.repo.home.slug
    place = f"{slug}.{name}" if slug else name
    lock = environment_lock(settings.state, settings.config_repo(), place, wait=LOCK_WAIT, on_wait=waiting)
    with lock as machine:
        newest = fetch() if waiting.happened or head is None else head
        environment = connections.at(newest).rules(name)
        cluster = connections.environment_cluster(environment)
        with environment_lease(
            cluster, environment.cluster.namespace, name, machine, wait=LOCK_WAIT, on_wait=waiting
        ) as lease:
            if waiting.happened:
                newest = fetch()
            yield (lease.check if lease is not None else lambda: None), newest
