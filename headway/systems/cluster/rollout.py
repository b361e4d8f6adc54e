"""Follow workloads until each is live or one has certainly failed.

One LIST per kind, then watch events; health is assessed at each event, so "live"
is known as soon as the cluster knows it. It applies nothing and takes nothing back.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from headway.domain.health.cause import Cause
from headway.domain.health.custom_rules import Rules
from headway.domain.health.custom_workloads import POD_KINDS
from headway.domain.health.engines import Engine
from headway.domain.health.kinds import RULES
from headway.domain.health.verdict import Verdict
from headway.domain.manifests.expected import Planned, pod_spec
from headway.domain.objects.identity import ObjectId, id_of
from headway.errors import explained
from headway.systems.cluster.client import ApiRefused, Cluster
from headway.systems.cluster.custom_resources import custom_resources_of
from headway.systems.cluster.discovery import Resource
from headway.systems.cluster.object_cache import (
    OF_ENGINES,
    PODS,
    REPLICA_SETS,
    WARNINGS,
    WORKLOADS,
    ObjectCache,
)
from headway.systems.cluster.rollout_events import News
from headway.systems.cluster.rollout_health import RolloutHealth
from headway.systems.cluster.streams import Event, Stream
from headway.systems.machine.parallel import each

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest

Named = Mapping[ObjectId, Engine | None]
"""Objects whose fields say images, with the engine that each is, if it is one."""
STOP_SECONDS = 1.0
_LONG = 1e9


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a rollout ended: done, something failed, or a newer change took over.

    `done` says of what this release touched that it is live, or applied and held back by the cluster
    (paused, no replicas); a workload that it did not touch has its verdict, and does not count.
    `seconds` is the time that was watched.
    """

    done: bool
    superseded: bool
    verdicts: tuple[Verdict, ...]
    seconds: float

    @property
    def live(self) -> bool:
        """Return whether everything that counts is live."""
        return self.done and not any(it.changed and it.status == "applied" for it in self.verdicts)

    @property
    def cause(self) -> Cause:
        """Return what failed and why, a line for each workload; falsy when nothing that counts has failed."""
        failed = [it for it in self.verdicts if it.changed and it.status == "failed"]
        blames = not failed or any(it.cause.blames for it in failed)
        return Cause(text="\n".join(map(str, failed)), blames=blames)


@dataclass(frozen=True, slots=True)
class Standing:
    """One workload as it is now: its verdict, its pods of the newest template, and the images they report."""

    verdict: Verdict
    ready: int
    wanted: int
    images: tuple[str, ...] = ()

    @property
    def pods(self) -> str:
        """Ready and wanted pods, as `2/3`."""
        return f"{self.ready}/{self.wanted}"

    def __str__(self) -> str:
        cause = self.verdict.cause.code or self.verdict.cause.text
        status = "applied, not running" if self.verdict.status == "applied" else self.verdict.status
        return status + (f": {cause}" if cause else "")


def watch(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    namespace: str,
    planned: Planned,
    *,
    changed: frozenset[ObjectId] | None = None,
    timeout: float = 600.0,
    stop: Callable[[], bool] | None = None,
    on_progress: Callable[[str], None] | None = None,
    rules: Rules = RULES,
    ran: frozenset[ObjectId] = frozenset(),
    engines: Mapping[ObjectId, Engine] = MappingProxyType({}),
) -> Rollout:
    """Follow the manifests' workloads until all that changed are live, or one of them has failed.

    `changed` names what this release touched; None means everything. `rules` assess custom resources, of
    which only those that changed are looked at. `ran` are Jobs that have run before and may be gone, `engines` the
    objects that other engines roll out, whose pods are looked at with them. `timeout` is in seconds. `stop` is asked
    once a second, in a thread of its own; True ends the watch as superseded. Raises TransientError when the API
    server stays away, ApiRefused when it does not let us look.
    """
    manifests = list(manifests)
    custom_resources = custom_resources_of(cluster, manifests, namespace, rules, changed)
    if changed is not None:
        changed |= custom_resources.keys()
    return watch_workloads(
        cluster,
        [*workloads_of(manifests, namespace), *custom_resources],
        planned,
        changed=changed,
        timeout=timeout,
        stop=stop,
        on_progress=on_progress,
        unwatched=unwatched_of(manifests, namespace),
        custom_resources=custom_resources,
        rules=rules,
        ran=ran,
        engines={key: it for key, it in engines.items() if key in custom_resources},
    )


def watch_workloads(
    cluster: Cluster,
    workloads: Iterable[ObjectId],
    planned: Planned,
    *,
    changed: frozenset[ObjectId] | None = None,
    timeout: float = 600.0,
    stop: Callable[[], bool] | None = None,
    on_progress: Callable[[str], None] | None = None,
    unwatched: Mapping[ObjectId, Mapping[str, Any]] = MappingProxyType({}),
    custom_resources: Mapping[ObjectId, Resource] = MappingProxyType({}),
    rules: Rules = RULES,
    ran: frozenset[ObjectId] = frozenset(),
    engines: Mapping[ObjectId, Engine] = MappingProxyType({}),
) -> Rollout:
    """Do what `watch` does, for workloads given by name.

    `unwatched` are assessed by their manifests, `custom_resources` by the rules.
    """
    began = time.monotonic()
    followed = list(dict.fromkeys(workloads))
    news: queue.SimpleQueue[Event] = queue.SimpleQueue()
    tell = on_progress or (lambda line: None)
    cache, streams = observe(cluster, followed, news, custom_resources, tell, engines)
    health = RolloutHealth(
        cluster,
        cache,
        planned,
        changed,
        tell,
        unwatched=unwatched,
        custom_resources=custom_resources.keys(),
        rules=rules,
        ran=ran,
    )
    events = News(cluster, cache, streams, news, tell)
    stopped = threading.Event()
    ended = threading.Event()
    try:
        health.update(followed, time.monotonic(), first=True)
        if not health.settled:
            for stream in streams:
                stream.start()
            if stop is not None:
                threading.Thread(target=_ask, args=(stop, stopped, ended, news), daemon=True).start()
        while not health.settled and not stopped.is_set():
            deadline = began + timeout
            until = min(deadline, health.again)
            touched = events.wait(until)
            touched |= events.look(until, at_all_costs=until == deadline)
            now = events.clock()
            health.update(touched, now)
            if now >= deadline and events.sees:
                health.time_is_up(timeout)
    finally:
        ended.set()
        for stream in streams:
            stream.close()
    superseded = stopped.is_set() and not health.settled
    return Rollout(
        health.done and not superseded, superseded, health.verdicts(followed), time.monotonic() - began
    )


def look(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    namespace: str,
    planned: Planned,
    ran: frozenset[ObjectId] = frozenset(),
    named: Named = MappingProxyType({}),
    rules: Rules = RULES,
) -> dict[ObjectId, Standing]:
    """Return how each workload of the manifests is now, without waiting for anything; those that `ran` may be gone.

    So are those that are `named`: objects that say images and are no workloads, with the engine that each is. `rules`
    assess custom resources.
    """
    manifests = list(manifests)
    unwatched = unwatched_of(manifests, namespace)
    followed, custom_resources, engines = with_named(cluster, manifests, namespace, named, rules)
    cache, _ = observe(cluster, followed, custom_resources=custom_resources, engines=engines)
    health = RolloutHealth(
        cluster,
        cache,
        planned,
        None,
        lambda line: None,
        together=False,
        unwatched=unwatched,
        custom_resources=custom_resources.keys(),
        rules=rules,
        ran=ran,
    )
    # A sign that could become certain counts, however short it has been there.
    health.update(followed, 0.0, first=True)
    health.update(followed, _LONG)
    return {it: Standing(health.verdict(it), *health.counts(it)) for it in followed}


def with_named(
    cluster: Cluster, manifests: list[Manifest], namespace: str, named: Named, rules: Rules
) -> tuple[list[ObjectId], Mapping[ObjectId, Resource], dict[ObjectId, Engine]]:
    """Return the workloads and the named objects of manifests, the custom resources among them, and the engines."""
    mine = [it for it in manifests if pod_spec(it.object) or id_of(it.object, namespace) in named]
    custom_resources = custom_resources_of(cluster, mine, namespace, rules)
    followed = list(dict.fromkeys([*workloads_of(manifests, namespace), *custom_resources]))
    engines = {key: it for key, it in named.items() if it is not None and key in custom_resources}
    return followed, custom_resources, engines


def workloads_of(manifests: Iterable[Manifest], namespace: str) -> list[ObjectId]:
    """Return the manifests' workloads: everything with a pod spec or a pod template."""
    return [id_of(it.object, namespace) for it in manifests if pod_spec(it.object) is not None]


def unwatched_of(manifests: Iterable[Manifest], namespace: str) -> dict[ObjectId, Mapping[str, Any]]:
    """Return the CronJobs: what they run is started later, so that their manifests say all there is to say."""
    return {id_of(it.object, namespace): it.object for it in manifests if it.object.get("kind") == "CronJob"}


def observe(
    cluster: Cluster,
    followed: list[ObjectId],
    news: queue.SimpleQueue[Event] | None = None,
    custom_resources: Mapping[ObjectId, Resource] = MappingProxyType({}),
    tell: Callable[[str], None] = lambda line: None,
    engines: Mapping[ObjectId, Engine] = MappingProxyType({}),
) -> tuple[ObjectCache, list[Stream]]:
    """Read workloads and their pods; also return the streams, not yet started, that tell `news` what changes.

    Of `custom_resources` a kind that cannot be listed is left out, with a warning; so are the namespaces of `engines`.
    """
    news = news or queue.SimpleQueue()
    streams: list[Stream] = []
    for namespace in sorted({it.namespace for it in followed}):
        kinds = {(it.group, it.kind) for it in followed if it.namespace == namespace}
        resources = [WORKLOADS[kind] for kind in sorted(kinds) if kind in WORKLOADS]
        own = {resource: None for key, resource in custom_resources.items() if key.namespace == namespace}
        streams.extend(Stream(cluster, resource, namespace, news) for resource in own)
        with_pods = any((it.group, it.kind) in POD_KINDS for it in own)
        if not resources and not with_pods:
            continue
        if (("apps", "Deployment") in kinds or with_pods) and REPLICA_SETS not in resources:
            resources.append(REPLICA_SETS)
        if PODS not in resources:
            resources.append(PODS)
        streams.extend(Stream(cluster, resource, namespace, news) for resource in resources)
        streams.append(Stream(cluster, WARNINGS, namespace, news, {"fieldSelector": "type=Warning"}))
    cache = ObjectCache(followed)
    of_rules = set(custom_resources.values())
    listed = each(lambda it: _list(it, of_rules, tell), streams)
    for stream, items in zip(streams, listed, strict=True):
        if items is None and stream.resource in of_rules:
            cache.unseen.add((stream.resource.group, stream.resource.kind))
        if items and stream.resource is not WARNINGS:
            cache.replace(stream.resource, stream.namespace, items)
    followed_by = [stream for stream, items in zip(streams, listed, strict=True) if items is not None]
    if engines:
        cache.engines = {key: it.placed(cache.workload(key)) for key, it in engines.items()}
        followed_by += _of_engines(
            cluster, cache, news, {(it.resource, it.namespace) for it in streams}, tell
        )
    return cache, followed_by


def _of_engines(
    cluster: Cluster,
    cache: ObjectCache,
    news: queue.SimpleQueue[Event],
    known: Set[tuple[Resource, str]],
    tell: Callable[[str], None],
) -> list[Stream]:
    """Read the pods of other engines' objects, and what owns them, where these are not read already."""
    namespaces = {name for it in cache.engines.values() if not it.elsewhere for name in it.namespaces}
    streams = [
        Stream(cluster, resource, namespace, news)
        for namespace in sorted(namespaces)
        for resource in OF_ENGINES
        if (resource, namespace) not in known
    ]
    seen: list[Stream] = []
    for stream, items in zip(streams, each(_list_if_allowed, streams), strict=True):
        if isinstance(items, ApiRefused):
            if stream.namespace not in cache.unseen_pods:
                why = f"the account may not list {stream.resource.plural} in {stream.namespace}"
                cache.unseen_pods[stream.namespace] = why
                tell(f"warning: {why}, so what other engines run there is not seen: {items.message}")
            continue
        cache.replace(stream.resource, stream.namespace, items)
        seen.append(stream)
    return seen


def _list_if_allowed(stream: Stream) -> list[dict[str, Any]] | ApiRefused:
    try:
        return stream.list()
    except ApiRefused as error:
        return error


def _list(
    stream: Stream, custom_resources: Set[Resource], tell: Callable[[str], None]
) -> list[dict[str, Any]] | None:
    try:
        # Of old warnings only the place is wanted from which new ones are followed.
        return stream.list(1) if stream.resource is WARNINGS else stream.list()
    except ApiRefused as error:
        # Who may not read events still gets a verdict, with less to explain it.
        if stream.resource is WARNINGS:
            return None
        if stream.resource not in custom_resources:
            raise
        tell(
            f"warning: {stream.resource.plural} cannot be watched, so their health is not known: {error.message}"
        )
        return None


def _ask(
    stop: Callable[[], bool],
    stopped: threading.Event,
    ended: threading.Event,
    news: queue.SimpleQueue[Event],
) -> None:
    while not ended.wait(STOP_SECONDS):
        try:
            if stop():
                stopped.set()
                news.put(Event("there", WARNINGS, "", {}))
                return
        except Exception as error:  # noqa: BLE001 - whoever waits for events must get it
            news.put(Event("lost", PODS, "", explained(error)))
            return
