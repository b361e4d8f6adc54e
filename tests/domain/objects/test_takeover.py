"""Who holds an object's fields when it is adopted, and who holds them afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.objects.adoption import Holder, holders, restarts_pods, tracked_by
from headway.domain.objects.fields import applied_entry, taken_over

WANTED = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "app", "image": "web:1"}]}}},
}
CONTAINER = {'k:{"name":"app"}': {".": {}, "f:name": {}, "f:image": {}, "f:tty": {}}}
SPEC = {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": CONTAINER}}}


def entry(manager: str, fields: dict[str, Any], operation: str = "Update", **more: Any) -> dict[str, Any]:
    """Return a field manager's entry of managedFields."""
    return {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": fields, **more}


KUBECTL = entry("kubectl-client-side-apply", {"f:metadata": {"f:annotations": {}}, "f:spec": SPEC})
CONTROLLER = entry("kube-controller-manager", {"f:status": {}}, subresource="status")


def test_the_fields_of_a_tool_become_headways() -> None:
    """Values do not change; metadata stays with who set it, so that the way back is open."""
    after = taken_over({"managedFields": [KUBECTL, CONTROLLER]}, WANTED, ["kubectl-client-side-apply"])
    ours = applied_entry({"managedFields": after})
    assert ours is not None
    assert (ours["manager"], ours["operation"], ours["fieldsV1"]) == ("headway", "Apply", {"f:spec": SPEC})
    assert CONTROLLER in after
    kubectl = next(it for it in after if it["manager"] == "kubectl-client-side-apply")
    assert kubectl["fieldsV1"] == {"f:metadata": {"f:annotations": {}}}


def test_two_tools_are_one_owner_afterwards() -> None:
    """What headway holds already is kept."""
    mine = entry("headway", {"f:spec": {"f:paused": {}}}, "Apply")
    helm = entry("helm", {"f:spec": {"f:replicas": {}}}, "Apply")
    after = taken_over({"managedFields": [mine, helm]}, WANTED, ["helm"])
    assert [it["manager"] for it in after] == ["headway"]
    assert after[0]["fieldsV1"] == {"f:spec": {"f:paused": {}, "f:replicas": {}}}


def test_replicas_that_the_manifest_leaves_open_stay() -> None:
    """They are an autoscaler's, or somebody's who scaled."""
    wanted = {**WANTED, "spec": {"template": {}}}
    after = taken_over({"managedFields": [entry("helm", {"f:spec": {"f:replicas": {}}})]}, wanted, ["helm"])
    assert [it["manager"] for it in after] == ["helm"]


def test_nothing_to_take_is_nothing_changed() -> None:
    """A second adoption finds the list as it is."""
    meta = {"managedFields": [KUBECTL, CONTROLLER]}
    once = {"managedFields": taken_over(meta, WANTED, ["kubectl-client-side-apply"])}
    assert holders(once, WANTED) == ()
    assert taken_over(once, WANTED, ["kubectl-client-side-apply"]) == once["managedFields"]


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (
            [KUBECTL],
            (Holder("kubectl-client-side-apply", 3, ("spec.template.spec.containers[name=app].tty",)),),
        ),
        ([CONTROLLER, entry("headway", {"f:spec": SPEC}, "Apply")], ()),
        ([entry("vpa-recommender", {"f:spec": SPEC})], ()),
        (
            [entry("kustomize-controller", {"f:spec": {"f:replicas": {}}}, "Apply")],
            (Holder("kustomize-controller", 1),),
        ),
        ([entry("argocd-controller", {"f:metadata": {"f:labels": {}}}, "Apply")], ()),
    ],
)
def test_who_holds_fields(entries: list[dict[str, Any]], found: tuple[Holder, ...]) -> None:
    """People's tools and release tools, not controllers, with the fields that the repo has not."""
    assert holders({"managedFields": entries}, WANTED) == found


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "Flux's Kustomization apps"),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:x/web"}},
            "Argo CD's Application shop",
        ),
        ({"annotations": {"meta.helm.sh/release-name": "shop"}}, "the Helm release shop"),
        ({"labels": {"app": "x"}}, ""),
        ({}, ""),
    ],
)
def test_what_still_deploys_it(meta: dict[str, Any], said: str) -> None:
    """Another tool that goes on would change it again."""
    assert tracked_by(meta) == said


@pytest.mark.parametrize(
    ("kind", "path", "restarts"),
    [
        ("Deployment", "spec.template.spec.containers[name=app].image", True),
        ("Deployment", "spec.template", True),
        ("Deployment", "spec.templates", False),
        ("Deployment", "spec.replicas", False),
        ("CronJob", "spec.template", False),
    ],
)
def test_what_restarts_pods(kind: str, path: str, restarts: bool) -> None:
    """A change of the pods' template, and nothing else."""
    assert restarts_pods(kind, path) is restarts
