"""Moving in on a real cluster: objects of kubectl and of Helm change their owner, and their pods stay."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headway.systems.cluster.takeover import foreign_objects, take_over
from tests.lab.clusterplace import Place, config_map, deployment, own_place
from tests.lab.images import box
from tests.rendering import RenderingTools


@pytest.fixture
def place(lab: Any) -> Iterator[Place]:
    with own_place(lab.context, lab.kubeconfig) as it:
        it.cluster.send(
            "POST", "/api/v1/namespaces", body=json.dumps({"metadata": {"name": it.namespace}}).encode()
        )
        yield it


def ready(place: Place, text: str) -> None:
    """Wait until the manifests' workloads run."""
    assert place.watch(text).live


def pods(place: Place) -> set[str]:
    """Return the UIDs of the namespace's pods."""
    return {it["metadata"]["uid"] for it in (place.cluster.get(place.path("pods")) or {})["items"]}


def run(lab: Any, *command: str, text: str = "") -> None:
    """Run another tool against the lab's cluster."""
    environment = {**os.environ, "KUBECONFIG": lab.kubeconfig}
    done = subprocess.run(command, env=environment, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def managers(place: Place, name: str) -> set[str]:
    """Return who holds fields of a Deployment's spec."""
    found = place.get("deployments", name)
    assert found is not None
    return {it["manager"] for it in found["metadata"]["managedFields"] if "f:spec" in it["fieldsV1"]}


def adopt_and_reconcile(place: Place, text: str) -> None:
    """Take over what the manifests name, then apply them: nothing of it may be seen in the pods."""
    before = pods(place)
    assert before
    generation = (place.get("deployments", "web") or {})["metadata"]["generation"]
    manifests = place.manifests(text)
    found = foreign_objects(place.cluster, manifests, place.namespace, place.owner)
    assert {it.object.name for it in found} == {"web", "conf"}
    assert not any(it.differs for it in found)
    take_over(place.cluster, manifests, place.namespace, place.owner, lambda line: None)
    assert managers(place, "web") == {"headway"}
    assert foreign_objects(place.cluster, manifests, place.namespace, place.owner) == []
    assert [it for it in place.diff(text) if it.action != "keep"] == []
    place.apply(text)
    ready(place, text)
    assert (place.get("deployments", "web") or {})["metadata"]["generation"] == generation
    assert pods(place) == before


def test_what_kubectl_applied(lab: Any, place: Place) -> None:
    """Client-side apply leaves its own manager and annotation; the same pods run afterwards."""
    text = config_map("conf", a="1") + deployment("web", box(lab.registry, "1"), replicas=2)
    run(lab, "kubectl", "apply", "-n", place.namespace, "-f", "-", text=text)
    ready(place, text)
    adopt_and_reconcile(place, text)
    # The way back: kubectl goes on from what it applied last.
    before = pods(place)
    run(lab, "kubectl", "apply", "-n", place.namespace, "-f", "-", text=text)
    assert pods(place) == before


def test_a_field_that_leaves_the_repo_goes(lab: Any, place: Place) -> None:
    """After the adoption nobody else holds it, so that the cluster becomes what the repo says."""
    text = config_map("conf", a="1", b="2") + deployment("web", "busybox:1", replicas=0)
    run(lab, "kubectl", "apply", "-n", place.namespace, "-f", "-", text=text)
    take_over(place.cluster, place.manifests(text), place.namespace, place.owner, lambda line: None)
    place.apply(text.replace(', "b": "2"', ""))
    assert (place.get("configmaps", "conf") or {})["data"] == {"a": "1"}


def test_what_helm_installed(lab: Any, place: Place, tmp_path: Path, rendering_tools: RenderingTools) -> None:
    """A release's objects, as `helm template` writes them, with the same pods."""
    text = config_map("conf", a="1") + deployment("web", box(lab.registry, "1"), replicas=2)
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (tmp_path / "templates/app.yaml").write_text(text)
    run(lab, str(rendering_tools.helm), "install", "shop", str(tmp_path), "-n", place.namespace)
    ready(place, text)
    found = foreign_objects(place.cluster, place.manifests(text), place.namespace, place.owner)
    assert {it.tracked for it in found} == {"the Helm release shop"}
    adopt_and_reconcile(place, text)
