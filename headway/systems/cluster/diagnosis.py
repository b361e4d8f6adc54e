"""Fetch what explains a failure: a container's last lines, and what the cluster says about a pod.

An explanation that cannot be had is left out: it must not hide the failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headway.domain.health.verdict import Verdict
from headway.domain.objects.names import segment
from headway.errors import HeadwayError
from headway.systems.cluster.client import Cluster

LOG_LINES, LOG_BYTES = 20, 65_536
EVENTS = 5
_SECONDS = 3.0
_NOISE = frozenset({"MissingClusterDNS", "DNSConfigForming"})
_HAVE_LOGS = frozenset(
    {"CrashLoopBackOff", "OOMKilled", "NotReady", "JobFailed", "PodFailed", "BlockedByOldPod"}
)


def logs(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str = "",
    *,
    previous: bool = False,
    lines: int = LOG_LINES,
) -> tuple[str, ...]:
    """Return a container's last lines, 64 KiB at most; with `previous`, of the run before where this one left none.

    A container that has just ended keeps its own; the one before it may be removed any moment,
    and the kubelet then says so in place of the log.
    """
    bounds = {"tailLines": str(lines), "limitBytes": str(LOG_BYTES)}
    query = {**bounds, **({"container": container} if container else {})}
    path = f"/api/v1/namespaces/{segment(namespace)}/pods/{segment(pod)}/log"
    for asked in ({}, {"previous": "true"}) if previous else ({},):
        try:
            data = cluster.send("GET", path, {**query, **asked}, accept="*/*", timeout=_SECONDS, attempts=1)
        except HeadwayError:
            continue
        if data.strip() and not data.startswith(b"unable to retrieve container logs"):
            return tuple(data.decode(errors="replace").splitlines()[-lines:])
    return ()


def events_of(cluster: Cluster, namespace: str, uid: str) -> list[dict[str, Any]]:
    """Return the events about one object, the oldest first."""
    try:
        found = cluster.get(
            f"/api/v1/namespaces/{segment(namespace)}/events",
            {"fieldSelector": f"involvedObject.uid={uid}"},
            timeout=_SECONDS,
            attempts=1,
        )
    except HeadwayError:
        return []
    items: list[dict[str, Any]] = (found or {}).get("items") or []
    return sorted(items, key=lambda it: str(it.get("lastTimestamp") or it.get("eventTime") or ""))


def explained(
    cluster: Cluster, verdict: Verdict, workload: Mapping[str, Any] | None, pod: Mapping[str, Any] | None
) -> Verdict:
    """Add logs and warnings to a verdict that says "failed"."""
    about = pod or workload
    if about is None:
        return verdict
    meta = about["metadata"]
    namespace = meta.get("namespace", "")
    events = events_of(cluster, namespace, meta["uid"])
    warnings = [it for it in events if it.get("type") != "Normal" and it.get("reason") not in _NOISE]
    said = [
        f"{it.get('reason')}: {' '.join(str(it.get('message', '')).split())}" for it in warnings[-EVENTS:]
    ]
    lines: tuple[str, ...] = ()
    if pod is not None and verdict.cause.code in _HAVE_LOGS:
        crashed = verdict.cause.code in ("CrashLoopBackOff", "OOMKilled")
        lines = logs(cluster, namespace, meta["name"], verdict.cause.container, previous=crashed)
    return verdict.with_details(lines, dict.fromkeys(said))
