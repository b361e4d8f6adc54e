"""What goes when it leaves the repo, and what stays whatever happens."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from headway.domain.objects.identity import Owner
from headway.systems.cluster import prune
from headway.systems.cluster.apply import apply
from headway.systems.cluster.client import Cluster
from tests.lab.clusterplace import Place, config_map, deployment, own_place

DEPLOYMENTS = Path(__file__).parents[2] / "deployments" / "kubernetes" / "admin"


@pytest.fixture
def place(lab: Any) -> Iterator[Place]:
    with own_place(lab.context, lab.kubeconfig) as it:
        yield it


def test_what_left_the_repo_leaves_the_cluster(place: Place) -> None:
    """An object goes, and what the cluster made for it goes with it."""
    place.apply(config_map("a") + deployment("web", "busybox:1", replicas=0))
    assert [str(it) for it in place.diff(config_map("a"))] == [f"prune {place.namespace} Deployment/web"]
    assert [it.name for it in place.apply(config_map("a")).pruned] == ["web"]
    assert place.get("deployments", "web") is None


def test_a_new_process_finds_what_an_old_one_applied(place: Place) -> None:
    """A kind of which nothing is left in the repo is searched for by who has just started."""
    place.apply(config_map("a") + deployment("web", "busybox:1", replicas=0))
    place.cluster.learned(prune.Searched).clear()
    assert [it.name for it in place.apply(config_map("a")).pruned] == ["web"]


def test_with_the_rights_that_are_shipped(place: Place, lab: Any, tmp_path: Path) -> None:
    """Who may see the environment's namespace only, as deployments/kubernetes has it, finds there what is to go."""
    place.apply(config_map("a") + deployment("web", "busybox:1", replicas=0))
    kubectl = partial(subprocess.run, check=True, capture_output=True, text=True)
    for name in ("rbac.yaml", "environment-access.yaml"):
        text = (
            (DEPLOYMENTS / name).read_text().replace("namespace: headway}", f"namespace: {place.namespace}}}")
        )
        text = text.replace("NAMESPACE", place.namespace)
        kubectl(["kubectl", "--namespace", place.namespace, "apply", "--filename", "-"], input=text)
    token = kubectl(["kubectl", "--namespace", place.namespace, "create", "token", "headway-worker"]).stdout
    config = json.loads(Path(lab.kubeconfig).read_text())
    config["users"] = [{"name": "user", "user": {"token": token.strip()}}]
    for each in config["contexts"]:
        each["context"]["user"] = "user"
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    worker = Cluster.open(lab.context, str(tmp_path / "kubeconfig"))
    try:
        found = apply(worker, place.manifests(config_map("a")), place.namespace, place.owner)
    finally:
        worker.close()
    assert [it.name for it in found.pruned] == ["web"]


def test_what_headway_did_not_apply_stays(place: Place) -> None:
    """Objects without labels, with copied labels, and of other environments survive."""
    place.apply(config_map("a") + config_map("b"))
    labels = place.owner.labels_at(place.namespace)
    place.create("configmaps", {"metadata": {"name": "plain"}})
    place.create("configmaps", {"metadata": {"name": "copied", "labels": labels}})
    foreign = Owner("tests", "foreign")
    apply(place.cluster, place.manifests(config_map("foreign")), place.namespace, foreign)
    assert [it.name for it in place.apply(config_map("a")).pruned] == ["b"]
    for name in ("plain", "copied", "foreign"):
        assert place.get("configmaps", name) is not None


def test_an_object_that_has_an_owner_stays(place: Place) -> None:
    """What another object owns goes with that one, not with the repo."""
    place.apply(config_map("a") + config_map("child"))
    parent = place.get("configmaps", "a")
    assert parent is not None
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": parent["metadata"]["uid"]}
    place.edit("configmaps", "child", {"metadata": {"ownerReferences": [owner]}}, "some-controller")
    assert place.apply(config_map("a")).pruned == ()
    assert place.get("configmaps", "child") is not None


def test_what_holds_data_is_kept_and_said(place: Place) -> None:
    """A claim is never deleted by headway, and neither is what says that it must stay."""
    claim = """
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
    spared = config_map("spared").replace(
        "{name: spared}", "{name: spared, annotations: {headway.dev/prune: disabled}}"
    )
    place.apply(config_map("a") + claim + spared)
    done = place.apply(config_map("a"))
    assert done.pruned == ()
    assert {it.id.name for it in done.kept} == {"data", "spared"}
    assert all(it.why for it in done.kept)
    assert place.get("persistentvolumeclaims", "data") is not None
    assert place.diff(config_map("a")) == []


def test_nothing_goes_when_it_is_told_so(place: Place) -> None:
    """While a file of the repo does not parse, nobody knows what it holds."""
    place.apply(config_map("a") + config_map("b"))
    assert place.apply(config_map("a"), prune=False).pruned == ()
    assert place.get("configmaps", "b") is not None


def test_an_empty_repo_takes_everything_of_its_own(place: Place) -> None:
    """The last object goes too; the namespace, in which others may live, stays."""
    place.apply(config_map("a"))
    done = apply(place.cluster, [], place.namespace, place.owner)
    assert [it.name for it in done.pruned] == ["a"]
    assert place.cluster.get(f"/api/v1/namespaces/{place.namespace}") is not None
