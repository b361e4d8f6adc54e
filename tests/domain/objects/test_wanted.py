"""What is sent for a manifest, and which digests it plans."""

from __future__ import annotations

import copy
import json
from typing import Any

from headway.domain.manifests.expected import planned_digests, planned_for
from headway.domain.manifests.index import Manifest
from headway.domain.objects.identity import ObjectId, Owner, id_of
from headway.domain.objects.wanted import apply_body, prepare

OWNER = Owner("shop", "staging")
LABELS = OWNER.labels_at("staging")


def manifest(item: dict[str, Any]) -> Manifest:
    return Manifest("f.yaml", 0, 1, item)


def workload(kind: str, image: str, namespace: str = "") -> dict[str, Any]:
    spec: dict[str, Any] = {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": spec}}
    meta = {"name": "w", **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec}


def test_a_manifest_copied_out_of_a_cluster_can_be_applied() -> None:
    """What only the server writes is dropped; everything else stays."""
    item = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "c",
            "namespace": "elsewhere",
            "uid": "1",
            "resourceVersion": "2",
            "creationTimestamp": None,
            "managedFields": [{}],
            "annotations": {"a": "b"},
        },
        "data": {"x": "1", "gone": None},
        "status": {"a": 1},
    }
    before = copy.deepcopy(item)
    assert prepare(item, LABELS, "staging") == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "staging", "annotations": {"a": "b"}, "labels": LABELS},
        "data": {"x": "1"},
    }
    assert item == before


def test_labels_go_on_the_object_and_never_on_its_pods() -> None:
    """A label in the template would roll every pod when an environment is adopted."""
    body = prepare(workload("Deployment", "r/a:1"), LABELS, "staging")
    assert body["metadata"]["labels"] == LABELS
    assert "metadata" not in body["spec"]["template"]


def test_a_secret_s_plain_text_becomes_what_the_server_stores() -> None:
    """stringData is never given back, so it could be neither compared nor removed."""
    item = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"a": "eA=="},
        "stringData": {"a": "y", "b": "z"},
    }
    body = prepare(item, LABELS, "staging")
    assert body["data"] == {"a": "eQ==", "b": "eg=="}
    assert "stringData" not in body


def test_a_custom_resource_keeps_its_nulls() -> None:
    """Only of Kubernetes' own kinds is it known that null means "not set"."""
    item = {"apiVersion": "x.io/v1", "kind": "X", "metadata": {"name": "x"}, "spec": {"a": None}}
    assert prepare(item, LABELS, "")["spec"] == {"a": None}


def test_the_same_names_in_another_namespace_are_somebody_else() -> None:
    """Two teams may both call something shop/staging on one cluster."""
    assert OWNER.owns(LABELS, "staging")
    assert not OWNER.owns(LABELS, "other-team")
    assert not OWNER.owns({}, "staging")


def test_planned_digests_are_those_that_the_manifests_pin() -> None:
    """A tag alone promises nothing; a CronJob's pods are made later."""
    items = [
        workload("Deployment", "r/a:1@sha256:aa"),
        workload("StatefulSet", "r/a:1"),
        workload("CronJob", "r/a:1@sha256:aa"),
        workload("DaemonSet", "r/a@sha256:bb", "kube-system"),
    ]
    found = planned_digests(map(manifest, items), "staging")
    assert found == {
        ObjectId("apps", "Deployment", "staging", "w"): {"app": "sha256:aa"},
        ObjectId("apps", "DaemonSet", "kube-system", "w"): {"app": "sha256:bb"},
    }
    assert planned_for(found, ObjectId("apps", "Deployment", "staging", "w")) == {"app": "sha256:aa"}
    assert planned_for(found, ObjectId("apps", "Deployment", "staging", "other")) == {}


def test_an_object_s_name_reads_well() -> None:
    """Namespace, kind and name, as people say it."""
    assert str(id_of(workload("Deployment", "x"), "staging")) == "staging Deployment/w"
    assert str(ObjectId("", "Namespace", "", "staging")) == "Namespace/staging"


def test_a_body_is_yaml_without_surrogates_and_bare_controls() -> None:
    """What the API server's YAML cannot read as an escape stands as it is, and the other way round."""
    text = '\\ud83d\\ude00 😀 \\😀" \x7f\x85\u2028\ufeffé'
    body = apply_body({"a": text}).decode()
    assert json.loads(body) == {"a": text}
    assert body == '{"a": "\\\\ud83d\\\\ude00 😀 \\\\😀\\" \\u007f\\u0085\\u2028\\ufeff\\u00e9"}'
