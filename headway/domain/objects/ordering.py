"""In which order objects are applied: what others need comes first.

Objects of one wave do not need each other and are applied at the same time. A kind
that nobody knows (a custom resource) goes with the last wave but one, when
everything it might point to is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from headway.domain.objects.identity import ObjectId

T = TypeVar("T")

NAMESPACES = 0
DEFINITIONS = 1
WORKLOADS = 5
LAST = 6

_WAVES: tuple[frozenset[str], ...] = (
    frozenset({"Namespace"}),
    frozenset({"CustomResourceDefinition"}),
    frozenset(
        {
            "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount",
            "PriorityClass", "StorageClass", "RuntimeClass", "IngressClass", "PersistentVolume",
        }
    ),
    frozenset(
        {"ConfigMap", "Secret", "PersistentVolumeClaim", "ResourceQuota", "LimitRange", "NetworkPolicy"}
    ),
    frozenset({"Service", "Endpoints", "EndpointSlice"}),
    frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Pod"}),
    frozenset(),
)  # fmt: skip
_BY_KIND = {kind: number for number, kinds in enumerate(_WAVES) for kind in kinds}
_BUILT_IN = frozenset({"", "apps", "batch", "policy", "autoscaling", "extensions"})


def built_in(group: str) -> bool:
    """Return whether an API group is Kubernetes' own, and not some CRD's."""
    return group in _BUILT_IN or group.endswith(".k8s.io")


def wave_of(item: ObjectId) -> int:
    """Return the number of the wave that an object belongs to, 0 being the first.

    Jobs, CronJobs, Ingresses, autoscalers, budgets, webhooks and custom resources go last.
    """
    if not built_in(item.group):
        return LAST
    return _BY_KIND.get(item.kind, LAST)


def in_waves(items: Iterable[tuple[ObjectId, T]]) -> list[list[T]]:
    """Sort things by their objects' waves; waves without a thing are left out."""
    waves: dict[int, list[T]] = {}
    for identity, item in items:
        waves.setdefault(wave_of(identity), []).append(item)
    return [waves[number] for number in sorted(waves)]
