"""What people and controllers do behind the repo's back: what is put right, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headway.errors import RefusedError
from headway.systems.cluster.adoption import adopt
from headway.systems.cluster.apply_object import hand_over
from headway.systems.cluster.inspection import inspect
from tests.lab.clusterplace import Place, config_map, deployment, own_place

APP = config_map("conf", a="1") + deployment(
    "web", "busybox:1", replicas=0, container='env: [{name: A, value: "1"}]'
)


@pytest.fixture
def place(lab: Any) -> Iterator[Place]:
    with own_place(lab.context, lab.kubeconfig) as it:
        it.apply(APP)
        yield it


def in_container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "app", **fields}]}}}}


EDITS: dict[str, tuple[Callable[[Place], None], str]] = {
    "edit": (lambda it: it.edit("deployments", "web", in_container(image="busybox:2")), ".image"),
    "scale": (
        lambda it: it.edit("deployments", "web", {"spec": {"replicas": 1}}, "kubectl", subresource="scale"),
        "spec.replicas",
    ),
    "set env": (
        lambda it: it.edit(
            "deployments", "web", in_container(env=[{"name": "X", "value": "1"}]), "kubectl-set"
        ),
        ".env[name=X]",
    ),
    "set resources": (
        lambda it: it.edit(
            "deployments", "web", in_container(resources={"limits": {"cpu": "1"}}), "kubectl-set"
        ),
        ".resources",
    ),
    "pause": (
        lambda it: it.edit("deployments", "web", {"spec": {"paused": True}}, "kubectl-rollout"),
        "paused",
    ),
    "patch": (
        lambda it: it.edit("configmaps", "conf", {"data": {"b": "2", "a": None}}, "kubectl-patch"),
        "data.",
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_what_somebody_changed_is_seen_and_put_right(place: Place, what: str) -> None:
    """Changed, added or scaled by hand: the diff names the field, and one apply makes it as the repo says."""
    change, field = EDITS[what]
    before = {kind: (place.get(*kind) or {}).get("spec") for kind in (("deployments", "web"),)}
    change(place)
    (drift,) = place.diff(APP)
    assert drift.action == "change"
    assert any(field in it.path for it in drift.fields), drift.fields
    assert place.apply(APP).changed == (drift.object,)
    assert place.diff(APP) == []
    assert {kind: (place.get(*kind) or {}).get("spec") for kind in before} == before
    conf = place.get("configmaps", "conf")
    assert conf is not None
    assert conf["data"] == {"a": "1"}


def test_what_somebody_deleted_comes_back(place: Place) -> None:
    """A deleted object is made again."""
    place.delete("configmaps", "conf")
    assert [it.action for it in place.diff(APP)] == ["create"]
    assert [it.name for it in place.apply(APP).created] == ["conf"]


def test_a_rollout_restart_is_left_alone(place: Place) -> None:
    """Undoing it would roll everything again."""
    annotations = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    place.edit("deployments", "web", patch, "kubectl-rollout")
    before = place.versions()
    assert place.diff(APP) == []
    assert place.apply(APP).touched == ()
    assert place.versions() == before


def test_a_restart_survives_that_something_else_is_put_right(place: Place) -> None:
    """The mark stays when the same person's other change goes."""
    annotations = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    patch = {"spec": {"paused": True, "template": {"metadata": {"annotations": annotations}}}}
    place.edit("deployments", "web", patch, "kubectl-rollout")
    place.apply(APP)
    found = place.get("deployments", "web")
    assert found is not None
    assert "paused" not in found["spec"]
    assert found["spec"]["template"]["metadata"]["annotations"] == annotations


def test_replicas_that_the_repo_leaves_open_stay_as_they_were_scaled(place: Place) -> None:
    """An autoscaler's number, or a person's, is not fought over."""
    open_ended = APP.replace("  replicas: 0\n", "")
    place.apply(open_ended)
    place.edit("deployments", "web", {"spec": {"replicas": 0}}, "kubectl", subresource="scale")
    assert place.diff(open_ended) == []
    assert place.apply(open_ended).touched == ()


def test_an_object_made_by_hand_is_adopted_once(place: Place) -> None:
    """An object of nobody's becomes the repo's; what its maker added goes, and then it is quiet."""
    item = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "hand"},
        "data": {"x": "1", "y": "2"},
    }
    place.create("configmaps", item)
    text = APP + config_map("hand", x="1")
    (drift,) = place.diff(text)
    assert drift.action == "adopt"
    assert {(it.path, it.wanted) for it in drift.fields} >= {("(made by)", "headway"), ("data.y", None)}
    with pytest.raises(RefusedError, match="made by kubectl-create"):
        place.apply(text)
    assert [it.name for it in place.apply(text, takeover=["kubectl"]).changed] == ["hand"]
    assert place.apply(text).touched == ()
    found = place.get("configmaps", "hand")
    assert found is not None
    assert found["data"] == {"x": "1"}
    assert [it.name for it in place.apply(APP).pruned] == ["hand"]


HELM = APP.replace('{name: A, value: "1"}', '{name: A, value: "1"}, {name: OLD, value: x}')


def test_what_helm_left_is_named_and_goes_when_it_is_taken_over(place: Place) -> None:
    """Its defaults, which count as Helm's, are not named; the variable is, until the repo decides about it."""
    for item in place.manifests(HELM):
        if item.object["kind"] == "Deployment":
            theirs = {**item.object, "metadata": {"name": "helmed"}}
            place.create("deployments", theirs, "helm")
    text = APP.replace("name: web", "name: helmed")
    adopt(place.cluster, place.manifests(text), place.namespace, place.owner)
    place.apply(text)
    (kept,) = place.diff(text)
    assert (kept.action, [it.path for it in kept.fields]) == (
        "keep",
        ["spec.template.spec.containers[name=app].env[name=OLD]"],
    )
    assert "set by helm" in str(kept.fields[0].wanted)
    place.apply(text, takeover=["helm"])
    assert place.diff(text) == []
    found = place.get("deployments", "helmed")
    assert found is not None
    assert [it["name"] for it in found["spec"]["template"]["spec"]["containers"][0]["env"]] == ["A"]


def test_killed_between_handing_over_and_applying_it_is_still_seen(place: Place) -> None:
    """What a person added is headway's already and not gone yet: the next look finds it."""
    place.edit("deployments", "web", {"spec": {"paused": True}}, "kubectl-edit")
    found = inspect(place.cluster, place.manifests(APP), place.namespace, place.owner)
    (item,) = [it for it in found.items if not it.examination.same]
    hand_over(place.cluster, item)
    assert [it.path for drift in place.diff(APP) for it in drift.fields] == ["spec.paused"]
    place.apply(APP)
    web = place.get("deployments", "web")
    assert web is not None
    assert "paused" not in web["spec"]
