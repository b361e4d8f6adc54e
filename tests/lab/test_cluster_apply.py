"""Applying manifests to a real cluster: what is written, what is not, and what a kill leaves."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from headway.domain.objects.identity import Owner
from headway.errors import ConfigError, RefusedError
from headway.systems.cluster.apply import Rejected, apply
from headway.systems.machine.parallel import each
from tests.lab.clusterplace import Place, config_map, deployment, own_place

APP = (
    """
apiVersion: v1
kind: Secret
metadata: {name: key}
stringData: {password: hunter2}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""
    + config_map("conf", a="1", b="1000m")
    + deployment(
        "web",
        "busybox:1",
        replicas=0,
        container='resources: {requests: {cpu: "0.5", memory: 1024Mi}}\n        ports: [{containerPort: 8080}]',
    )
)


@pytest.fixture
def place(lab: Any) -> Iterator[Place]:
    with own_place(lab.context, lab.kubeconfig) as it:
        yield it


def test_what_is_equal_is_not_written_again(place: Place) -> None:
    """The second apply changes nothing, whatever the server made of the first one's spelling."""
    first = place.apply(APP)
    assert len(first.created) == 4
    before = place.versions()
    second = place.apply(APP)
    assert (len(second.unchanged), second.touched) == (4, ())
    assert place.versions() == before
    assert place.diff(APP) == []


def test_the_namespace_is_made_and_marked(place: Place) -> None:
    """A first release needs nobody to make the namespace beforehand."""
    place.apply(config_map("a"))
    namespace = place.cluster.get(f"/api/v1/namespaces/{place.namespace}")
    assert namespace is not None
    assert namespace["metadata"]["labels"]["headway.dev/environment"] == place.namespace


def test_a_change_of_one_object_leaves_the_others_alone(place: Place) -> None:
    """Only what differs is written."""
    place.apply(APP)
    before = place.versions()
    done = place.apply(APP.replace('"a": "1"', '"a": "2"'))
    assert [it.name for it in done.changed] == ["conf"]
    assert {name for name, version in place.versions().items() if before[name] != version} == {
        "configmaps/conf"
    }


def test_a_field_that_left_the_repo_leaves_the_cluster(place: Place) -> None:
    """What headway set and the manifest no longer says is taken away."""
    place.apply(config_map("conf", a="1", b="2"))
    place.apply(config_map("conf", a="1"))
    found = place.get("configmaps", "conf")
    assert found is not None
    assert found["data"] == {"a": "1"}


def test_an_invalid_object_is_named_and_nothing_else_changes(place: Place) -> None:
    """One bad manifest stops the whole change before any of it is written."""
    place.apply(APP)
    before = place.versions()
    bad = APP.replace('"a": "1"', '"a": "2"').replace("replicas: 0", "replicas: -1")
    with pytest.raises(Rejected) as caught:
        place.apply(bad)
    (only,) = caught.value.rejections
    assert str(only).startswith(f"app.yaml:{only.line}: {place.namespace} Deployment/web: ")
    assert "replicas" in only.message
    assert "nothing was changed" in caught.value.hint
    assert place.versions() == before


def test_all_that_is_wrong_is_reported_at_once(place: Place) -> None:
    """Nobody corrects ten manifests in ten runs; and a Secret's value is in no message."""
    bad = """
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
dta: {x: "5"}
---
apiVersion: v1
kind: Secret
metadata: {name: b}
stringdata: {x: hunter2}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
daat: {}
"""
    with pytest.raises(Rejected) as caught:
        place.apply(bad)
    assert [it.line for it in caught.value.rejections] == [2, 7, 12]
    assert "hunter2" not in str(caught.value)


def test_a_kind_that_the_cluster_does_not_know_is_named(place: Place) -> None:
    """A missing CRD is told before anything is written."""
    with pytest.raises(Rejected, match=r"no kind Unheard in nowhere\.example/v1"):
        place.apply(
            config_map("a") + "---\napiVersion: nowhere.example/v1\nkind: Unheard\nmetadata: {name: x}\n"
        )
    assert place.cluster.get(f"/api/v1/namespaces/{place.namespace}") is None


def test_an_immutable_field_says_what_to_do(place: Place) -> None:
    """A selector cannot be changed in place; the manifest may allow the object to be recreated."""
    place.apply(deployment("web", "busybox:1", replicas=0))
    other = deployment("web", "busybox:1", replicas=0).replace("app: web", "app: other")
    with pytest.raises(Rejected, match="immutable") as caught:
        place.apply(other)
    assert 'headway.dev/replace: "true"' in caught.value.hint
    allowed = other.replace("  name: web\n", '  name: web\n  annotations: {headway.dev/replace: "true"}\n', 1)
    assert [it.name for it in place.apply(allowed).changed] == ["web"]
    found = place.get("deployments", "web")
    assert found is not None
    assert found["spec"]["selector"]["matchLabels"] == {"app": "other"}


def test_a_definition_and_its_objects_come_in_one_set(place: Place) -> None:
    """CRD and custom resource are applied together, in the order that works."""
    group = f"g{uuid.uuid4().hex[:8]}.example"
    text = f"""
apiVersion: {group}/v1
kind: Widget
metadata: {{name: w}}
spec: {{size: 3}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: widgets.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: Widget, plural: widgets, singular: widget}}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {{spec: {{type: object, properties: {{size: {{type: integer}}}}}}}}
"""
    try:
        assert len(place.apply(text).created) == 2
        assert len(place.apply(text).unchanged) == 2
        assert place.diff(text) == []
        kept = place.apply(config_map("a"))
        assert [it.kind for it in kept.pruned] == ["Widget"]
        assert [it.id.kind for it in kept.kept] == ["CustomResourceDefinition"]
    finally:
        place.cluster.send(
            "DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}"
        )


def test_an_object_of_another_environment_is_not_taken(place: Place) -> None:
    """Two environments that name one object are told so, and neither loses it."""
    place.apply(config_map("a", x="1"))
    other = Owner("tests", "other")
    with pytest.raises(RefusedError) as caught:
        apply(place.cluster, place.manifests(config_map("a", x="2")), place.namespace, other)
    assert str(place.owner) in caught.value.message
    assert "tests/other" in caught.value.message


def test_one_object_in_two_files_is_refused(place: Place) -> None:
    """Two manifests of one name would overwrite each other for ever."""
    with pytest.raises(ConfigError, match=r"is already in app\.yaml:3"):
        place.apply(config_map("a") + config_map("a"))


HALF = """
import sys, threading
from headway.domain.manifests.index import index_file
from headway.domain.objects.identity import Owner
from headway.systems.cluster.apply import apply
from headway.systems.cluster.client import Cluster

sent = threading.Semaphore(10)

class Halting(Cluster):
    def send(self, method, path, *rest, **more):
        if "configmaps/" in path and method == "PATCH" and not sent.acquire(blocking=False):
            sys.stdin.read()
        return super().send(method, path, *rest, **more)

context, kubeconfig, namespace, text = sys.argv[1:]
cluster = Halting.open(context, kubeconfig)
tell = lambda line: print(line, flush=True)
apply(cluster, index_file(text.encode()).manifests, namespace, Owner("tests", namespace), on_progress=tell)
"""


def test_killed_in_the_middle_the_next_apply_finishes(place: Place, lab: Any) -> None:
    """SIGKILL after some of the objects; doing it again makes the rest and changes nothing else."""
    text = "".join(config_map(f"c{number}", x="1") for number in range(40))
    child = subprocess.Popen(
        [sys.executable, "-c", HALF, lab.context, lab.kubeconfig, place.namespace, text],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    told = [child.stdout.readline().split()[0] for _ in range(11)]
    child.kill()
    child.communicate()
    assert told == ["created"] * 11
    done = place.apply(text)
    assert (len(done.created), len(done.unchanged)) == (30, 10)
    assert len(place.apply(text).unchanged) == 40


def test_a_namespace_that_is_being_deleted_is_waited_for_and_recreated(place: Place) -> None:
    """Rebuilding right after somebody deleted the namespace does not stop half-way."""
    place.apply(APP)
    place.cluster.send("DELETE", f"/api/v1/namespaces/{place.namespace}")
    assert len(place.apply(APP).created) == 4
    assert place.diff(APP) == []


def test_two_at_once_end_with_one_truth(place: Place) -> None:
    """The same manifests applied twice at the same time: both succeed, and nothing differs."""
    text = "".join(config_map(f"c{number}", x="1") for number in range(20))
    done = each(lambda _: place.apply(text), range(2))
    assert all(len(it.created) + len(it.changed) + len(it.unchanged) == 20 for it in done)
    assert place.diff(text) == []
