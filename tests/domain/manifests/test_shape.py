"""A document has the shape of the object that it says it is, or is a problem of its file with the place."""

from __future__ import annotations

import base64

import pytest

from headway.domain.manifests.index import index_file
from headway.domain.objects.names import name_problem
from headway.domain.objects.wanted import prepare
from headway.errors import UsageError
from headway.systems.cluster.discovery import Resource

META = "metadata: {name: a}\n"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("kind: Secret\nmetadata: {name: a}\nstringData:\n  p: 0123456\n", (5, 6), "stringData.p: text is expected"),
        ("kind: Secret\nmetadata: {name: a}\nstringData:\n  p: true\n", (5, 6), "true or false: put it in quotes"),
        ("kind: Secret\nmetadata: {name: a}\nstringData: abc\n", (4, 13), "a map is expected"),
        ("kind: Secret\nmetadata: {name: a}\ndata: {p: hunter2!}\n", (4, 11), "not base64; put text as it is into stringData"),
        ("kind: ConfigMap\nmetadata: {name: a}\ndata: {p: 1.10}\n", (4, 11), "data.p: text is expected"),
        ("kind: ConfigMap\nmetadata: {name: a}\ndata: {p: {q: r}}\n", (4, 11), "data.p: text is expected"),
        ("kind: ConfigMap\nmetadata: {name: a}\nbinaryData: {p: ä}\n", (4, 17), "put text as it is into data"),
        ("kind: ConfigMap\nmetadata: {name: a, labels: [b]}\n", (3, 29), "metadata.labels: a map is expected"),
        ("kind: ConfigMap\nmetadata: {name: a, labels: {b: yes}}\n", (3, 33), "metadata.labels.b: text is expected"),
        ("kind: ConfigMap\nmetadata: {name: a, annotations: {b: 1}}\n", (3, 38), "annotations.b: text is expected"),
        ("kind: ConfigMap\nmetadata: {name: a, namespace: {b: c}}\n", (3, 32), "metadata.namespace: text is expected"),
        ("kind: Pod\nmetadata: {name: a}\nspec: {containers: [1]}\n", (4, 21), "spec.containers[0]: a map is expected"),
        ("kind: Pod\nmetadata: {name: a}\nspec: {containers: {a: b}}\n", (4, 20), "a list is expected"),
        ("kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: 1.5}]}\n", (4, 38), "image: text"),
        ("kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, env: [{name: X, value: 8080}]}]}\n", (4, 54),
         "spec.containers[0].env[0].value: text is expected, and YAML reads this as a number: put it in quotes"),
        ("kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, args: [-p, 80]}]}\n", (4, 42), "args[1]: text"),
        ("kind: Pod\nmetadata: {name: a}\nspec: [1]\n", (4, 7), "spec: a map is expected"),
        ("kind: Service\nmetadata: {name: a}\nspec: {selector: {v: 1}}\n", (4, 22), "spec.selector.v: text"),
    ],
)  # fmt: skip
def test_what_the_api_server_would_refuse_has_its_place(text: str, place: tuple[int, int], said: str) -> None:
    """Text that YAML reads as something else, maps that are lists, and the other way round."""
    index = index_file(f"apiVersion: v1\n{text}".encode())
    assert index.manifests == ()
    (problem,) = index.problems
    assert ((problem.line, problem.column), said in problem.message) == (place, True), problem


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\nspec: [1]\n",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\nspec: {names: x}\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [1]}}}\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: two}\n",
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: [x]}}\n",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: {a: b}}\n",
        "apiVersion: v1\nkind: [Pod]\nmetadata: {name: a}\n",
    ],
)
def test_an_odd_document_hides_no_other(text: str) -> None:
    """What stands beside it in the same file is read, and the file says what is wrong."""
    index = index_file(f"apiVersion: v1\nkind: ConfigMap\n{META}---\n{text}".encode())
    assert [it.object["kind"] for it in index.manifests] == ["ConfigMap"]
    assert [it.line > 4 for it in index.problems] == [True]


def test_a_custom_kind_may_have_fields_of_any_type() -> None:
    """Only its metadata is looked at; `containers` may be anything there."""
    text = "apiVersion: example.com/v1\nkind: Box\nmetadata: {name: a}\nspec: {template: {spec: {containers: [1]}}, data: {a: 1}}\n"
    index = index_file(text.encode())
    assert (len(index.manifests), index.problems) == (1, ())


def test_every_problem_of_a_document_is_named() -> None:
    """One round is enough to correct a file."""
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, labels: {b: 1}}\nstringData: {c: 2, d: no}\n"
    assert len(index_file(text.encode()).problems) == 3


def test_no_secret_is_quoted_in_a_problem() -> None:
    """The value that is wrong may be the password."""
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {c: 424242}\ndata: {d: hunter2!}\n"
    said = "".join(map(str, index_file(text.encode()).problems))
    assert "424242" not in said
    assert "hunter2" not in said


def test_text_in_a_secret_stays_what_it_is() -> None:
    """`stringData` becomes `data` byte by byte."""
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  a: '0123'\n  b: |\n    x😀"
    (found,) = index_file(text.encode()).manifests
    data = prepare(found.object, {}, "")["data"]
    assert {name: base64.b64decode(it).decode() for name, it in data.items()} == {"a": "0123", "b": "x😀\n"}


def test_a_typed_list_gives_its_items_their_kind() -> None:
    """kubectl fills in apiVersion and kind from the list's own."""
    text = "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- metadata: {name: a}\n- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n"
    found = [
        (it.object["apiVersion"], it.object["kind"], it.line) for it in index_file(text.encode()).manifests
    ]
    assert found == [("apps/v1", "Deployment", 4), ("v1", "Pod", 5)]


@pytest.mark.parametrize(
    ("group", "kind", "name", "good"),
    [
        ("", "ConfigMap", "a.b-c.9", True), ("", "ConfigMap", "kube-root-ca.crt", True), ("", "ConfigMap", "A", False),
        ("", "ConfigMap", "../../other/secrets/s", False), ("", "ConfigMap", "x?dryRun=All", False),
        ("", "ConfigMap", "a#b", False), ("", "ConfigMap", "..", False), ("", "ConfigMap", "a..b", False),
        ("", "ConfigMap", "a" * 253, True), ("", "ConfigMap", "a" * 254, False), ("", "Namespace", "a.b", False),
        ("", "Service", "a" * 64, False), ("", "Service", "1a", True), ("apps", "Deployment", "a_b", False),
        ("rbac.authorization.k8s.io", "ClusterRole", "system:node", True),
        ("rbac.authorization.k8s.io", "Role", "Edit_Things", True),
        ("rbac.authorization.k8s.io", "Role", "a/b", False), ("rbac.authorization.k8s.io", "Role", "..", False),
        ("rbac.authorization.k8s.io", "Role", "a%2fb", False),
        ("networking.k8s.io", "IPAddress", "2001:db8::1", True), ("example.com", "Thing", "a:b", True),
        ("example.com", "Thing", "a/../b", False), ("example.com", "Thing", ".", False), ("example.com", "Thing", "a\nb", False),
    ],
)  # fmt: skip
def test_names_are_checked_as_kubernetes_does(group: str, kind: str, name: str, good: bool) -> None:
    """A name that could become another address is no name."""
    assert (name_problem(group, kind, name) == "") is good


def test_a_name_is_one_part_of_an_address() -> None:
    """Whatever stands in it, it leads nowhere else."""
    pods = Resource("", "v1", "Pod", "pods", True)
    assert (
        pods.path("a/../b", "x?dryRun=All#%2f")
        == "/api/v1/namespaces/a%2F..%2Fb/pods/x%3FdryRun%3DAll%23%252f"
    )
    assert pods.path("a", "system:node:x", "log") == "/api/v1/namespaces/a/pods/system:node:x/log"
    with pytest.raises(UsageError):
        pods.path("a", "..")
