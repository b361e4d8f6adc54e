"""Say how a cluster differs from the manifests, and change nothing.

What only looks different is settled by the server: a dry run of the apply, compared
with the object as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from headway.domain.objects.applied import held_by
from headway.domain.objects.compare import FieldDiff
from headway.domain.objects.drift import Drift, differences, same_owners
from headway.domain.objects.identity import MANAGER, ObjectId, Owner, owner_of
from headway.domain.objects.wanted import apply_body
from headway.errors import FailedError
from headway.systems.cluster.client import APPLY_PATCH, ApiRefused, Cluster
from headway.systems.cluster.foreign_fields import left_by_others, removed
from headway.systems.cluster.inspection import Inspection, Item, inspect, remember_settled
from headway.systems.cluster.prune import GroupKind, surplus
from headway.systems.machine.parallel import each

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest

__all__ = ["Drift", "diff", "dry_run"]

_MANAGER = "(field manager)"


def diff(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    namespace: str,
    owner: Owner,
    on_warning: Callable[[str], None] | None = None,
    *,
    takeover: Iterable[str] = (),
    ran: frozenset[ObjectId] = frozenset(),
) -> list[Drift]:
    """Return every object that applying the manifests would create, change, adopt or prune, and those not gone yet.

    Listed too are fields that another tool left there (`keep`). Sorted by object. A Secret's
    values are hidden. What the server would refuse is listed as a change with the fields that
    differ. `on_warning` is called with what could not be compared. `takeover` and `ran` are as in
    `apply`: what has run and is gone is no drift. Raises as `inspect` does.
    """
    found = inspect(cluster, manifests, namespace, owner, takeover)
    warn = on_warning or (lambda line: None)
    if found.unknown:
        raise FailedError("\n".join(f"{it.where}: {it.id}: {it.unknown}" for it in found.unknown[:10]))
    drifts = [Drift(item.id, "create") for item in found.items if item.live is None and item.id not in ran]
    for item in found.items:
        if item.live is None and item.id in ran:
            warn(f"{item.id}: done, and gone; it runs again when its manifest changes")
    suspects = []
    for item in found.items:
        if why := held_by((item.live or {}).get("metadata") or {}):
            drifts.append(_deleting(item.id, why))
        elif not item.examination.same:
            suspects.append(item)
    for item, fields in zip(suspects, each(lambda it: _fields(cluster, it), suspects), strict=True):
        if item.made_by:
            who = FieldDiff("(made by)", item.made_by, MANAGER)
            more = tuple(it for it in fields if it.path not in (_MANAGER, "metadata.labels"))
            drifts.append(Drift(item.id, "adopt", (who, *more, *removed(cluster, item))))
        elif fields:
            drifts.append(Drift(item.id, "change", fields))
    drifts += _kept(cluster, found)
    search = surplus(cluster, found, owner, whole=True)
    drifts.extend(Drift(it.id, "prune") for it in search.gone)
    drifts.extend(_deleting(it.id, it.why) for it in search.leaving)
    for line in search.unseen:
        warn(f"not searched for objects that left the repo: {line}")
    return sorted(drifts, key=lambda it: it.object)


def remains(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    namespace: str,
    owner: Owner,
    kinds: Collection[GroupKind],
    *,
    takeover: Iterable[str] = (),
) -> list[Drift]:
    """Return what applying the manifests would leave as it is: deletions that wait for finalizers, and others' fields.

    They are the `deleting` and `keep` of `diff`, at a fraction of its cost: deletions are looked for among objects of
    some kinds (API group, kind) only. Raises as `inspect` does.
    """
    found = inspect(cluster, manifests, namespace, owner, takeover)
    waiting = {it.id: held_by((it.live or {}).get("metadata") or {}) for it in found.items}
    waiting |= {it.id: it.why for it in surplus(cluster, found, owner, kinds=kinds).leaving}
    drifts = [_deleting(key, why) for key, why in waiting.items() if why]
    return sorted([*drifts, *_kept(cluster, found)], key=lambda it: it.object)


def _kept(cluster: Cluster, found: Inspection) -> list[Drift]:
    kept = each(lambda it: left_by_others(cluster, it), found.items)
    return [Drift(it.id, "keep", fields) for it, fields in zip(found.items, kept, strict=True) if fields]


def _deleting(identity: ObjectId, why: str) -> Drift:
    return Drift(identity, "deleting", (FieldDiff("metadata.finalizers", why, None),))


def dry_run(cluster: Cluster, item: Item) -> dict[str, Any]:
    """Return the object as applying its manifest would leave it. Raises ApiRefused for an invalid one."""
    query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict", "dryRun": "All"}
    body = apply_body(item.wanted)
    return cluster.ask("PATCH", item.path, query, body, content_type=APPLY_PATCH)


def changes_nothing(cluster: Cluster, item: Item, after: dict[str, Any]) -> bool:
    """Return whether a dry run ended where the object already is, and remember it if so."""
    assert item.live is not None
    if item.examination.handed_over or differences(item.live, after) or not same_owners(item.live, after):
        return False
    meta = item.live["metadata"]
    remember_settled(cluster, item, meta["uid"], meta["resourceVersion"])
    return True


def _fields(cluster: Cluster, item: Item) -> tuple[FieldDiff, ...]:
    assert item.live is not None
    if item.examination.certain:
        return item.examination.fields
    try:
        after = dry_run(cluster, item)
    except ApiRefused:
        return item.examination.fields or (FieldDiff("(refused)", None, None),)
    if changes_nothing(cluster, item, after):
        return ()
    return differences(item.live, after) or takes_over(item.live)


def takes_over(live: Mapping[str, Any]) -> tuple[FieldDiff, ...]:
    """Return that nothing changes of an object but who owns its fields."""
    theirs = owner_of(live["metadata"].get("labels") or {})
    return (FieldDiff(_MANAGER, theirs or "somebody else", MANAGER),)
