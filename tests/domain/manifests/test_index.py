"""The index of manifests: every image found, every mistake placed, YAML as Kubernetes reads it."""

from __future__ import annotations

import json

import pytest

from headway.domain.manifests.index import FileIndex, index_file
from headway.domain.text.yaml_nodes import compose
from headway.domain.text.yaml_values import value_of

POD = "{containers: [{name: c, image: a:1}]}"


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Pod", POD),
        *((kind, f"{{template: {{spec: {POD}}}}}") for kind in
          ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Rollout")),
        ("CronJob", f"{{jobTemplate: {{spec: {{template: {{spec: {POD}}}}}}}}}"),
    ],
)  # fmt: skip
def test_every_kind_with_a_pod_template(kind: str, spec: str) -> None:
    """Workloads, Pods, CronJobs and custom kinds made like them are found."""
    data = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: app}}\nspec: {spec}\n".encode()
    (site,) = index_file(data).images
    assert (site.image.text, site.uses[0].kind, site.uses[0].container) == ("a:1", kind, "c")


def test_pod_templates_lists_and_all_kinds_of_containers() -> None:
    """A List's items, a PodTemplate, init and ephemeral containers are found, each with its place."""
    data = b"""apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: PodTemplate
  metadata: {name: t}
  template: {spec: {containers: [{name: a, image: a:1}]}}
- apiVersion: v1
  kind: Pod
  metadata: {name: p, namespace: ns}
  spec:
    initContainers: [{name: b, image: b:1}]
    containers: [{name: c, image: c:1}]
    ephemeralContainers: [{name: d, image: d:1}]
"""
    index = index_file(data)
    assert [(it.image.text, it.uses[0].role) for it in index.images] == [
        ("a:1", "container"), ("b:1", "init"), ("c:1", "container"), ("d:1", "ephemeral"),
    ]  # fmt: skip
    assert [(it.line, it.column) for it in index.images][1] == (12, 39)
    assert [it.object["kind"] for it in index.manifests] == ["PodTemplate", "Pod"]


@pytest.mark.parametrize(
    ("data", "line", "column", "said"),
    [
        (b"a: b: c\n", 1, 5, "not YAML"),
        (b"a: [1\n", 2, 1, "not YAML"),
        (b"kind: X\nkind: Y\n", 2, 1, "second time"),
        (b"a: \xff\n", 1, 4, "UTF-8"),
        (b"a: 1\n", 1, 1, "apiVersion"),
        (b"- 1\n", 1, 1, "not a Kubernetes object"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}\n", 1, 1, "generateName"),
        (b"a: *nobody\n", 1, 4, "not YAML"),
        (b"image: {{ .Values.image }}\n", 1, 9, "charts are not supported yet"),
        (b"a: \x00b\n", 1, 1, "not YAML"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {name: n}\n", 1, 1, "put it in quotes"),
    ],
)
def test_a_mistake_has_its_place(data: bytes, line: int, column: int, said: str) -> None:
    """What does not parse is named with line and column, and nothing is raised."""
    (problem,) = index_file(data).at("staging/x.yaml").problems
    assert said in problem.message
    assert (problem.file, problem.line) == ("staging/x.yaml", line)
    if column != 9:
        assert problem.column == column


def test_a_broken_document_does_not_hide_the_ones_before_it() -> None:
    """The good documents above a mistake still count."""
    index = index_file(b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\na: b: c\n")
    assert [it.object["kind"] for it in index.manifests] == ["ConfigMap"]
    assert [it.line for it in index.problems] == [5]


@pytest.mark.parametrize("data", [b"", b"\n", b"# only a comment\n", b"---\n---\n# x\n", b"\xef\xbb\xbf"])
def test_nothing_is_nothing(data: bytes) -> None:
    """Empty files and documents are no mistake."""
    assert index_file(data) == FileIndex()


# Checked against `kubectl patch --local -o json`, which reads with the same library as the API server.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("No", False), ("on", True), ("OFF", False), ("y", True), ("n", False), ("true", True),
        ("~", None), ("null", None), ("", None), ("1e3", 1000.0), ("1.5", 1.5), (".5", 0.5), ("0644", 420),
        ("0x1F", 31), ("0b11", 3), ("1_000", 1000), ("12:30", "12:30"), ("12:30:45", "12:30:45"),
        ("2026-11-23", "2026-11-23"), ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"), ("+1", 1), ("-0", 0),
        ("1.2.3", "1.2.3"), ("v1", "v1"), ("0o17", 15), ("=", "="), ("'yes'", "yes"), ('"1"', "1"), ("!!str 1", "1"),
        ("08", 8.0), ("1Gi", "1Gi"), ("500m", "500m"),
    ],
)  # fmt: skip
def test_scalars_as_kubernetes_reads_them(text: str, value: object) -> None:
    """YAML 1.1 by the rules of the API server's own library, not PyYAML's."""
    (node,) = compose(f"a: {text}\n")
    found = value_of(node)["a"]
    assert (found, type(found)) == (value, type(value))


def test_the_index_survives_the_cache() -> None:
    """What is stored as JSON reads back the same."""
    index = index_file(b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: " + POD.encode())
    assert FileIndex.from_json(json.loads(json.dumps(index.to_json()))) == index
