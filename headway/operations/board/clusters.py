"""How each environment's workloads are, by service, told whenever it changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from headway.domain.board.facts import Workload
from headway.domain.health.kinds import rules_of
from headway.domain.objects.identity import ObjectId
from headway.domain.releases.plans import service_of
from headway.errors import HeadwayError
from headway.operations.comparison import jobs_done
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.snapshot import Snapshot

if TYPE_CHECKING:
    from headway.systems.cluster.rollout import Standing
    from headway.systems.cluster.standing_watch import StandingWatch

Told = Callable[[str, Mapping[str, tuple[Workload, ...]], str], None]
"""Called with an environment's name: its workloads by service, or why they cannot be seen."""


class Clusters:
    """Follows the environments of a snapshot, once it has begun; one whose folder changed is followed anew."""

    def __init__(self, connections: Connections, told: Told) -> None:
        self._connections, self._told = connections, told
        self._lock = threading.Lock()
        self._followed: dict[str, tuple[str, _Environment]] = {}
        self._begun = False

    def begin(self) -> None:
        """Follow from now on."""
        self._begun = True

    def follow(self, snapshot: Snapshot) -> None:
        """Follow the environments as a snapshot has them."""
        if not self._begun:
            return
        with self._lock:
            for name in [it for it in self._followed if it not in snapshot.config.environments]:
                self._followed.pop(name)[1].close()
            for name, rules in snapshot.config.environments.items():
                mark = f"{snapshot.folder(name)} {rules.cluster}"
                before = self._followed.get(name)
                if before is not None and before[0] == mark:
                    continue
                if before is not None:
                    before[1].close()
                made = _Environment(self._connections, snapshot, name, self._told)
                self._followed[name] = mark, made

    def close(self) -> None:
        """End it all."""
        with self._lock:
            for _, each in self._followed.values():
                each.close()
            self._followed.clear()


class _Environment:
    """One environment at one commit, and its watch. It is opened in a thread: a cluster may be slow to answer."""

    def __init__(self, connections: Connections, snapshot: Snapshot, name: str, told: Told) -> None:
        self._connections, self._snapshot, self._name, self._told = connections, snapshot, name, told
        self._watch: StandingWatch | None = None
        self._closed = threading.Event()
        self._known: dict[str, dict[ObjectId, Workload]] = {}
        self._found: dict[str, tuple[Workload, ...]] = {}
        self._services: dict[ObjectId, set[str]] = {}
        threading.Thread(target=self._open, name=f"open {name}", daemon=True).start()

    def _open(self) -> None:
        from headway.systems.cluster.standing_watch import StandingWatch

        pause = 2.0
        while not self._closed.is_set():
            try:
                desired = self._snapshot.environment(self._name)
                self._services = services_by_object(desired)
                cluster = self._connections.environment_cluster(desired.environment)
                ran = jobs_done(self._connections, desired)
            except HeadwayError as error:
                self._fail(error.message)
                self._closed.wait(pause)
                pause = min(pause * 2, 60.0)
                continue
            self._watch = StandingWatch(
                cluster,
                desired.manifests,
                desired.namespace,
                desired.planned,
                self._tell,
                self._fail,
                ran,
                desired.named,
                rules_of(desired.config.document),
            )
            if self._closed.is_set():
                self._watch.close()
            return

    def close(self) -> None:
        """Follow it no more."""
        self._closed.set()
        if self._watch is not None:
            self._watch.close()

    def _tell(self, standings: Mapping[ObjectId, Standing]) -> None:
        touched: set[str] = set()
        for key, standing in standings.items():
            made = _workload(key, standing)
            for service in self._services.get(key, ()):
                self._known.setdefault(service, {})[key] = made
                touched.add(service)
        self._found |= {service: tuple(self._known[service].values()) for service in touched}
        if not self._closed.is_set():
            self._told(self._name, dict(self._found), "")

    def _fail(self, why: str) -> None:
        if self._closed.is_set():
            return
        if why:
            self._told(self._name, {}, why)
        else:
            self._tell({})


def services_by_object(desired: Desired) -> dict[ObjectId, set[str]]:
    """Return the services whose images each workload of an environment runs."""
    found: dict[ObjectId, set[str]] = {}
    for key, images in desired.images_by_object.items():
        if services := {it for it in (service_of(desired.config, image) for image in images) if it}:
            found[key] = services
    return found


def _workload(key: ObjectId, standing: Standing) -> Workload:
    verdict = standing.verdict
    # One whose manifest asks for no pods is as the repo wants it.
    status = "live" if verdict.put_off == "idle" and not standing.wanted else verdict.status
    details = (*verdict.events, *verdict.logs)
    return Workload(
        f"{key.kind}/{key.name}", status, str(verdict.cause), standing.ready, standing.wanted, details
    )
