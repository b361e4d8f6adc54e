"""Custom resources: ready, on their way, failed, held back, or silent about themselves."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.health.custom_rules import (
    FAILED_GRACE,
    SETTLE,
    STALE_GRACE,
    Rule,
    Rules,
    has_health_rules,
)
from headway.domain.health.custom_workloads import new_pods
from headway.domain.health.kinds import RULES
from headway.domain.health.verdict import NEVER


def thing(group: str, kind: str, status: Any = None, spec: Any = None, **meta: Any) -> dict[str, Any]:
    item = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "x", **meta}, "spec": spec or {}}
    return item if status is None else {**item, "status": status}


def condition(name: str, status: str, reason: str = "", **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": name, "status": status, "reason": reason, **more}]}


STEPS = {"strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {"duration": "5m"}}, {"pause": {}}]}}}
PAUSED = {"phase": "Paused", "pauseConditions": [{"reason": "CanaryPauseStep"}]}
ROUTE = {"parents": [condition("Accepted", "True"), condition("ResolvedRefs", "False", "BackendNotFound")]}

# (what, group, kind, status, spec) -> how it is
CASES: list[tuple[str, str, str, Any, Any, str]] = [
    ("nothing is said", "example.com", "Thing", None, None, "applied"),
    ("no word that is known", "example.com", "Thing", {"phase": "Dreaming"}, None, "applied"),
    ("ready", "example.com", "Thing", condition("Ready", "True"), None, "ready"),
    ("not ready", "example.com", "Thing", condition("Ready", "False", "Waiting"), None, "progressing"),
    ("not known", "example.com", "Thing", condition("Ready", "Unknown"), None, "progressing"),
    ("an error", "example.com", "Thing", condition("Ready", "False", "BuildFailed"), None, "failed"),
    ("stalled", "example.com", "Thing", condition("Stalled", "True", "DeadlineExceeded"), None, "failed"),
    ("reconciling", "example.com", "Thing", condition("Reconciling", "True"), None, "progressing"),
    ("a condition of before", "example.com", "Thing", condition("Ready", "True", observedGeneration=1), None, "progressing"),
    ("a status of before", "example.com", "Thing", {**condition("Ready", "True"), "observedGeneration": 1}, None, "progressing"),
    ("one word: ready", "example.com", "Thing", {"phase": "Running"}, None, "ready"),
    ("one word: failed", "example.com", "Thing", {"state": "Error"}, None, "failed"),
    ("one word goes before conditions", "example.com", "Thing", {"phase": "Failed", **condition("Ready", "True")}, None, "failed"),
    ("suspended", "example.com", "Thing", condition("Ready", "True"), {"suspend": True}, "held"),
    ("a controller that always tells", "cert-manager.io", "Certificate", None, None, "progressing"),
    ("a route whose backend is missing", "gateway.networking.k8s.io", "HTTPRoute", ROUTE, None, "failed"),
    ("Rollout: healthy", "argoproj.io", "Rollout", {"phase": "Healthy"}, None, "ready"),
    ("Rollout: degraded", "argoproj.io", "Rollout", {"phase": "Degraded"}, None, "failed"),
    ("Rollout: not seen yet", "argoproj.io", "Rollout", {"phase": "Healthy", "observedGeneration": "1"}, None, "progressing"),
    ("Rollout: a pause that ends", "argoproj.io", "Rollout", {**PAUSED, "currentStepIndex": 1}, STEPS, "progressing"),
    ("Rollout: a pause for a person", "argoproj.io", "Rollout", {**PAUSED, "currentStepIndex": 2}, STEPS, "held"),
    ("CloneSet: half of it", "apps.kruise.io", "CloneSet", {"updatedReplicas": 1}, {"replicas": 2}, "progressing"),
    ("CloneSet: paused", "apps.kruise.io", "CloneSet", {"updatedReplicas": 1}, {"updateStrategy": {"paused": True}}, "held"),
    ("Tenant: ready", "minio.min.io", "Tenant", {"currentState": "Initialized"}, None, "ready"),
    ("Tenant: on its way", "minio.min.io", "Tenant", {"currentState": "Waiting for Pods to be ready"}, None, "progressing"),
    ("Postgres: ready", "postgresql.cnpg.io", "Cluster", {"phase": "Cluster in healthy state"}, None, "ready"),
    ("CRD: names are taken", "apiextensions.k8s.io", "CustomResourceDefinition", condition("NamesAccepted", "False"), None, "failed"),
    ("a status that is no map", "example.com", "Thing", "odd", None, "applied"),
    ("conditions that are no list", "example.com", "Thing", {"conditions": {"Ready": "True"}}, None, "applied"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "group", "kind", "status", "spec", "state"), CASES, ids=lambda it: str(it)[:40]
)
def test_how_an_object_is(label: str, group: str, kind: str, status: Any, spec: Any, state: str) -> None:
    """By its name where it is known, by its conditions and its one word otherwise."""
    item = thing(group, kind, status, spec, generation=2)
    assert RULES.find(item, group, kind)[0] == state


def test_a_rule_of_one_s_own_goes_first() -> None:
    """It decides alone: what it asks for is what counts."""
    rule = Rule.of("Thing.example.com", ["jsonpath={.status.ok}=yes"], ["jsonpath={.status.ok}=never"])
    rules = Rules([rule], RULES.known)
    states = [rules.find(thing("example.com", "Thing", {"ok": it, "phase": "Failed"}), "example.com", "Thing")[0]
              for it in ("yes", "no", "never")]  # fmt: skip
    assert states == ["ready", "progressing", "failed"]
    assert rules.find(thing("other.com", "Thing", {"phase": "Failed"}), "other.com", "Thing")[0] == "failed"


def test_what_is_wrong_with_it_blames_no_image_unless_it_runs_one() -> None:
    """A certificate that is not issued says nothing about the images of the same commit."""
    failed = condition("Ready", "False", "Failed")
    plain = RULES.assess(thing("example.com", "Thing", failed), "example.com", "Thing").signals[0]
    template = {"template": {"spec": {"containers": [{"name": "a", "image": "r/a:1"}]}}}
    running = RULES.assess(thing("example.com", "Thing", failed, template), "example.com", "Thing").signals[0]
    assert (plain.cause.blames, running.cause.blames) == (False, True)


def test_what_may_be_about_the_state_before_has_to_last() -> None:
    """Where an object does not tell which generation it speaks of, nobody hurries."""
    for more, grace, settle in (({}, STALE_GRACE, SETTLE), ({"observedGeneration": 2}, FAILED_GRACE, 0.0)):
        bad = thing("example.com", "Thing", {**condition("Ready", "False", "Failed"), **more}, generation=2)
        good = thing("example.com", "Thing", {**condition("Ready", "True"), **more}, generation=2)
        assert RULES.assess(bad, "example.com", "Thing").signals[0].grace == grace
        assert RULES.assess(good, "example.com", "Thing").settle == settle
    waiting = thing("example.com", "Thing", condition("Ready", "Unknown"))
    assert RULES.assess(waiting, "example.com", "Thing").signals[0].grace == NEVER


@pytest.mark.parametrize(
    ("group", "kind", "judged"),
    [
        ("", "Service", False), ("", "PersistentVolumeClaim", False), ("networking.k8s.io", "Ingress", False),
        ("policy", "PodDisruptionBudget", False), ("autoscaling", "HorizontalPodAutoscaler", False),
        ("example.com", "Thing", True), ("gateway.networking.k8s.io", "HTTPRoute", True),
        ("apiextensions.k8s.io", "CustomResourceDefinition", True),
    ],
)  # fmt: skip
def test_which_kinds_can_hold_up_a_release(group: str, kind: str, judged: bool) -> None:
    """An Ingress without an address and a claim that waits for its first pod are as they should be."""
    assert has_health_rules({}, group, kind, RULES) is judged
    assert has_health_rules({}, group, kind, Rules([Rule.of(kind, ["condition=Ready"])], {}))


def test_the_new_pods_of_a_rollout_are_known_by_its_hash() -> None:
    """Old pods that stay for a while count for nothing."""
    pods = [{"metadata": {"name": it, "labels": {"rollouts-pod-template-hash": it}}} for it in ("new", "old")]
    found = new_pods(thing("argoproj.io", "Rollout", {"currentPodHash": "new"}), pods)
    assert [it["metadata"]["name"] for it in found or ()] == ["new"]
    assert new_pods(thing("example.com", "Thing", {}), pods) is None
