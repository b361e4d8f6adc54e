"""Give running workloads another image, behind the config repo's back.

What `kubectl set image` does, for every workload of a namespace that runs an image
of one repository. It keeps no history and takes nothing back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headway.domain.manifests.expected import containers_of, pod_spec
from headway.domain.objects.identity import ObjectId
from headway.systems.cluster.client import STRATEGIC_MERGE_PATCH, Cluster
from headway.systems.cluster.discovery import Resource
from headway.systems.cluster.inspection import list_all
from headway.systems.cluster.object_cache import WORKLOADS
from headway.systems.machine.parallel import each

MANAGER = "headway-set-image"
_KINDS = [
    *(WORKLOADS[key] for key in (("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"))),
    Resource("batch", "v1", "CronJob", "cronjobs", True),
]


@dataclass(frozen=True, slots=True, order=True)
class ImageSet:
    """One container's image, before and after."""

    object: ObjectId
    container: str
    old: str
    new: str


def set_image(
    cluster: Cluster,
    namespace: str,
    match: Callable[[str], bool],
    new_image: str,
    *,
    dry_run: bool = False,
) -> list[ImageSet]:
    """Return every container whose image `match` accepts the new image; init containers too.

    Gives what was found, also where the image was the new one already. Only workloads
    that nothing else owns are changed: Deployments, StatefulSets, DaemonSets, CronJobs.
    A dry run only looks.
    """
    found: list[tuple[Resource, dict[str, Any]]] = []
    for resource, items in zip(
        _KINDS, each(lambda it: list_all(cluster, it, namespace), _KINDS), strict=True
    ):
        found.extend((resource, item) for item in items if not item["metadata"].get("ownerReferences"))
    changes = each(lambda it: _change(cluster, namespace, *it, match, new_image, dry_run), found)
    return sorted(change for some in changes for change in some)


def _change(
    cluster: Cluster,
    namespace: str,
    resource: Resource,
    item: dict[str, Any],
    match: Callable[[str], bool],
    new_image: str,
    dry_run: bool,
) -> list[ImageSet]:
    item["kind"] = resource.kind
    name = item["metadata"]["name"]
    identity = ObjectId(resource.group, resource.kind, namespace, name)
    spec = pod_spec(item) or {}
    changes = [
        ImageSet(identity, each_container["name"], each_container["image"], new_image)
        for each_container in containers_of(spec)
        if match(each_container.get("image", ""))
    ]
    names = {it.container for it in changes if it.old != new_image}
    if names and not dry_run:
        patch = {
            kind: [
                {"name": it["name"], "image": new_image} for it in spec.get(kind) or () if it["name"] in names
            ]
            for kind in ("initContainers", "containers")
        }
        body: dict[str, Any] = {"spec": {"template": {"spec": {k: v for k, v in patch.items() if v}}}}
        if resource.kind == "CronJob":
            body = {"spec": {"jobTemplate": body}}
        cluster.send(
            "PATCH",
            resource.path(namespace, name),
            {"fieldManager": MANAGER},
            json.dumps(body).encode(),
            content_type=STRATEGIC_MERGE_PATCH,
        )
    return changes
