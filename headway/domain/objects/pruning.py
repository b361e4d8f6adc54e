"""Which objects that an environment has in its cluster may be deleted, and which stay, and why.

An object goes when it carries this owner's labels, has headway's own apply entry in its
managedFields, has no owner of its own, and no manifest names it. Labels alone prove nothing:
controllers and people copy them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headway.domain.objects.applied import held_by
from headway.domain.objects.fields import applied_entry
from headway.domain.objects.identity import ObjectId
from headway.domain.objects.keeping import kept_by
from headway.domain.objects.wanted import PRUNE_ANNOTATION

_NEVER = {
    "Namespace": "deleting a namespace would delete everything in it",
    "CustomResourceDefinition": "deleting a definition would delete every object of its kind",
    "PersistentVolumeClaim": "deleting a claim would delete its data",
    "PersistentVolume": "deleting a volume may delete its data",
}
# Objects of these kinds are never applied by hand, and there are many of them.
_NOT_LOOKED_AT = frozenset(
    {"Event", "EndpointSlice", "Endpoints", "ControllerRevision", "Lease", "PodMetrics"}
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an environment's manifests say: whose objects they are, and which of them stay.

    `labels` are the owner's, `home` is the environment's namespace. `uids` are those of the objects that
    the manifests name: one that is served in two groups has two names.
    """

    labels: Mapping[str, str]
    home: str = ""
    ids: Collection[ObjectId] = frozenset()
    uids: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a live object, and why.

    `delete` it; `keep` it, though it left the repo; `wait` for a deletion that was asked for; `pass` over it.
    """

    action: Literal["delete", "keep", "wait", "pass"]
    why: str


def fate(identity: ObjectId, meta: Mapping[str, Any], wanted: Wanted) -> Fate:
    """Return what becomes of a live object with this metadata."""
    if identity in wanted.ids or meta.get("uid") in wanted.uids:
        return Fate("pass", "a manifest names it")
    if not wanted.labels.items() <= (meta.get("labels") or {}).items():
        return Fate("pass", "it belongs to somebody else")
    if applied_entry(meta) is None:
        return Fate("pass", "headway never applied it")
    if meta.get("ownerReferences"):
        return Fate("pass", "it goes with its owner")
    if identity == ObjectId("", "Namespace", "", wanted.home):
        return Fate("pass", "it is the environment's own namespace")
    if meta.get("deletionTimestamp"):
        why = held_by(meta)
        return Fate("wait", why) if why else Fate("pass", "it is being deleted")
    if (meta.get("annotations") or {}).get(PRUNE_ANNOTATION) == "disabled":
        return Fate("keep", f"the annotation {PRUNE_ANNOTATION}: disabled says so")
    if said := kept_by(meta.get("annotations") or {}):
        return Fate("keep", f"the annotation {said} says so")
    if identity.kind in _NEVER:
        return Fate("keep", _NEVER[identity.kind])
    return Fate("delete", "no manifest names it any more")


def is_searched(kind: str, verbs: Collection[str]) -> bool:
    """Return whether objects of a kind, which the API server serves with these verbs, may have to be deleted."""
    return "list" in verbs and "delete" in verbs and kind not in _NOT_LOOKED_AT


def has_none(code: int) -> bool:
    """Return whether an API server's refusal to list a kind means that there is nothing to delete.

    What may not even be listed was not applied by this user either; for any other refusal the kind is
    left out, named, and searched again the next time.
    """
    return code in (403, 404, 405)
