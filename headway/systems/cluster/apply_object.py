"""Put one object into the cluster: one server-side apply, and what it takes around it.

It says "created", "changed" or "unchanged", or gives a Rejection; it decides
nothing about other objects.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from headway.domain.objects.applied import namespace_leaves, see_namespace
from headway.domain.objects.fields import handover
from headway.domain.objects.identity import MANAGER, ObjectId, Owner
from headway.domain.objects.wanted import REPLACE_ANNOTATION, apply_body, to_be_replaced
from headway.errors import RejectedError, TransientError
from headway.systems.cluster.client import APPLY_PATCH, JSON_PATCH, ApiRefused, Cluster
from headway.systems.cluster.drift import changes_nothing, dry_run
from headway.systems.cluster.inspection import NAMESPACE, Item, remember_settled

_APPLY = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
_GONE_SECONDS = 60.0
_SERVED_SECONDS = 10.0
_IMMUTABLE = re.compile(
    r"immutable|may not change once set|updates to .* are forbidden|may not be changed", re.I
)


@dataclass(frozen=True, slots=True, order=True)
class Rejection:
    """One object that the API server refused, and its words."""

    path: str
    line: int
    id: ObjectId
    message: str
    immutable: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.id}: {self.message}"


class Rejected(RejectedError):
    """The API server rejected objects; each is named with its file, line and reason."""

    def __init__(self, rejections: Iterable[Rejection], *, changed: bool) -> None:
        self.rejections = tuple(sorted(rejections))
        self.objects = frozenset(it.id for it in self.rejections)
        self.changed = changed
        state = "other objects of this change were applied" if changed else "nothing was changed"
        hint = f"correct the manifest; {state}"
        if any(it.immutable for it in self.rejections):
            hint = (
                f"that field cannot be changed in place: delete the object, or annotate it with "
                f'{REPLACE_ANNOTATION}: "true" to have it deleted and recreated; {state}'
            )
        super().__init__("\n".join(map(str, self.rejections)), hint=hint)


def put(cluster: Cluster, item: Item) -> str | Rejection:
    """Apply one manifest; return `created`, `changed`, `unchanged`, or why it was refused."""
    meta = (item.live or {}).get("metadata") or {}
    if meta.get("deletionTimestamp"):
        _wait_gone(cluster, item, meta["uid"])
        item.live = None
    try:
        if item.live is not None and item.examination.handed_over:
            hand_over(cluster, item)
        after = _apply(cluster, item)
    except ApiRefused as refusal:
        if not (is_immutable(refusal) and item.live is not None and to_be_replaced(item.wanted)):
            return _rejection_of(item, refusal)
        try:
            _delete(cluster, item, meta["uid"])
            after = _apply(cluster, item)
        except ApiRefused as again:
            return _rejection_of(item, again)
        return "changed"
    if item.live is None:
        return "created"
    if after["metadata"]["resourceVersion"] != meta["resourceVersion"]:
        return "changed"
    remember_settled(cluster, item, meta["uid"], meta["resourceVersion"])
    return "unchanged"


def rehearse(cluster: Cluster, item: Item) -> bool | Rejection:
    """Apply one manifest as a dry run; return True where nothing would change, else False, or why it is refused."""
    if item.live is not None and item.live["metadata"].get("deletionTimestamp"):
        return False
    try:
        after = dry_run(cluster, item)
    except ApiRefused as refusal:
        if "dry run" in refusal.said.lower() or (is_immutable(refusal) and to_be_replaced(item.wanted)):
            return False
        return _rejection_of(item, refusal)
    return item.live is not None and changes_nothing(cluster, item, after)


def ensure_namespace(cluster: Cluster, name: str, owner: Owner, *, dry: bool = False) -> None:
    """Make a namespace that is missing, and mark whose it is; `dry` only tries it."""
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": owner.labels_at(name)},
    }
    query = {**_APPLY, "dryRun": "All"} if dry else _APPLY
    path = NAMESPACE.path("", name)
    cluster.send("PATCH", path, query, json.dumps(body).encode(), content_type=APPLY_PATCH)


def wait_gone(cluster: Cluster, namespaces: Iterable[str]) -> None:
    """Wait until namespaces that are being deleted are gone. Raises TransientError after 60 s."""
    deadline = time.monotonic() + _GONE_SECONDS
    for name in namespaces:
        pause = 0.05
        while live := cluster.get(NAMESPACE.path("", name)):
            if not live["metadata"].get("deletionTimestamp"):
                break
            if time.monotonic() > deadline:
                raise TransientError(
                    f"after {_GONE_SECONDS:.0f} s still: {namespace_leaves(live)}", hint=see_namespace(name)
                )
            time.sleep(pause)
            pause = min(pause * 2, 1.0)


def wait_established(cluster: Cluster, definitions: Iterable[Item]) -> None:
    """Wait until the API server serves the kinds of these CRDs."""
    deadline = time.monotonic() + 30.0
    for item in definitions:
        while True:
            status = (cluster.get(item.path) or {}).get("status") or {}
            conditions = {it["type"]: it for it in status.get("conditions") or ()}
            if conditions.get("Established", {}).get("status") == "True":
                break
            refused = conditions.get("NamesAccepted", {})
            if refused.get("status") == "False":
                error = RejectedError(f"{item.where}: {item.id}: {refused.get('message')}")
                error.objects = frozenset({item.id})
                raise error
            if time.monotonic() > deadline:
                raise TransientError(f"{item.id} is not served after 30 s", hint="see its status")
            time.sleep(0.05)


def unknown_kind(item: Item) -> Rejection:
    """Return the error that the cluster does not know a manifest's kind."""
    return Rejection(item.manifest.path, item.manifest.line, item.id, item.unknown)


def rejection(item: Item, refusal: ApiRefused) -> Rejection:
    """Return the server's words with the manifest's file and line."""
    said = refusal.said or refusal.message
    return Rejection(item.manifest.path, item.manifest.line, item.id, said, is_immutable(refusal))


def _rejection_of(item: Item, refusal: ApiRefused) -> Rejection:
    """Return the rejection of an object; raise the refusal where it says nothing about the object."""
    if not refusal.verdict:
        raise refusal
    return rejection(item, refusal)


def _apply(cluster: Cluster, item: Item) -> dict[str, Any]:
    body = apply_body(item.wanted)
    deadline = time.monotonic() + _SERVED_SECONDS
    while True:
        try:
            return cluster.ask("PATCH", item.path, _APPLY, body, content_type=APPLY_PATCH)
        except ApiRefused as refusal:
            # A new CRD's address answers a moment after the CRD says that it is established.
            new = item.pending and refusal.code == 404 and "requested resource" in refusal.said
            if not new or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def hand_over(cluster: Cluster, item: Item) -> None:
    """Write the managedFields in which people's additions are headway's, if the object is still as it was seen."""
    live, entries = item.live, list(item.examination.handed_over)
    for _ in range(5):
        if live is None or not entries:
            return
        patch = [
            {
                "op": "test",
                "path": "/metadata/resourceVersion",
                "value": live["metadata"]["resourceVersion"],
            },
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
        ]
        body = json.dumps(patch).encode()
        answer = cluster.exchange(
            "PATCH", item.path, {"fieldManager": MANAGER}, body, content_type=JSON_PATCH
        )
        if answer.status < 400:
            return
        live = cluster.get(item.path)
        entries = handover(live["metadata"], item.wanted, item.claims)[1] if live else []
    raise TransientError(f"{item.id} is being changed by somebody else all the time", hint="try again")


def _delete(cluster: Cluster, item: Item, uid: str) -> None:
    options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
    cluster.send("DELETE", item.path, body=json.dumps(options).encode())
    _wait_gone(cluster, item, uid)


def _wait_gone(cluster: Cluster, item: Item, uid: str) -> None:
    deadline, pause = time.monotonic() + _GONE_SECONDS, 0.05
    while (live := cluster.get(item.path)) is not None and live["metadata"]["uid"] == uid:
        if time.monotonic() > deadline:
            waits = ", ".join(live["metadata"].get("finalizers") or ()) or "nothing that it says"
            raise TransientError(
                f"{item.id} is still being deleted after {_GONE_SECONDS:.0f} s; it waits for: {waits}",
                hint="see what holds it, then try again",
            )
        time.sleep(pause)
        pause = min(pause * 2, 1.0)


def is_immutable(refusal: ApiRefused) -> bool:
    """Return whether an object was refused because it would have to be recreated."""
    return refusal.code == 422 and bool(_IMMUTABLE.search(refusal.said))
