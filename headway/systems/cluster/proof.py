"""Prove that a cluster is what the repo says: every object compared, every pod's digest checked.

It reads everything again and believes nothing that was remembered of earlier looks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headway.domain.health.pods import is_leaving, is_ready, wrong_digests
from headway.domain.health.workloads import newest_pods, wanted_pods
from headway.domain.manifests.expected import Planned, planned_for
from headway.domain.objects.drift import Drift
from headway.domain.objects.identity import ObjectId, Owner, id_of
from headway.domain.objects.oneshot import removes_itself
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.drift import diff
from headway.systems.cluster.object_cache import WORKLOADS
from headway.systems.cluster.rollout import observe, workloads_of

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest


@dataclass(frozen=True, slots=True, order=True)
class WrongPod:
    """A pod that does not run what was planned, or is not there at all (`pod` is empty)."""

    workload: ObjectId
    pod: str
    what: str

    def __str__(self) -> str:
        return f"{self.workload}{' pod ' + self.pod if self.pod else ''}: {self.what}"


@dataclass(frozen=True, slots=True)
class Proof:
    """How many objects and pods were compared, and what is not equal.

    `kept` are fields that other tools set and the repo does not say: they are left as they are.
    """

    objects: int
    pods: int
    differences: tuple[Drift, ...]
    wrong: tuple[WrongPod, ...]
    seconds: float
    kept: tuple[Drift, ...] = ()

    @property
    def equal(self) -> bool:
        """Return whether the cluster is what the repo says."""
        return not self.differences and not self.wrong

    @property
    def summary(self) -> str:
        """Return in one sentence how it ended."""
        counted = f"{self.objects} objects and {self.pods} pods compared in {self.seconds:.1f} s"
        if self.equal and self.kept:
            fields = [f"{it.object} {field.path} {field.wanted}" for it in self.kept for field in it.fields]
            more = f" and {len(fields) - 10} more" if len(fields) > 10 else ""
            return f"equal ({counted}), except for what others set: {'; '.join(fields[:10])}{more}"
        if self.equal:
            return f"equal: {counted}"
        what = [*map(str, self.differences[:10]), *map(str, self.wrong[:10])]
        return f"not equal ({counted}): " + "; ".join(what)


def prove(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    namespace: str,
    owner: Owner,
    planned: Planned,
    *,
    takeover: Iterable[str] = (),
) -> Proof:
    """Compare every object of the manifests, and every pod's digest with the plan.

    A Job that removes itself when it has finished may be gone. Raises as `diff` does.
    """
    began = time.monotonic()
    known = list(manifests)
    passing = frozenset(id_of(it.object, namespace) for it in known if removes_itself(it.object))
    drifts = diff(cluster, known, namespace, owner, takeover=takeover, ran=passing)
    workloads = [it for it in workloads_of(known, namespace) if (it.group, it.kind) in WORKLOADS]
    cache, _ = observe(cluster, workloads)
    wrong: list[WrongPod] = []
    checked = 0
    for identity in workloads:
        workload = cache.workload(identity)
        if workload is None:
            if identity in passing:
                continue
            wrong.append(WrongPod(identity, "", "it is not in the cluster"))
            continue
        digests = planned_for(planned, identity)
        sets, all_pods = cache.below(workload)
        if workload["kind"] == "Job":
            all_pods = [pod for pod in all_pods if (pod.get("status") or {}).get("phase") != "Failed"]
        newest = newest_pods(workload, sets, all_pods)
        checked += len(newest)
        old = [pod for pod in all_pods if pod not in newest and not is_leaving(pod)]
        wrong.extend(WrongPod(identity, pod["metadata"]["name"], "is of an older version") for pod in old)
        for pod in newest:
            for container, reported in wrong_digests(pod, digests):
                what = f"container {container} should run {digests[container]} and reports {reported}"
                wrong.append(WrongPod(identity, pod["metadata"]["name"], what))
        if workload["kind"] != "Job" and sum(map(is_ready, newest)) < wanted_pods(workload):
            text = f"{sum(map(is_ready, newest))} of {wanted_pods(workload)} pods are ready"
            wrong.append(WrongPod(identity, "", text))
    kept = tuple(it for it in drifts if it.action == "keep")
    rest = tuple(it for it in drifts if it.action != "keep")
    return Proof(len(known), checked, rest, tuple(sorted(wrong)), time.monotonic() - began, kept)
