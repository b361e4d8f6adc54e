"""Try on a cluster what a release would do there, and change nothing.

Every object that would be written is sent as a dry run of the same server-side apply: schema,
admission, object quotas, immutable fields and the right to write it are all checked by the server
itself. So what it would refuse is known before anything is committed.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headway.domain.objects.applied import see_namespace
from headway.domain.objects.compare import FieldDiff
from headway.domain.objects.drift import Drift, as_applied, differences
from headway.domain.objects.identity import MANAGER, ObjectId, Owner
from headway.domain.objects.rights import described, to_watch
from headway.domain.objects.wanted import to_be_replaced
from headway.domain.releases.rehearsal import Rehearsal
from headway.errors import HeadwayError
from headway.systems.cluster.apply_object import ensure_namespace, is_immutable, rejection, unknown_kind
from headway.systems.cluster.client import ApiRefused, Cluster
from headway.systems.cluster.drift import changes_nothing, dry_run, takes_over
from headway.systems.cluster.inspection import Inspection, Item, fought_in, inspect
from headway.systems.cluster.prune import surplus
from headway.systems.cluster.rights import lacking
from headway.systems.cluster.rollout import workloads_of
from headway.systems.machine.parallel import each

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest

CREATIONS = 200
"""So many objects that are not there yet are tried; a fresh environment has nothing that could break."""


@dataclass(frozen=True, slots=True)
class _Tried:
    """One object: what would change, why it is refused or not allowed, or why that cannot be known."""

    drift: Drift | None = None
    refused: str = ""
    unable: str = ""
    note: str = ""


def rehearse_all(
    cluster: Cluster,
    manifests: Iterable[Manifest],
    namespace: str,
    owner: Owner,
    *,
    of_release: frozenset[ObjectId] = frozenset(),
    takeover: Iterable[str] = (),
    ran: frozenset[ObjectId] = frozenset(),
    prune: bool = False,
) -> Rehearsal:
    """Try what applying the manifests would do; with `prune`, also look what would be deleted.

    `takeover` and `ran` are as in `apply`. Raises as `inspect` does, and TransientError where the
    cluster cannot be asked.
    """
    manifests = list(manifests)
    with ThreadPoolExecutor(2, thread_name_prefix="beside") as pool:
        rights = pool.submit(lacking, cluster, to_watch(workloads_of(manifests, namespace)))
        fights = pool.submit(_fights, cluster, manifests, namespace)
        found = inspect(cluster, manifests, namespace, owner, takeover)
        tried = _tried(cluster, found, owner, ran)
        tried += [_Tried(unable=f"the account {line}") for line in described(rights.result())]
    if prune and not found.lacks_namespace:
        search = surplus(cluster, found, owner, whole=True)
        tried += [_Tried(Drift(it.id, "prune")) for it in search.gone]
        tried += [_Tried(note=f"left the repo, and stays: {it}") for it in search.kept]
        tried += [_Tried(note=f"not searched for objects that left the repo: {it}") for it in search.unseen]
    drifts = (it.drift for it in tried if it.drift)
    return Rehearsal(
        tuple(sorted(drifts, key=lambda it: it.object)),
        tuple(it.refused for it in tried if it.refused),
        tuple(it.unable for it in tried if it.unable),
        tuple(it.note for it in tried if it.note),
        of_release=of_release,
        fights=fights.result(),
        strangers=tuple(
            f"{it.where}: {it.id} is there already, made by {it.made_by}" for it in found.items if it.made_by
        ),
    )


def _fights(cluster: Cluster, manifests: list[Manifest], namespace: str) -> tuple[str, ...]:
    try:
        return tuple(fought_in(cluster, manifests, namespace))
    except HeadwayError:
        # It is only a warning; why nobody can ask is said with what matters.
        return ()


def _tried(cluster: Cluster, found: Inspection, owner: Owner, ran: frozenset[ObjectId]) -> list[_Tried]:
    unknown = [_Tried(refused=str(unknown_kind(item))) for item in found.unknown]
    known = [
        it for it in found.items if it.resource is not None and (it.live is not None or it.id not in ran)
    ]
    todo = [it for it in known if it.live is None or not it.examination.same]
    coming = {it.id.name for it in todo if it.id.kind == "Namespace" and it.live is None}
    more = [_Tried(unable=f"{why}; {see_namespace(name)}") for name, why in found.leaving.items()]
    if found.lacks_namespace:
        coming.add(found.home)
        more.append(_try_namespace(cluster, found.home, owner))
    todo = [it for it in todo if it.id.namespace not in found.leaving]
    later = [it for it in todo if it.pending or it.id.namespace in coming]
    at_once = [it for it in todo if it not in later]
    created = [it for it in at_once if it.live is None]
    beyond = created[CREATIONS:]
    at_once = [it for it in at_once if it not in beyond]
    if later:
        more.append(_Tried(note=f"{_where(later)}; what is in there cannot be tried before"))
    if beyond:
        more.append(_Tried(note=f"{len(beyond)} more objects that are not there yet were not tried"))
    more += [_Tried(Drift(it.id, "create" if it.live is None else "change")) for it in [*later, *beyond]]
    return [*unknown, *more, *each(lambda it: _try(cluster, it), at_once)]


def _try_namespace(cluster: Cluster, name: str, owner: Owner) -> _Tried:
    try:
        ensure_namespace(cluster, name, owner, dry=True)
    except ApiRefused as refusal:
        said = f"namespace {name} is missing, and cannot be made: {refusal.said or refusal.message}"
        return _against(said, refusal)
    return _Tried(Drift(ObjectId("", "Namespace", "", name), "create"))


def _try(cluster: Cluster, item: Item) -> _Tried:
    """Try one object, as `put` would write it."""
    if item.live is not None and item.live["metadata"].get("deletionTimestamp"):
        return _Tried(
            Drift(item.id, "create"), note=f"{item.id} is being deleted, and would be recreated after"
        )
    try:
        after = dry_run(cluster, item)
    except ApiRefused as refusal:
        return _refused(item, refusal)
    if item.live is None:
        return _Tried(Drift(item.id, "create"))
    if changes_nothing(cluster, item, after):
        return _Tried()
    fields = as_applied(differences(item.live, after), item.claims, item.examination)
    if item.made_by:
        return _Tried(Drift(item.id, "adopt", (FieldDiff("(made by)", item.made_by, MANAGER), *fields)))
    return _Tried(Drift(item.id, "change", fields or takes_over(item.live)))


def _refused(item: Item, refusal: ApiRefused) -> _Tried:
    drift = Drift(item.id, "create" if item.live is None else "change", item.examination.fields)
    if "dry run" in refusal.said.lower():
        return _Tried(drift, note=f"{item.id} could not be tried: {refusal.said}")
    if is_immutable(refusal) and to_be_replaced(item.wanted):
        return _Tried(drift, note=f"{item.id} would be deleted and recreated, as its annotation says")
    return _against(str(rejection(item, refusal)), refusal)


def _against(said: str, refusal: ApiRefused) -> _Tried:
    """Distinguish what the cluster refuses of an object, such as a quota, from what the account may not do."""
    rejected = refusal.verdict or (refusal.code == 403 and "exceeded quota" in refusal.said)
    return _Tried(refused=said) if rejected else _Tried(unable=said)


def _where(items: list[Item]) -> str:
    """Return what must be there first."""
    kinds = sorted({it.id.kind for it in items if it.pending})
    spaces = sorted({it.id.namespace for it in items if not it.pending})
    parts = [f"kind {it} is not there yet" for it in kinds] + [
        f"namespace {it} is not there yet" for it in spaces
    ]
    return ", ".join(parts)
