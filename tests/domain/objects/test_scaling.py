"""Who scales what, when the repo lets go of replicas, and where it fights."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.objects.drift import LEFT, examine
from headway.domain.objects.fields import Claims
from headway.domain.objects.identity import ObjectId
from headway.domain.objects.scaling import fought, gives_up_replicas, scale_targets

WEB = ObjectId("apps", "Deployment", "staging", "web")
HPA = ObjectId("autoscaling", "HorizontalPodAutoscaler", "staging", "web")


def _scaler(api: str, kind: str, target: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "web"}, "spec": {"scaleTargetRef": target}}


@pytest.mark.parametrize(
    ("item", "target"),
    [
        (
            _scaler(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            ),
            WEB,
        ),
        (_scaler("autoscaling/v1", "HorizontalPodAutoscaler", {"kind": "Deployment", "name": "web"}), WEB),
        (_scaler("keda.sh/v1alpha1", "ScaledObject", {"name": "web"}), WEB),
        (
            _scaler(
                "keda.sh/v1alpha1",
                "ScaledObject",
                {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"},
            ),
            ObjectId("argoproj.io", "Rollout", "staging", "web"),
        ),
        (_scaler("example.com/v1", "HorizontalPodAutoscaler", {"kind": "Deployment", "name": "web"}), None),
        (_scaler("keda.sh/v1alpha1", "ScaledObject", "web"), None),
        (
            {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}},
            None,
        ),
    ],
)
def test_an_autoscaler_names_its_target(item: dict[str, Any], target: ObjectId | None) -> None:
    """Whatever kind either is, and whatever it leaves to its defaults."""
    assert list(scale_targets([item], "staging")) == ([target] if target else [])


def _live(replicas: int, *, manager: str = "headway") -> dict[str, Any]:
    fields = {"f:spec": {"f:replicas": {}, "f:paused": {}}}
    entry = {"manager": manager, "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": fields}
    meta = {"name": "web", "managedFields": [entry]}
    return {"metadata": meta, "spec": {"replicas": replicas, "paused": False}}


OPEN: dict[str, Any] = {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"paused": False}}


@pytest.mark.parametrize(
    ("wanted", "live", "gives_up"),
    [
        pytest.param(OPEN, _live(4), True, id="headway set it and the manifest is open now"),
        pytest.param({"spec": {"replicas": 4}}, _live(4), False, id="the manifest says it"),
        pytest.param(OPEN, _live(4, manager="helm"), False, id="it never was headway's"),
        pytest.param(OPEN, _live(0), False, id="an autoscaler does not wake what has none"),
    ],
)
def test_replicas_are_let_go_when_the_manifest_leaves_them_open(
    wanted: dict[str, Any], live: dict[str, Any], gives_up: bool
) -> None:
    """Only what headway owned can be let go."""
    assert gives_up_replicas(wanted, live) is gives_up


def test_replicas_that_an_autoscaler_looks_after_keep_their_value() -> None:
    """They leave headway's fields before the manifest is applied, so that no pod is stopped."""
    result = examine(OPEN, _live(4), Claims(scaled=True))
    assert [tuple(it) for it in result.fields] == [("spec.replicas", 4, LEFT)]
    (entry,) = result.handed_over
    assert entry["fieldsV1"] == {"f:spec": {"f:paused": {}}}
    after = _live(6)
    after["metadata"]["managedFields"] = [entry]
    assert examine(OPEN, after, Claims(scaled=False)).same


def test_without_an_autoscaler_replicas_get_their_default() -> None:
    """Who takes the line away means what Kubernetes makes of it."""
    result = examine(OPEN, _live(4))
    assert [tuple(it) for it in result.fields] == [("spec.replicas", 4, None)]
    assert result.handed_over == ()


def test_a_repo_that_says_replicas_too_is_reported() -> None:
    """Each reconcile would undo what the autoscaler did."""
    says = {WEB: {"spec": {"replicas": 2}}}
    ((key, said),) = fought(says, {WEB: HPA})
    assert key == WEB
    assert "says replicas: 2, and HorizontalPodAutoscaler/web scales it" in said
    assert fought({WEB: {"spec": {}}}, {WEB: HPA}) == []
    assert fought(says, {}) == []
