"""Whether an object that is in the cluster already may be taken over.

What headway did not apply it does not touch unasked: an object without its mark was made
by somebody, who may not know of the config repo, and would lose it when it leaves the repo.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headway.domain.objects.fields import absent_paths, applied_entry, taken_over
from headway.domain.objects.identity import ObjectId, Owner, owner_of
from headway.domain.objects.managers import is_controller, is_ours, makers, named_in

_MADE_BY_THE_CLUSTER = frozenset({("", "ServiceAccount", "default"), ("", "ConfigMap", "kube-root-ca.crt")})
"""What each namespace gets by itself; made again when it is deleted."""


def belongs_to_another(meta: Mapping[str, Any], owner: Owner, home: str) -> str:
    """Return which application and environment an object belongs to; empty where that is this one, or none."""
    labels = meta.get("labels") or {}
    return "" if owner.owns(labels, home) else owner_of(labels)


def made_by_others(identity: ObjectId, meta: Mapping[str, Any], home: str) -> str:
    """Return who made an object that headway never applied; empty where it may be applied as it is.

    It may where headway marked or applied it, and where it is the environment's own namespace
    or something that the cluster puts into each one.
    """
    if owner_of(meta.get("labels") or {}) or applied_entry(meta) is not None:
        return ""
    if (identity.group, identity.kind, identity.name) in _MADE_BY_THE_CLUSTER:
        return ""
    if (identity.group, identity.kind, identity.name) == ("", "Namespace", home):
        return ""
    return ", ".join(makers(meta)) or "somebody"


def asked_for(meta: Mapping[str, Any], takeover: Iterable[str]) -> bool:
    """Return whether `takeover` of headway.yaml names one of those who made an object."""
    names = list(takeover)
    return any(named_in(manager, names) for manager in makers(meta))


_TRACKED_BY = (
    ("labels", "kustomize.toolkit.fluxcd.io/name", "Flux's Kustomization"),
    ("labels", "helm.toolkit.fluxcd.io/name", "Flux's HelmRelease"),
    ("annotations", "argocd.argoproj.io/tracking-id", "Argo CD's Application"),
    ("labels", "argocd.argoproj.io/instance", "Argo CD's Application"),
    ("annotations", "meta.helm.sh/release-name", "the Helm release"),
)


@dataclass(frozen=True, slots=True)
class Holder:
    """A field manager that is a person's or a tool's, and the fields of an object that it set.

    `shared` counts those that the manifest has too, `alone` are those that it has not.
    """

    manager: str
    shared: int
    alone: tuple[str, ...] = ()


def holders(meta: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Holder, ...]:
    """Return the people's and tools' field managers whose fields become headway's when an object is adopted."""
    found: dict[str, Holder] = {}
    for entry in meta.get("managedFields") or ():
        manager = str(entry.get("manager") or "")
        if entry.get("subresource") or is_ours(manager) or is_controller(manager):
            continue
        fields = {
            name: below
            for name, below in (entry.get("fieldsV1") or {}).items()
            if name not in ("f:metadata", "f:status")
        }
        if taken_over({"managedFields": [entry]}, wanted, [manager]) == [entry]:
            continue
        alone = tuple(absent_paths(fields, wanted))
        before = found.get(manager, Holder(manager, 0))
        shared = before.shared + max(_leaves(fields) - len(alone), 0)
        found[manager] = Holder(manager, shared, (*before.alone, *alone))
    return tuple(found.values())


def _leaves(fields: Mapping[str, Any]) -> int:
    return sum(
        _leaves(below) if below and set(below) != {"."} else 1
        for name, below in fields.items()
        if name != "."
    )


def tracked_by(meta: Mapping[str, Any]) -> str:
    """Return which object of another tool deploys this one, by its labels and annotations; empty for none."""
    for part, key, what in _TRACKED_BY:
        if value := (meta.get(part) or {}).get(key):
            return f"{what} {str(value).partition(':')[0]}"
    return ""


def restarts_pods(kind: str, path: str) -> bool:
    """Return whether a change of a field makes a workload replace its pods."""
    return kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Rollout") and (
        path == "spec.template" or path.startswith(("spec.template.", "spec.template["))
    )
