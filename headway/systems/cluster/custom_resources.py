"""Find the custom resources of an environment whose health is watched, and their resource types.

Only those that a release touches, so that an environment with many costs a release nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from headway.domain.health.custom_rules import Rules, has_health_rules
from headway.domain.objects.identity import ObjectId, id_of
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.discovery import Kinds, Resource
from headway.systems.cluster.object_cache import WORKLOADS

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest


def custom_resources_of(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    namespace: str,
    rules: Rules,
    changed: frozenset[ObjectId] | None = None,
) -> Mapping[ObjectId, Resource]:
    """Return the objects whose health rules decide, named as the cluster has them; `changed` None means all.

    A kind that the cluster does not know is left out: that it is missing was reported when it was applied.
    """
    kinds = Kinds(cluster)
    found: dict[ObjectId, Resource] = {}
    for manifest in manifests:
        key = id_of(manifest.object, namespace)
        known = (key.group, key.kind) in WORKLOADS or key.kind == "CronJob"
        if known or not has_health_rules(manifest.object, key.group, key.kind, rules):
            continue
        resource = kinds.find(str(manifest.object.get("apiVersion", "")), key.kind)
        if resource is None:
            continue
        placed = key if resource.namespaced else key.placed("")
        if changed is None or key in changed or placed in changed:
            found[placed] = resource
    return found
