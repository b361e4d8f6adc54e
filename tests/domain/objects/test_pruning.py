"""Which live objects may be deleted, which stay, and why."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.objects.identity import MANAGER, ObjectId, Owner
from headway.domain.objects.pruning import Fate, Wanted, fate, has_none, is_searched

LABELS = Owner("shop", "staging").labels_at("shop-staging")
APPLIED = [{"manager": MANAGER, "operation": "Apply", "fieldsV1": {}}]
OURS = {"uid": "u-1", "labels": {**LABELS, "tier": "web"}, "managedFields": APPLIED}
HOME = ObjectId("", "Namespace", "", "shop-staging")
WANTED = Wanted(LABELS, "shop-staging", frozenset({ObjectId("", "ConfigMap", "shop-staging", "named")}), frozenset({"u-named"}))  # fmt: skip


def config_map(name: str) -> ObjectId:
    """Name a ConfigMap of the environment."""
    return ObjectId("", "ConfigMap", "shop-staging", name)


DELETED = {"deletionTimestamp": "2026-11-28T08:00:00Z"}
OTHERS = {**LABELS, "headway.dev/environment": "production"}
CASES: list[tuple[str, ObjectId, dict[str, Any], Fate]] = [
    ("it left the repo", config_map("old"), OURS, Fate("delete", "no manifest names it any more")),
    ("a manifest names it", config_map("named"), OURS, Fate("pass", "a manifest names it")),
    ("a manifest names it in another group", config_map("old"), OURS | {"uid": "u-named"}, Fate("pass", "a manifest names it")),
    ("another environment's", config_map("old"), OURS | {"labels": OTHERS}, Fate("pass", "it belongs to somebody else")),
    ("without labels", config_map("old"), OURS | {"labels": None}, Fate("pass", "it belongs to somebody else")),
    ("copied labels", config_map("old"), OURS | {"managedFields": [{"manager": "kubectl", "operation": "Apply"}]}, Fate("pass", "headway never applied it")),
    ("edited by headway, never applied", config_map("old"), OURS | {"managedFields": [{"manager": MANAGER, "operation": "Update"}]}, Fate("pass", "headway never applied it")),
    ("a controller's", config_map("old"), OURS | {"ownerReferences": [{"kind": "Deployment"}]}, Fate("pass", "it goes with its owner")),
    ("the own namespace", HOME, OURS, Fate("pass", "it is the environment's own namespace")),
    ("gone in a moment", config_map("old"), OURS | DELETED, Fate("pass", "it is being deleted")),
    ("held by a finalizer", config_map("old"), OURS | DELETED | {"finalizers": ["example.com/hold"]}, Fate("wait", "is being deleted, waits for example.com/hold")),
    ("a claim that is being deleted", ObjectId("", "PersistentVolumeClaim", "shop-staging", "db"), OURS | DELETED | {"finalizers": ["kubernetes.io/pvc-protection"]}, Fate("wait", "is being deleted, waits for kubernetes.io/pvc-protection")),
    ("kept by annotation", config_map("old"), OURS | {"annotations": {"headway.dev/prune": "disabled"}}, Fate("keep", "the annotation headway.dev/prune: disabled says so")),
    ("another word there", config_map("old"), OURS | {"annotations": {"headway.dev/prune": "enabled"}}, Fate("delete", "no manifest names it any more")),
    ("kept by Helm's annotation", config_map("old"), OURS | {"annotations": {"helm.sh/resource-policy": "keep"}}, Fate("keep", "the annotation helm.sh/resource-policy: keep says so")),
    ("another namespace", ObjectId("", "Namespace", "", "shop-tools"), OURS, Fate("keep", "deleting a namespace would delete everything in it")),
    ("a definition", ObjectId("apiextensions.k8s.io", "CustomResourceDefinition", "", "x"), OURS, Fate("keep", "deleting a definition would delete every object of its kind")),
    ("a claim", ObjectId("", "PersistentVolumeClaim", "shop-staging", "db"), OURS, Fate("keep", "deleting a claim would delete its data")),
    ("a volume", ObjectId("", "PersistentVolume", "", "db"), OURS, Fate("keep", "deleting a volume may delete its data")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("identity", "meta", "expected"), [it[1:] for it in CASES], ids=[it[0] for it in CASES]
)
def test_what_becomes_of_an_object(identity: ObjectId, meta: dict[str, Any], expected: Fate) -> None:
    """Only what headway applied for this environment goes, and never what holds data or other objects."""
    assert fate(identity, meta, WANTED) == expected


@pytest.mark.parametrize(
    ("kind", "verbs", "searched"),
    [
        ("ConfigMap", {"get", "list", "delete"}, True),
        ("ConfigMap", {"get", "delete"}, False),
        ("Binding", {"create"}, False),
        ("ComponentStatus", {"get", "list"}, False),
        ("Event", {"get", "list", "delete"}, False),
        ("Lease", {"get", "list", "delete"}, False),
    ],
)
def test_which_kinds_are_searched(kind: str, verbs: set[str], searched: bool) -> None:
    """Those that can be listed and deleted, without those that nobody applies."""
    assert is_searched(kind, verbs) is searched


@pytest.mark.parametrize(
    ("code", "none"), [(403, True), (404, True), (405, True), (400, False), (500, False)]
)
def test_what_a_refused_list_means(code: int, none: bool) -> None:
    """What may not be listed has nothing of ours; any other refusal leaves the kind unseen, which is said."""
    assert has_none(code) is none
