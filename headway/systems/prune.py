"""Take away what left the repo: only what headway applied, never anything else.

An object goes when it carries this owner's labels, has headway's own apply entry in
its managedFields, has no owner of its own, and no manifest names it. Labels alone
prove nothing: controllers and people copy them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headway.domain.applied import Kept
from headway.domain.fields import applied_entry
from headway.domain.objects import ObjectId, Owner, selector
from headway.domain.wanted import PRUNE_ANNOTATION
from headway.systems.cluster import ApiRefused, Cluster
from headway.systems.discovery import Kinds, Resource
from headway.systems.inspection import Inspection, Place, list_all
from headway.systems.parallel import each

_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_NEVER = {
    "Namespace": "deleting a namespace would delete everything in it",
    "CustomResourceDefinition": "deleting a definition would delete every object of its kind",
    "PersistentVolumeClaim": "deleting a claim would delete its data",
    "PersistentVolume": "deleting a volume may delete its data",
}
# Objects of these kinds are never applied by hand, and there are many of them.
LOOKS = 10
"""How often an object is looked at again that changes while it is being deleted."""

_NOT_LOOKED_AT = frozenset(
    {"Event", "EndpointSlice", "Endpoints", "ControllerRevision", "Lease", "PodMetrics"}
)


@dataclass(frozen=True, slots=True)
class Surplus:
    """An object that no manifest names any more."""

    id: ObjectId
    resource: Resource
    uid: str
    resource_version: str
    labels: Mapping[str, str]


def surplus(
    cluster: Cluster, found: Inspection, owner: Owner, *, whole: bool = False
) -> tuple[list[Surplus], list[Kept]]:
    """Find what belongs to the owner and is not among the manifests, and what of that must stay.

    Every kind of the cluster is searched once per process (`whole`: again); after that
    only kinds in which something of this owner was seen.
    """
    labels = owner.labels_at(found.home)
    key = (cluster.host, owner, found.home)
    wanted = {item.id for item in found.items}
    uids = {item.live["metadata"]["uid"] for item in found.items if item.live}
    places = {
        (item.resource, item.id.namespace) for item in found.items if item.resource and not item.pending
    }
    seen: dict[Place, list[dict[str, Any]]] = dict(found.listed)
    if whole or key not in _places:
        namespaces = dict.fromkeys([found.home, *(it.id.namespace for it in found.items)])
        for place, objects in _everywhere(cluster, labels, [it for it in namespaces if it]):
            seen.setdefault(place, objects)
        _places[key] = places | {place for place, objects in seen.items() if objects}
    else:
        _places[key] |= places
        rest = [place for place in _places[key] if place not in seen]
        seen.update(zip(rest, each(lambda place: _labelled(cluster, *place, labels), rest), strict=True))

    gone: dict[str, Surplus] = {}
    kept: set[Kept] = set()
    for (resource, _), objects in seen.items():
        for each_object in objects:
            meta = each_object["metadata"]
            identity = ObjectId(resource.group, resource.kind, meta.get("namespace", ""), meta["name"])
            if identity in wanted or meta["uid"] in uids or not _ours(meta, labels):
                continue
            if identity == ObjectId("", "Namespace", "", found.home):
                continue
            if why := _stays(resource, meta):
                kept.add(Kept(identity, why))
            else:
                gone[meta["uid"]] = Surplus(identity, resource, meta["uid"], meta["resourceVersion"], labels)
    return sorted(gone.values(), key=lambda it: it.id), sorted(kept)


def delete(cluster: Cluster, item: Surplus) -> bool:
    """Delete one object, unless it is gone or was made somebody else's meanwhile; then give False.

    It is deleted as it was last seen. A controller that writes its status in between has
    changed nothing that matters, so it is looked at again.
    """
    path = item.resource.path(item.id.namespace, item.id.name)
    version = item.resource_version
    for _ in range(LOOKS):
        options = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            "preconditions": {"uid": item.uid, "resourceVersion": version},
        }
        body = json.dumps(options).encode()
        answer = cluster.exchange("DELETE", path, body=body)
        if answer.status == 404:
            return False
        if answer.status != 409:
            if answer.status >= 400:
                cluster.send("DELETE", path, body=body)
            return True
        meta = (cluster.get(path) or {}).get("metadata") or {}
        if meta.get("uid") != item.uid or not _ours(meta, item.labels) or _stays(item.resource, meta):
            return False
        version = str(meta["resourceVersion"])
    return False


_places: dict[tuple[str, Owner, str], set[Place]] = {}


def _ours(meta: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return (
        labels.items() <= (meta.get("labels") or {}).items()
        and applied_entry(meta) is not None
        and not meta.get("ownerReferences")
        and not meta.get("deletionTimestamp")
    )


def _stays(resource: Resource, meta: Mapping[str, Any]) -> str:
    if (meta.get("annotations") or {}).get(PRUNE_ANNOTATION) == "disabled":
        return f"the annotation {PRUNE_ANNOTATION}: disabled says so"
    return _NEVER.get(resource.kind, "")


def _everywhere(
    cluster: Cluster, labels: Mapping[str, str], namespaces: list[str]
) -> list[tuple[Place, list[dict[str, Any]]]]:
    """List what carries the labels, of every kind; in these namespaces where the whole cluster may not be listed."""

    def listed(resource: Resource) -> list[dict[str, Any]]:
        try:
            return _list(cluster, resource, "", labels)
        except ApiRefused as error:
            if error.code != 403 or not resource.namespaced:
                return []
        return [it for name in namespaces for it in _labelled(cluster, resource, name, labels)]

    resources = [
        resource
        for resource in Kinds(cluster).all()
        if {"list", "delete"} <= resource.verbs and resource.kind not in _NOT_LOOKED_AT
    ]
    found: list[tuple[Place, list[dict[str, Any]]]] = []
    for resource, objects in zip(resources, each(listed, resources), strict=True):
        by_namespace: dict[str, list[dict[str, Any]]] = {}
        for each_object in objects:
            by_namespace.setdefault(each_object["metadata"].get("namespace", ""), []).append(each_object)
        found.extend(((resource, namespace), items) for namespace, items in by_namespace.items())
    return found


def _list(
    cluster: Cluster, resource: Resource, namespace: str, labels: Mapping[str, str]
) -> list[dict[str, Any]]:
    query = {"labelSelector": selector(labels)}
    try:
        return list_all(cluster, resource, namespace, query, accept=_METADATA_ONLY)
    except ApiRefused as error:
        if error.code == 405:
            return []
        raise


def _labelled(
    cluster: Cluster, resource: Resource, namespace: str, labels: Mapping[str, str]
) -> list[dict[str, Any]]:
    try:
        return _list(cluster, resource, namespace, labels)
    except ApiRefused as error:
        # What may not even be listed here was not applied by this user either.
        if error.code == 403:
            return []
        raise
