"""Read the pods of one workload as they are now, with what the cluster says of them and the end of one log.

It is for somebody who looks: each request is sent once, is bounded in time and in size, and what explains
nothing without it is left out where it cannot be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headway.domain.board.pods import Pod, PodShown, WorkloadPods, event_line, pod_of, tail, worst_first
from headway.domain.objects.identity import ObjectId
from headway.errors import HeadwayError
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.diagnosis import events_of, logs
from headway.systems.cluster.discovery import Kinds, Resource
from headway.systems.cluster.object_cache import PODS, WORKLOADS
from headway.systems.machine.parallel import each

SECONDS = 4.0
LISTED, SHOWN, EVENTS, LINES = 100, 6, 6, 40
"""So many pods are asked for, and shown; so many events of each; and lines of the one log."""


def pods_of(cluster: Cluster, key: ObjectId) -> WorkloadPods:
    """Return the pods of a workload; raise TransientError or ApiRefused where the cluster cannot be asked."""
    name = f"{key.kind}/{key.name}"
    resource = WORKLOADS.get((key.group, key.kind)) or _other(cluster, key)
    if resource is None:
        return WorkloadPods(name, problem="the cluster does not know this kind")
    workload = cluster.get(resource.path(key.namespace, key.name), timeout=SECONDS, attempts=1)
    if workload is None:
        return WorkloadPods(name, problem="it is not in the cluster")
    if resource == PODS:
        found, more = [pod_of(workload)], 0
    else:
        wanted = _selector(workload)
        if not wanted:
            return WorkloadPods(name, problem="it has no pods of its own")
        query = {"labelSelector": wanted, "limit": str(LISTED)}
        answer = cluster.get(PODS.path(key.namespace), query, timeout=SECONDS, attempts=1) or {}
        found = worst_first(map(pod_of, answer.get("items") or ()))
        more = int((answer.get("metadata") or {}).get("remainingItemCount") or 0)
    more += max(len(found) - SHOWN, 0)
    numbered = list(enumerate(found[:SHOWN]))
    return WorkloadPods(
        name,
        tuple(each(lambda it: _shown(cluster, key.namespace, it[1], with_log=it[0] == 0), numbered)),
        more,
    )


def _shown(cluster: Cluster, namespace: str, pod: Pod, *, with_log: bool) -> PodShown:
    events = tuple(map(event_line, events_of(cluster, namespace, pod.uid)[-EVENTS:]))
    lines: tuple[str, ...] = ()
    if with_log and pod.container:
        lines = logs(cluster, namespace, pod.name, pod.container, previous=pod.crashed, lines=LINES)
    return PodShown(pod, events, tail(lines))


def _other(cluster: Cluster, key: ObjectId) -> Resource | None:
    """Return the kind of a custom resource, in whatever version the cluster prefers."""
    try:
        known = Kinds(cluster).all()
    except HeadwayError:
        return None
    return next((it for it in known if (it.group, it.kind) == (key.group, key.kind)), None)


def _selector(workload: Mapping[str, Any]) -> str:
    """Return the label selector of a workload as a query has it; empty where it has none."""
    found = (workload.get("spec") or {}).get("selector") or {}
    labels = found.get("matchLabels") or {}
    if "matchLabels" not in found and "matchExpressions" not in found:
        # A ReplicationController's is a plain map.
        labels = found
    parts = [f"{key}={value}" for key, value in labels.items()]
    for it in found.get("matchExpressions") or ():
        key, values = it.get("key", ""), ",".join(it.get("values") or ())
        parts.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }.get(it.get("operator", ""), key)
        )
    return ",".join(parts)
