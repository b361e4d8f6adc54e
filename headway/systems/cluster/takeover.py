"""Make objects that other tools applied an environment's own, once: who owns their fields changes, and no value.

Only metadata is written (the environment's labels, and managedFields), so no workload sees a new generation and
no pod is replaced. What differs from the manifests is shown beforehand; applying them is another step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headway.domain.objects.adoption import Holder, holders, restarts_pods, tracked_by
from headway.domain.objects.compare import FieldDiff
from headway.domain.objects.drift import FIXED_KINDS, differences
from headway.domain.objects.fields import Trail, taken_over
from headway.domain.objects.identity import MANAGER, ObjectId, Owner
from headway.errors import FailedError, TransientError
from headway.systems.cluster.client import JSON_PATCH, ApiRefused, Cluster
from headway.systems.cluster.drift import dry_run
from headway.systems.cluster.foreign_fields import going, removed
from headway.systems.cluster.inspection import Item, inspect
from headway.systems.machine.parallel import each

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Foreign:
    """An object that others applied: who made it, who holds its fields, and what the manifest would change of it.

    `tracked` is the object of another tool that deploys it. `unclear` is what the server said where it could not
    be compared.
    """

    object: ObjectId
    where: str
    made_by: str
    holders: tuple[Holder, ...]
    differs: tuple[FieldDiff, ...] = ()
    tracked: str = ""
    unclear: str = ""

    @property
    def restarts(self) -> bool:
        """Return whether applying the manifest would replace the object's pods."""
        return any(restarts_pods(self.object.kind, it.path) for it in self.differs)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--output json` prints."""
        return {
            "object": str(self.object),
            "manifest": self.where,
            "made_by": self.made_by,
            "tracked_by": self.tracked,
            "managers": [
                {"manager": it.manager, "fields_in_repo": it.shared, "fields_not_in_repo": list(it.alone)}
                for it in self.holders
            ],
            "differs": [{"path": it.path, "live": it.live, "wanted": it.wanted} for it in self.differs],
            "restarts_pods": self.restarts,
            "unclear": self.unclear,
        }


def foreign_objects(
    cluster: Cluster, manifests: Iterable[Manifest], namespace: str, owner: Owner
) -> list[Foreign]:
    """Return the manifests' objects that others made, or whose fields others hold, and change nothing.

    Raises as `inspect` does: what is another environment's is refused.
    """
    items, made_by = _foreign(cluster, list(manifests), namespace, owner)
    found = each(lambda it: _described(cluster, it, made_by[it.id]), items)
    return sorted(found, key=lambda it: it.object)


def take_over(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    namespace: str,
    owner: Owner,
    on_progress: Callable[[str], None],
) -> list[ObjectId]:
    """Make those objects the environment's, and return them. What is done already is not done again."""
    items, _ = _foreign(cluster, list(manifests), namespace, owner)
    labels = owner.labels_at(namespace)

    def one(item: Item) -> ObjectId:
        _take(cluster, item, labels)
        on_progress(f"taken over: {item.id}")
        return item.id

    return sorted(each(one, items))


def _foreign(
    cluster: Cluster, manifests: list[Manifest], namespace: str, owner: Owner
) -> tuple[list[Item], dict[ObjectId, str]]:
    """Return what others made or hold, looked at as if all their field managers were taken over, and who made it."""
    found = inspect(cluster, manifests, namespace, owner)
    if found.unknown:
        raise FailedError("\n".join(f"{it.where}: {it.id}: {it.unknown}" for it in found.unknown[:10]))
    items = {it.id: it for it in found.items if it.live is not None and (it.made_by or _holders(it))}
    if not items:
        return [], {}
    managers = sorted({holder.manager for it in items.values() for holder in _holders(it)})
    again = inspect(cluster, manifests, namespace, owner, managers).items
    return [it for it in again if it.id in items and it.live], {key: it.made_by for key, it in items.items()}


def _holders(item: Item) -> tuple[Holder, ...]:
    if item.live is None or item.id.kind in FIXED_KINDS:
        return ()
    return holders(item.live["metadata"], item.wanted)


def _described(cluster: Cluster, item: Item, made_by: str) -> Foreign:
    assert item.live is not None
    fields: tuple[FieldDiff, ...] = ()
    unclear = ""
    try:
        fields = differences(item.live, dry_run(cluster, item))
    except ApiRefused as error:
        unclear = error.said or error.message
    # The environment's own labels come with the adoption itself.
    fields = tuple(it for it in fields if not it.path.startswith("metadata.labels"))
    gone = tuple(it for it in removed(cluster, item) if it.path not in {each.path for each in fields})
    meta = item.live["metadata"]
    return Foreign(item.id, item.where, made_by, _holders(item), (*fields, *gone), tracked_by(meta), unclear)


def _take(cluster: Cluster, item: Item, labels: dict[str, str]) -> None:
    live, goes = item.live, going(cluster, item)
    # The labels first: whoever writes them is their owner, and becomes their owner by applying in the next step.
    for _ in range(_TRIES):
        patch = _patch(item, live, labels, goes) if live is not None else []
        if not patch:
            return
        answer = cluster.exchange(
            "PATCH", item.path, {"fieldManager": MANAGER}, json.dumps(patch).encode(), content_type=JSON_PATCH
        )
        if answer.status < 400:
            live = json.loads(answer.data)
        elif answer.status in (409, 422):
            live = cluster.get(item.path)
        else:
            raise FailedError(
                f"{item.id} cannot be taken over: {answer.status} {answer.data[:300].decode('utf-8', 'replace')}",
                hint="objects taken over before it stay so; run the command again once this is settled",
            )
    raise TransientError(f"{item.id} is being changed by somebody else all the time", hint="try again")


def _patch(
    item: Item, live: dict[str, Any], labels: dict[str, str], goes: frozenset[Trail]
) -> list[dict[str, Any]]:
    """Return the next change of an object's metadata, which only counts for the state that was seen; empty for none."""
    meta = live["metadata"]
    seen = {"op": "test", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]}
    if not labels.items() <= (meta.get("labels") or {}).items():
        value = {**(meta.get("labels") or {}), **labels}
        return [seen, {"op": "add", "path": "/metadata/labels", "value": value}]
    if item.id.kind in FIXED_KINDS:
        return []
    entries = taken_over(meta, item.wanted, [it.manager for it in holders(meta, item.wanted)], goes)
    if entries == (meta.get("managedFields") or []):
        return []
    return [seen, {"op": "replace", "path": "/metadata/managedFields", "value": entries}]
