"""Make a cluster equal to the manifests: what differs is applied, in waves, then what left is pruned.

Server-side apply with the field manager `headway`. It is level-triggered: killed
anywhere, the next call finds what is missing. It waits for no rollout and takes
nothing back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from headway.domain.objects.applied import Applied, Kept
from headway.domain.objects.identity import ObjectId, Owner
from headway.domain.objects.ordering import in_waves
from headway.errors import HeadwayError
from headway.systems.cluster.apply_object import (
    Rejected,
    Rejection,
    ensure_namespace,
    put,
    rehearse,
    unknown_kind,
    wait_established,
    wait_gone,
)
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.drift import Drift, diff
from headway.systems.cluster.inspection import (
    NAMESPACE,
    Inspection,
    Item,
    inspect,
    refuse_leaving,
    refuse_strangers,
)
from headway.systems.cluster.prune import delete, surplus
from headway.systems.machine.parallel import each

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest

__all__ = ["Applied", "Drift", "Kept", "Owner", "Rejected", "apply", "diff"]

# Rehearsing costs as much as doing; a fresh environment has nothing that half a change could break.
REHEARSED_CREATIONS = 200
# Beyond this many, progress is told by the wave and not by the object.
TOLD_ONE_BY_ONE = 50


def apply(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    namespace: str,
    owner: Owner,
    *,
    prune: bool = True,
    takeover: Iterable[str] = (),
    ran: frozenset[ObjectId] = frozenset(),
    on_progress: Callable[[str], None] | None = None,
) -> Applied:
    """Apply what differs and prune what left the repo.

    `namespace` is where objects go that name none; it is made when it is missing. `takeover`
    names field managers whose objects and fields become headway's; `ran` are Jobs and the like
    that have run and may be gone. Raises RefusedError when objects are somebody else's and
    nobody asked to take them over, Rejected when the server refuses objects (what could be
    checked beforehand was); nothing was changed then. Raises ConfigError as `inspect` does,
    TransientError when the server stays away.
    """
    manifests = list(manifests)
    takeover = tuple(takeover)
    found = inspect(cluster, manifests, namespace, owner, takeover)
    if found.unknown:
        raise Rejected([unknown_kind(item) for item in found.unknown], changed=False)
    refuse_strangers(found, owner)
    tell = on_progress or (lambda line: None)
    refuse_leaving(found)
    if found.leaving:
        tell(f"waiting until it is gone: {'; '.join(found.leaving.values())}")
        wait_gone(cluster, found.leaving)
        found = inspect(cluster, manifests, namespace, owner, takeover)
    items = [item for item in found.items if not (item.live is None and item.id in ran)]
    todo = [item for item in items if item.live is None or not item.examination.same]
    todo = _rehearsed(cluster, found, todo, namespace)
    outcome: dict[ObjectId, str] = {item.id: "unchanged" for item in items}
    if found.lacks_namespace:
        ensure_namespace(cluster, namespace, owner)
        tell(f"created Namespace/{namespace}")
    for wave in in_waves((item.id, item) for item in todo):
        _apply_wave(cluster, wave, outcome, tell if len(todo) <= TOLD_ONE_BY_ONE else None)
        if len(todo) > TOLD_ONE_BY_ONE:
            tell(f"applied {len(wave)} objects: {', '.join(sorted({item.id.kind for item in wave}))}")
    done = _applied(outcome)
    return _prune(cluster, found, owner, done, tell) if prune else done


def _prune(
    cluster: Cluster, found: Inspection, owner: Owner, done: Applied, tell: Callable[[str], None]
) -> Applied:
    """Delete what left the repo, and say what stays, is not gone yet, or could not be searched."""
    search = surplus(cluster, found, owner)
    for line in search.unseen:
        tell(f"not searched for objects that left the repo: {line}")
    results = each(lambda it: delete(cluster, it), search.gone)
    leaving = list(search.leaving)
    pruned: list[ObjectId] = []
    for item, result in zip(search.gone, results, strict=True):
        if isinstance(result, Kept):
            leaving.append(result)
        elif result:
            pruned.append(item.id)
            tell(f"pruned {item.id}")
    for each_leaving in leaving:
        tell(f"not gone yet: {each_leaving}")
    return replace(
        done,
        pruned=tuple(pruned),
        kept=tuple(search.kept),
        leaving=tuple(sorted(leaving)),
        unseen=tuple(search.unseen),
    )


def _rehearsed(cluster: Cluster, found: Inspection, todo: list[Item], namespace: str) -> list[Item]:
    """Check a change of several objects by a dry run, so that an invalid one stops all of them.

    Gives the items that really differ.
    """
    fresh = all(item.live is None for item in found.items if item.resource is not NAMESPACE)
    if len(todo) < 2 or fresh:
        return todo
    coming = {item.id.name for item in todo if item.id.kind == "Namespace" and item.live is None}
    if found.lacks_namespace:
        coming.add(namespace)
    creations = sum(item.live is None for item in todo)
    checked = [
        item
        for item in todo
        if not item.pending
        and item.id.namespace not in coming
        and (item.live is not None or creations <= REHEARSED_CREATIONS)
    ]
    results = each(lambda item: rehearse(cluster, item), checked)
    rejections = [it for it in results if isinstance(it, Rejection)]
    if rejections:
        raise Rejected(rejections, changed=False)
    same = {item.id for item, result in zip(checked, results, strict=True) if result is True}
    return [item for item in todo if item.id not in same]


def _apply_wave(
    cluster: Cluster, wave: list[Item], outcome: dict[ObjectId, str], tell: Callable[[str], None] | None
) -> None:
    def one(item: Item) -> tuple[Item, str | Rejection | HeadwayError]:
        try:
            return item, put(cluster, item)
        except HeadwayError as error:
            return item, error

    def on_done(result: tuple[Item, str | Rejection | HeadwayError]) -> None:
        item, did = result
        if isinstance(did, str):
            outcome[item.id] = did
            if tell and did != "unchanged":
                tell(f"{did} {item.id}")

    results = each(one, wave, on_done=on_done)
    problems = [did for _, did in results if not isinstance(did, str)]
    rejections = [it for it in problems if isinstance(it, Rejection)]
    if rejections:
        raise Rejected(rejections, changed=any(did != "unchanged" for did in outcome.values()))
    for problem in problems:
        if isinstance(problem, HeadwayError):
            raise problem
    wait_established(cluster, [item for item in wave if item.id.kind == "CustomResourceDefinition"])


def _applied(outcome: dict[ObjectId, str]) -> Applied:
    def those(word: str) -> tuple[ObjectId, ...]:
        return tuple(sorted(it for it, did in outcome.items() if did == word))

    return Applied(those("created"), those("changed"), those("unchanged"))
