"""Find and delete what left the repo: only what headway applied, never anything else.

What becomes of an object is decided in `domain.objects.pruning`. A kind that cannot be listed
(somebody else's conversion webhook is dead, an aggregated API is away) is left out, named, and
looked at again the next time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headway.domain.objects.applied import Kept, held_by
from headway.domain.objects.identity import ObjectId, Owner, selector
from headway.domain.objects.pruning import Wanted, fate, has_none, is_searched
from headway.errors import TransientError
from headway.systems.cluster.client import ApiRefused, Cluster
from headway.systems.cluster.discovery import Kinds, Resource
from headway.systems.cluster.inspection import Inspection, Scope, list_all
from headway.systems.machine.parallel import each

GroupKind = tuple[str, str]
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
LOOKS = 10
"""How often an object is looked at again that changes while it is being deleted."""
SEARCH_SECONDS = 10.0
"""How long the API server may take to list one kind: others' kinds must not hold up an environment."""
SEARCHES = 6
"""So many kinds are listed at a time. Nearly all answers are empty: a handshake costs more than ten of them."""


@dataclass(frozen=True, slots=True)
class Surplus:
    """An object that no manifest names any more."""

    id: ObjectId
    resource: Resource
    uid: str
    resource_version: str
    labels: Mapping[str, str]


@dataclass(slots=True)
class Search:
    """What belongs to an owner and is not among the manifests.

    `gone` may be deleted, `kept` must stay, `leaving` is being deleted and waits for a
    finalizer; `unseen` says what could not be searched, and why.
    """

    gone: list[Surplus] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    leaving: list[Kept] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Known:
    """Where something of an owner was seen, None before the first search, and what could not be searched."""

    scopes: set[Scope] | None = None
    blind: set[Resource] = field(default_factory=set)


class Searched(dict[tuple[Owner, str], Known]):
    """What the searches of a cluster found, by owner and home namespace."""

    def of(self, owner: Owner, home: str) -> Known:
        """Return what is known of an owner in a namespace."""
        return self.setdefault((owner, home), Known())


def surplus(
    cluster: Cluster,
    found: Inspection,
    owner: Owner,
    *,
    whole: bool = False,
    kinds: Collection[GroupKind] | None = None,
) -> Search:
    """Return what belongs to the owner and is not among the manifests.

    Every kind of the cluster is searched once as long as it is open (`whole`: again); after that
    only kinds in which something of this owner was seen, or which could not be searched. With `kinds`
    only these are searched, and nothing is learned from it.
    """
    labels = owner.labels_at(found.home)
    known = cluster.learned(Searched).of(owner, found.home)
    wanted = Wanted(
        labels,
        found.home,
        ids={item.id for item in found.items},
        uids={item.live["metadata"]["uid"] for item in found.items if item.live},
    )
    scopes = {
        (item.resource, item.id.namespace) for item in found.items if item.resource and not item.pending
    }
    seen: dict[Scope, list[dict[str, Any]]] = dict(found.listed)
    blind: dict[Resource, str] = {}
    if kinds is not None:
        some = [it for it in Kinds(cluster).all() if (it.group, it.kind) in kinds]
        seen.update(_everywhere(cluster, labels, _namespaces(found), some, blind))
        return _sorted_out(seen, wanted)
    if whole or known.scopes is None:
        for scope, objects in _everywhere(cluster, labels, _namespaces(found), Kinds(cluster).all(), blind):
            seen.setdefault(scope, objects)
        known.scopes = scopes | {scope for scope, objects in seen.items() if objects}
    else:
        known.scopes |= scopes
        rest = [scope for scope in known.scopes if scope not in seen]
        read = each(lambda scope: _searched(cluster, *scope, labels), rest)
        seen.update((scope, it) for scope, it in zip(rest, read, strict=True) if not isinstance(it, str))
        blind.update((scope[0], it) for scope, it in zip(rest, read, strict=True) if isinstance(it, str))
        again = [resource for resource in known.blind if resource not in blind]
        for scope, objects in _everywhere(cluster, labels, _namespaces(found), again, blind):
            seen.setdefault(scope, objects)
            known.scopes.add(scope)
    known.blind = set(blind)
    result = _sorted_out(seen, wanted)
    result.unseen = sorted(f"{it.kind} ({it.api_version}): {why}" for it, why in blind.items())
    silent = Kinds(cluster).silent() - {it.api_version for it in blind}
    result.unseen += [f"{it}: the server behind this API does not answer" for it in sorted(silent)]
    return result


def _sorted_out(seen: Mapping[Scope, list[dict[str, Any]]], wanted: Wanted) -> Search:
    gone: dict[str, Surplus] = {}
    kept: set[Kept] = set()
    leaving: set[Kept] = set()
    for (resource, _), objects in seen.items():
        for each_object in objects:
            meta = each_object["metadata"]
            identity = ObjectId(resource.group, resource.kind, meta.get("namespace", ""), meta["name"])
            found = fate(identity, meta, wanted)
            if found.action == "delete":
                version = meta["resourceVersion"]
                gone[meta["uid"]] = Surplus(identity, resource, meta["uid"], version, wanted.labels)
            elif found.action == "keep":
                kept.add(Kept(identity, found.why))
            elif found.action == "wait":
                leaving.add(Kept(identity, found.why))
    return Search(sorted(gone.values(), key=lambda it: it.id), sorted(kept), sorted(leaving))


def delete(cluster: Cluster, item: Surplus) -> bool | Kept:
    """Delete one object; return whether it was, or what its deletion waits for.

    False is for one that is gone or was made somebody else's meanwhile. It is deleted as it
    was last seen. A controller that writes its status in between has changed nothing that
    matters, so it is looked at again.
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
            data = answer.data if answer.status < 400 else cluster.send("DELETE", path, body=body)
            return _deleted(item, data)
        meta = (cluster.get(path) or {}).get("metadata") or {}
        if meta.get("uid") != item.uid or fate(item.id, meta, Wanted(item.labels)).action != "delete":
            return False
        version = str(meta["resourceVersion"])
    return False


def _deleted(item: Surplus, answer: bytes) -> bool | Kept:
    """Read the answer to a deletion: the object itself, where it is not gone yet."""
    try:
        meta = json.loads(answer).get("metadata") or {}
    except (ValueError, AttributeError):
        return True
    why = held_by(meta)
    return Kept(item.id, why) if why else True


def _namespaces(found: Inspection) -> list[str]:
    names = dict.fromkeys([found.home, *(it.id.namespace for it in found.items)])
    return [it for it in names if it]


def _everywhere(
    cluster: Cluster,
    labels: Mapping[str, str],
    namespaces: list[str],
    resources: Iterable[Resource],
    blind: dict[Resource, str],
) -> list[tuple[Scope, list[dict[str, Any]]]]:
    """Return what carries the labels, of each kind; in these namespaces where the whole cluster may not be listed.

    What cannot be listed is added to `blind`, with the reason.
    """

    def listed(resource: Resource) -> list[dict[str, Any]] | str:
        try:
            return _list(cluster, resource, "", labels)
        except TransientError as error:
            return error.message
        except ApiRefused as error:
            if error.code != 403 or not resource.namespaced:
                return [] if has_none(error.code) else error.message
        found: list[dict[str, Any]] = []
        for name in namespaces:
            objects = _searched(cluster, resource, name, labels)
            if isinstance(objects, str):
                return objects
            found.extend(objects)
        return found

    searched = [resource for resource in resources if is_searched(resource.kind, resource.verbs)]
    found: list[tuple[Scope, list[dict[str, Any]]]] = []
    for resource, objects in zip(searched, each(listed, searched, SEARCHES), strict=True):
        if isinstance(objects, str):
            blind[resource] = objects
            continue
        by_namespace: dict[str, list[dict[str, Any]]] = {}
        for each_object in objects:
            by_namespace.setdefault(each_object["metadata"].get("namespace", ""), []).append(each_object)
        found.extend(((resource, namespace), items) for namespace, items in by_namespace.items())
    return found


def _list(
    cluster: Cluster, resource: Resource, namespace: str, labels: Mapping[str, str]
) -> list[dict[str, Any]]:
    query = {"labelSelector": selector(labels)}
    return list_all(
        cluster, resource, namespace, query, accept=_METADATA_ONLY, timeout=SEARCH_SECONDS, attempts=2
    )


def _searched(
    cluster: Cluster, resource: Resource, namespace: str, labels: Mapping[str, str]
) -> list[dict[str, Any]] | str:
    """Return what carries the labels in one place, or say why that cannot be."""
    try:
        return _list(cluster, resource, namespace, labels)
    except TransientError as error:
        return error.message
    except ApiRefused as error:
        return [] if has_none(error.code) else error.message
