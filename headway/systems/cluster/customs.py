"""Which custom resources of an environment are watched, and at which address.

Only those that a release touches, so that an environment with many costs a release nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from headway.domain.health.customs import Rules, is_judged
from headway.domain.objects.identity import ObjectId, id_of
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.discovery import Kinds, Resource
from headway.systems.cluster.observed import WORKLOADS

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest


def customs_of(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    namespace: str,
    rules: Rules,
    changed: frozenset[ObjectId] | None = None,
) -> Mapping[ObjectId, Resource]:
    """Give the objects whose health is judged by rules, named as the cluster has them; None changed: all.

    A kind that the cluster does not know is left out: that it is missing has been told when it was applied.
    """
    kinds = Kinds(cluster)
    found: dict[ObjectId, Resource] = {}
    for manifest in manifests:
        key = id_of(manifest.object, namespace)
        known = (key.group, key.kind) in WORKLOADS or key.kind == "CronJob"
        if known or not is_judged(manifest.object, key.group, key.kind, rules):
            continue
        resource = kinds.find(str(manifest.object.get("apiVersion", "")), key.kind)
        if resource is None:
            continue
        placed = key if resource.namespaced else key.placed("")
        if changed is None or key in changed or placed in changed:
            found[placed] = resource
    return found
