"""What an apply did, object by object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headway.domain.objects.identity import ObjectId


@dataclass(frozen=True, slots=True, order=True)
class Kept:
    """An object that left the repo and is still in the cluster, and why."""

    id: ObjectId
    why: str

    def __str__(self) -> str:
        return f"{self.id}: {self.why}"


def held_by(meta: Mapping[str, Any]) -> str:
    """Return what an object's deletion waits for; empty where nothing holds it, or nobody asked for it."""
    finalizers = meta.get("finalizers") or ()
    if not (meta.get("deletionTimestamp") and finalizers):
        return ""
    return f"is being deleted, waits for {', '.join(map(str, finalizers))}"


def namespace_leaves(namespace: Mapping[str, Any]) -> str:
    """Return that a namespace is being deleted, and what that waits for as far as it says; empty where it is not."""
    meta = namespace.get("metadata") or {}
    if not meta.get("deletionTimestamp"):
        return ""
    conditions = (namespace.get("status") or {}).get("conditions") or ()
    said = [
        str(it.get("message") or "")
        for it in conditions
        if it.get("status") == "True" and it.get("type") != "NamespaceDeletionDiscoveryFailure"
    ]
    waits = "; ".join(filter(None, said))
    return f"namespace {meta.get('name')} is being deleted{f': {waits}' if waits else ''}"


def see_namespace(name: str) -> str:
    """Return how to see what holds a namespace that is being deleted."""
    return f"see what holds it: kubectl get namespace {name} -o yaml"


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did.

    `leaving` are objects whose deletion was asked for and waits for a finalizer, `unseen`
    what could not be searched for objects that left the repo.
    """

    created: tuple[ObjectId, ...] = ()
    changed: tuple[ObjectId, ...] = ()
    unchanged: tuple[ObjectId, ...] = ()
    pruned: tuple[ObjectId, ...] = ()
    kept: tuple[Kept, ...] = ()
    leaving: tuple[Kept, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def touched(self) -> tuple[ObjectId, ...]:
        """Everything that was written or deleted."""
        return self.created + self.changed + self.pruned

    def __str__(self) -> str:
        counts = [
            f"{len(items)} {word}"
            for word, items in (
                ("created", self.created),
                ("changed", self.changed),
                ("pruned", self.pruned),
                ("being deleted", self.leaving),
                ("unchanged", self.unchanged),
            )
            if items
        ]
        return ", ".join(counts) or "nothing to do"
