"""A cache of the objects that decide a rollout's health, kept up to date by events.

Workloads, replica sets and pods by the uid of who owns them, and what the last
warning about each was. It decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from headway.domain.health.engines import Engine
from headway.domain.objects.identity import ObjectId
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.discovery import Resource
from headway.systems.cluster.streams import Event

PODS = Resource("", "v1", "Pod", "pods", True)
REPLICA_SETS = Resource("apps", "v1", "ReplicaSet", "replicasets", True)
WARNINGS = Resource("", "v1", "Event", "events", True)
WORKLOADS: Mapping[tuple[str, str], Resource] = {
    (resource.group, resource.kind): resource
    for resource in (
        Resource("apps", "v1", "Deployment", "deployments", True),
        Resource("apps", "v1", "StatefulSet", "statefulsets", True),
        Resource("apps", "v1", "DaemonSet", "daemonsets", True),
        Resource("batch", "v1", "Job", "jobs", True),
        Resource("", "v1", "ReplicationController", "replicationcontrollers", True),
        REPLICA_SETS,
        PODS,
    )
}
OF_ENGINES = (
    WORKLOADS["apps", "Deployment"],
    WORKLOADS["apps", "StatefulSet"],
    WORKLOADS["apps", "DaemonSet"],
    REPLICA_SETS,
    PODS,
)
"""What is looked at to find the pods of other engines' objects."""
Object = dict[str, Any]


def delete_pod(cluster: Cluster, pod: Mapping[str, Any]) -> None:
    """Delete a pod, if it is still the one that was seen."""
    meta = pod["metadata"]
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": meta["uid"]}}
    path = PODS.path(meta["namespace"], meta["name"])
    cluster.send("DELETE", path, body=json.dumps(options).encode(), attempts=1)


class ObjectCache:
    """The objects as last seen, and the workload that each belongs to."""

    def __init__(self, followed: Iterable[ObjectId]) -> None:
        self.followed = frozenset(followed)
        self.unseen: set[tuple[str, str]] = set()
        """Groups and kinds that cannot be looked at."""
        self.engines: Mapping[ObjectId, Engine] = {}
        """The followed objects of other engines, whose pods are looked at too."""
        self.unseen_pods: dict[str, str] = {}
        """Namespaces of engines in which pods or what owns them cannot be looked at, each with why."""
        self._by_uid: dict[str, tuple[Resource, str, Object]] = {}
        self._uids: dict[ObjectId, str] = {}
        self._children: dict[str, dict[str, Object]] = {}
        self._warnings: dict[str, tuple[str, str]] = {}

    def take(self, event: Event) -> set[ObjectId]:
        """Take in one event; return the followed workloads that it may concern."""
        if event.what == "relisted":
            return self.replace(event.resource, event.namespace, event.item)
        if event.what == "lost":
            return set()
        if event.resource is WARNINGS:
            return self._warn(event.item)
        return self._put(event.resource, event.namespace, event.item, event.what == "there")

    def replace(self, resource: Resource, namespace: str, items: Iterable[Object]) -> set[ObjectId]:
        """Take in a whole listing: what is not in it is gone. Return the followed workloads that it may concern."""
        if resource is WARNINGS:
            return {each for item in items for each in self._warn(item)}
        there = {item["metadata"]["uid"]: item for item in items}
        touched: set[ObjectId] = set()
        for uid, (kind, space, item) in list(self._by_uid.items()):
            if kind is resource and space == namespace and uid not in there:
                touched |= self._put(resource, namespace, item, False)
        for item in there.values():
            touched |= self._put(resource, namespace, item, True)
        return touched

    def workload(self, identity: ObjectId) -> Object | None:
        """Return a followed workload as last seen; None when there is none."""
        found = self._by_uid.get(self._uids.get(identity, ""))
        return found[2] if found else None

    def below(self, workload: Object) -> tuple[list[Object], list[Object]]:
        """Return a workload's replica sets and its pods, also those of its replica sets."""
        if workload["kind"] == "Pod":
            return [], [workload]
        children = list(self._children.get(workload["metadata"]["uid"], {}).values())
        sets = [it for it in children if it["kind"] == "ReplicaSet"]
        pods = [it for it in children if it["kind"] == "Pod"]
        for each in sets:
            pods.extend(self._children.get(each["metadata"]["uid"], {}).values())
        return sets, pods

    def pod(self, workload: Object, name: str) -> Object | None:
        """Return one of a workload's pods by its name."""
        return next((it for it in self.below(workload)[1] if it["metadata"]["name"] == name), None)

    def pods_of(self, engine: Engine) -> list[Object]:
        """Return the pods of what an engine applied: of workloads that are marked as its own, or so themselves.

        What a Job runs is no part of a rollout: it goes on with the image that it began with, to its end.
        """
        found: dict[str, Object] = {}
        for resource, namespace, item in list(self._by_uid.values()):
            if namespace not in engine.namespaces or resource not in OF_ENGINES or not engine.made(item):
                continue
            if resource is PODS and _is_of_job(item):
                continue
            pods = [item] if resource is PODS else self.below(item)[1]
            found |= {str(it["metadata"]["uid"]): it for it in pods}
        return list(found.values())

    def unseen_of(self, engine: Engine) -> str:
        """Return why the pods of an engine cannot be looked at; empty where they can."""
        return next((self.unseen_pods[it] for it in engine.namespaces if it in self.unseen_pods), "")

    def warnings(self, workload: Object) -> list[tuple[str, str]]:
        """Return the last warning about a workload and about each of its pods: reason and message."""
        sets, pods = self.below(workload)
        found = (self._warnings.get(it["metadata"]["uid"]) for it in (workload, *sets, *pods))
        return [it for it in found if it]

    def _put(self, resource: Resource, namespace: str, item: Object, there: bool) -> set[ObjectId]:
        # Items of a LIST do not say their kind.
        item["kind"] = resource.kind
        item.setdefault("apiVersion", resource.api_version)
        meta = item["metadata"]
        uid = meta["uid"]
        parent = next((it["uid"] for it in meta.get("ownerReferences") or () if it.get("controller")), "")
        identity = ObjectId(resource.group, resource.kind, meta.get("namespace", ""), meta["name"])
        if there:
            self._by_uid[uid] = (resource, namespace, item)
            if identity in self.followed:
                self._uids[identity] = uid
            if parent:
                self._children.setdefault(parent, {})[uid] = item
        else:
            self._by_uid.pop(uid, None)
            self._warnings.pop(uid, None)
            self._children.get(parent, {}).pop(uid, None)
            if self._uids.get(identity) == uid:
                del self._uids[identity]
        return self._concerned(uid, parent, identity)

    def _concerned(self, uid: str, parent: str, identity: ObjectId) -> set[ObjectId]:
        found = {identity} & self.followed
        found |= {key for key, it in self.engines.items() if identity.namespace in it.namespaces}
        while parent:
            above = self._by_uid.get(parent)
            if above is None:
                break
            resource, _, item = above
            meta = item["metadata"]
            found |= {
                ObjectId(resource.group, resource.kind, meta.get("namespace", ""), meta["name"])
            } & self.followed
            parent = next((it["uid"] for it in meta.get("ownerReferences") or () if it.get("controller")), "")
        return found

    def _warn(self, event: Object) -> set[ObjectId]:
        uid = (event.get("involvedObject") or {}).get("uid", "")
        self._warnings[uid] = (str(event.get("reason", "")), " ".join(str(event.get("message", "")).split()))
        about = self._by_uid.get(uid)
        if about is None:
            return set()
        resource, _, item = about
        meta = item["metadata"]
        parent = next((it["uid"] for it in meta.get("ownerReferences") or () if it.get("controller")), "")
        identity = ObjectId(resource.group, resource.kind, meta.get("namespace", ""), meta["name"])
        return self._concerned(uid, parent, identity)


def _is_of_job(pod: Object) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(it.get("controller") and it.get("kind") == "Job" for it in owners)
