"""Look at everything an environment's manifests name in a cluster, and change nothing.

Every read is a consistent one (no resourceVersion): an answer from a stale cache,
just after somebody's write, could say that nothing changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headway.domain.objects.adoption import asked_for, belongs_to_another, made_by_others
from headway.domain.objects.applied import namespace_leaves, see_namespace
from headway.domain.objects.drift import SAME, Examination, examine
from headway.domain.objects.fields import NO_CLAIMS, Claims
from headway.domain.objects.identity import ObjectId, Owner, id_of, owner_of
from headway.domain.objects.kept_fields import as_in_cluster
from headway.domain.objects.kinds import why_unknown
from headway.domain.objects.scaling import fought, gives_up_replicas, scale_targets
from headway.domain.objects.wanted import prepare
from headway.errors import ConfigError, FailedError, Problem, RefusedError, TransientError
from headway.systems.cluster.client import ApiRefused, Cluster
from headway.systems.cluster.discovery import Kinds, Resource, resources_of
from headway.systems.machine.parallel import each

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest

PAGE = 1000
_AUTOSCALERS = Resource("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True)
NAMESPACE = Resource("", "v1", "Namespace", "namespaces", False)
# A LIST pays off from this many objects; where a LIST may be huge, one GET per object stays cheaper longer.
_LIST_FROM = 3
_LIST_FROM_COSTLY = 24

Scope = tuple[Resource, str]


@dataclass(slots=True)
class Item:
    """One manifest, and what the cluster has under its name.

    `resource` is None for a kind that the cluster does not know, and `unknown` says why;
    `pending` says that a CRD among the manifests brings it. `made_by` names who made an
    object that headway never applied and may not take over unasked.
    """

    manifest: Manifest
    id: ObjectId
    wanted: dict[str, Any]
    resource: Resource | None
    pending: bool = False
    live: dict[str, Any] | None = None
    examination: Examination = SAME
    unknown: str = ""
    made_by: str = ""
    claims: Claims = NO_CLAIMS

    @property
    def path(self) -> str:
        """The object's address."""
        assert self.resource is not None
        return self.resource.path(self.id.namespace, self.id.name)

    @property
    def where(self) -> str:
        """The manifest's file and line."""
        return f"{self.manifest.path}:{self.manifest.line}"


@dataclass(slots=True)
class Inspection:
    """What was found.

    `listed` has every object of the places that were listed whole; `leaving` has the namespaces
    that are being deleted, with everything in them, and what each says of it.
    """

    items: list[Item]
    lacks_namespace: bool
    home: str
    listed: dict[Scope, list[dict[str, Any]]] = field(default_factory=dict)
    leaving: dict[str, str] = field(default_factory=dict)

    @property
    def unknown(self) -> list[Item]:
        """The items of kinds that neither the cluster nor a CRD among the manifests has."""
        return [item for item in self.items if item.resource is None]


def inspect(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    namespace: str,
    owner: Owner,
    takeover: Iterable[str] = (),
) -> Inspection:
    """Read what the manifests name and compare it.

    `takeover` names field managers whose objects become headway's. Raises ConfigError when
    two manifests name one object, and RefusedError when an object belongs to another app or
    environment.
    """
    takeover = tuple(takeover)
    items = _items(Kinds(cluster), list(manifests), namespace, owner)
    scopes: dict[Scope, list[Item]] = {}
    for item in items:
        if item.resource is not None and not item.pending:
            scopes.setdefault((item.resource, item.id.namespace), []).append(item)

    known = {(item.id.kind, item.id.name) for item in items}
    ask_namespace = bool(namespace) and ("Namespace", namespace) not in known
    jobs: list[tuple[Scope, Item | None]] = []
    for scope, wanted in scopes.items():
        resource, space = scope
        costly = not space or resource.kind == "Secret"
        if len(wanted) >= (_LIST_FROM_COSTLY if costly else _LIST_FROM):
            jobs.append((scope, None))
        else:
            jobs.extend((scope, item) for item in wanted)
    if ask_namespace:
        jobs.append(((NAMESPACE, ""), None))

    result = Inspection(items, False, namespace)

    def read(job: tuple[Scope, Item | None]) -> None:
        (resource, space), item = job
        if resource is NAMESPACE and item is None and not scopes.get((resource, space)):
            home = cluster.get(resource.path("", namespace))
            result.lacks_namespace = home is None
            if home and (why := namespace_leaves(home)):
                result.leaving[namespace] = why
        elif item is not None:
            item.live = cluster.get(item.path)
        else:
            result.listed[resource, space] = list_all(cluster, resource, space)

    each(read, jobs)
    for scope, objects in result.listed.items():
        by_name = {it["metadata"]["name"]: it for it in objects}
        for item in scopes[scope]:
            item.live = by_name.get(item.id.name)
    _refuse_foreign(items, owner, namespace)
    scaled = _scaled(cluster, items)
    for item in items:
        if item.live is not None:
            if item.manifest.kept:
                item.wanted = as_in_cluster(item.wanted, item.live, item.manifest.kept)
            item.claims = Claims(takeover, item.id in scaled)
            meta = item.live["metadata"]
            if item.id.kind == "Namespace" and (why := namespace_leaves(item.live)):
                result.leaving[item.id.name] = why
            if not asked_for(meta, takeover):
                item.made_by = made_by_others(item.id, meta, namespace)
            item.examination = settled(cluster, item) or examine(item.wanted, item.live, item.claims)
    result.leaving |= _leaving_elsewhere(cluster, result)
    return result


def _leaving_elsewhere(cluster: Cluster, found: Inspection) -> dict[str, str]:
    """Return the other namespaces that are being deleted and that something is to be made in."""
    ours = {it.id.name for it in found.items if it.id.kind == "Namespace"} | {"", found.home}
    asked = sorted({it.id.namespace for it in found.items if it.live is None} - ours)

    def leaves(name: str) -> str:
        try:
            return namespace_leaves(cluster.get(NAMESPACE.path("", name)) or {})
        except ApiRefused:
            # Whoever may not look is told so by the server, with the first object.
            return ""

    return {name: why for name, why in zip(asked, each(leaves, asked), strict=True) if why}


def refuse_leaving(found: Inspection) -> None:
    """Raise FailedError where something is to be made in a namespace that is being deleted and that is not ours."""
    ours = {it.id.name for it in found.items if it.id.kind == "Namespace"} | {found.home}
    if theirs := {name: why for name, why in found.leaving.items() if name not in ours}:
        first = next(iter(theirs))
        raise FailedError(
            f"nothing was changed: {'; '.join(theirs.values())}",
            hint=f"{see_namespace(first)}; once it is gone, recreate it, or put it into the config repo",
        )


def list_all(
    cluster: Cluster,
    resource: Resource,
    namespace: str = "",
    query: Mapping[str, str] | None = None,
    accept: str = "application/json",
    **more: Any,
) -> list[dict[str, Any]]:
    """Read all objects of a kind, page by page; of a kind that is not there, none. `more` is for `Cluster.send`."""
    path, found, token = resource.path(namespace), list[dict[str, Any]](), ""
    while True:
        ask = {**(query or {}), "limit": str(PAGE), **({"continue": token} if token else {})}
        try:
            page = cluster.get(path, ask, accept=accept, **more)
        except ApiRefused as error:
            if error.code != 410:
                raise
            # The pages outlived the server's memory of them: all at once then.
            page, found = cluster.get(path, query, accept=accept, **more), []
        if page is None:
            return found
        found.extend(page.get("items") or ())
        token = (page.get("metadata") or {}).get("continue") or ""
        if not token:
            return found


def remember_settled(cluster: Cluster, item: Item, uid: str, resource_version: str) -> None:
    """Note that this manifest, applied to this very state of its object, changes nothing."""
    known = cluster.learned(_Settled)
    if len(known) > 50_000:
        known.clear()
    known[uid] = (resource_version, _fingerprint(item))


def settled(cluster: Cluster, item: Item) -> Examination | None:
    """Return "same" where the server itself said so before, of this state and this manifest."""
    meta = (item.live or {}).get("metadata") or {}
    known = cluster.learned(_Settled).get(meta.get("uid", ""))
    if known and known == (meta.get("resourceVersion"), _fingerprint(item)):
        return SAME
    return None


class _Settled(dict[str, tuple[str, int]]):
    """By an object's uid: its resourceVersion, and the manifest that changes nothing of it."""


def _fingerprint(item: Item) -> int:
    return hash((json.dumps(item.wanted, sort_keys=True), item.claims))


def autoscalers(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """Read a namespace's HorizontalPodAutoscalers, KEDA's too; none where they may not be read."""
    try:
        found = list_all(cluster, _AUTOSCALERS, namespace)
    except ApiRefused as error:
        if error.code != 403:
            raise
        return []
    return [{"apiVersion": _AUTOSCALERS.api_version, "kind": _AUTOSCALERS.kind, **it} for it in found]


def fought_in(cluster: Cluster, manifests: Iterable[Manifest], namespace: str) -> list[str]:
    """Return which manifests set replicas that an autoscaler sets too, each with its line."""
    by_id = {id_of(it.object, namespace): it for it in manifests}
    objects = {key: it.object for key, it in by_id.items()}
    scaled = [it for it in objects.values() if isinstance(it.get("spec"), dict) and "replicas" in it["spec"]]
    if not scaled:
        return []
    there = autoscalers(cluster, namespace) if namespace else []
    targets = scale_targets([*objects.values(), *there], namespace)
    return [f"{by_id[key].path}:{by_id[key].line}: {said}" for key, said in fought(objects, targets)]


def _scaled(cluster: Cluster, items: list[Item]) -> set[ObjectId]:
    """Return the objects whose replicas leave the repo while an autoscaler of the repo or the cluster targets them.

    An autoscaler leaves what has no replicas alone, so those are not among them.
    """
    leaving = [it for it in items if it.live is not None and gives_up_replicas(it.wanted, it.live)]
    if not leaving:
        return set()
    known = [it.wanted for it in items]
    for namespace in sorted({it.id.namespace for it in leaving}):
        known += autoscalers(cluster, namespace)
    targets = scale_targets(known)
    return {it.id for it in leaving if it.id in targets}


def _items(kinds: Kinds, manifests: list[Manifest], namespace: str, owner: Owner) -> list[Item]:
    coming = {
        (resource.api_version, resource.kind): resource
        for manifest in manifests
        if manifest.object.get("kind") == "CustomResourceDefinition"
        for resource in resources_of(manifest.object)
    }
    labels = owner.labels_at(namespace)
    items: list[Item] = []
    first: dict[ObjectId, Manifest] = {}
    twice: list[Problem] = []
    asked_again = False
    for manifest in manifests:
        key = (str(manifest.object["apiVersion"]), str(manifest.object["kind"]))
        resource = kinds.find(*key, fresh=not asked_again)
        asked_again = asked_again or resource is None
        pending = resource is None and key in coming
        resource = resource or coming.get(key)
        space = namespace if resource is None or resource.namespaced else ""
        identity = id_of(manifest.object, space)
        if not space:
            identity = identity.placed("")
        if identity in first:
            text = f"{identity} is already in {first[identity].path}:{first[identity].line}"
            twice.append(Problem(manifest.path, manifest.line, 1, text))
            continue
        first[identity] = manifest
        wanted = prepare(manifest.object, labels, identity.namespace)
        why = "" if resource else _why_unknown(kinds, manifest, *key)
        items.append(Item(manifest, identity, wanted, resource, pending, unknown=why))
    if twice:
        raise ConfigError(twice, hint="keep one of them")
    return items


def _why_unknown(kinds: Kinds, manifest: Manifest, api_version: str, kind: str) -> str:
    """Return why nothing serves a manifest's kind. Raises TransientError where that is not known."""
    if api_version in kinds.silent():
        group, _, version = api_version.rpartition("/")
        raise TransientError(
            f"{manifest.path}:{manifest.line}: the server behind the API {api_version} of {kind} does not answer",
            hint=f"see `kubectl get apiservice {version}.{group}`, and the pods behind it",
        )
    return why_unknown(api_version, kind, kinds.served())


def refuse_strangers(found: Inspection, owner: Owner) -> None:
    """Raise RefusedError where objects are there that headway never applied and nobody asked it to take over."""
    theirs = [it for it in found.items if it.made_by]
    if not theirs:
        return
    lines = [f"{it.where}: {it.id} is there already, made by {it.made_by}" for it in theirs[:10]]
    if len(theirs) > len(lines):
        lines.append(f"… and {len(theirs) - len(lines)} more")
    raise RefusedError(
        "\n".join(lines),
        hint=f"nothing was changed. `headway adopt {owner.environment} --dry-run` shows who holds what of them and how "
        f"they differ; `headway adopt {owner.environment}` takes them over, and `headway reconcile {owner.environment} "
        "--adopt` applies the repo at once: from then on they are as the repo says, and go when they leave it",
    )


def _refuse_foreign(items: list[Item], owner: Owner, home: str) -> None:
    us = owner_of(owner.labels_at(home))
    foreign: list[str] = []
    for item in items:
        if theirs := belongs_to_another((item.live or {}).get("metadata") or {}, owner, home):
            foreign.append(f"{item.where}: {item.id} belongs to {theirs}, not to {us}")
    if foreign:
        raise RefusedError(
            "\n".join(foreign[:10]),
            hint="nothing was changed. Two environments must not name the same object: give them namespaces "
            "of their own, or take the object's headway.dev labels away to hand it over",
        )
