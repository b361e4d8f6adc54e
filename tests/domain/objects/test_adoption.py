"""What may be applied over, and what was made by others and is asked for first."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.objects.adoption import asked_for, belongs_to_another, made_by_others
from headway.domain.objects.identity import ObjectId, Owner
from headway.domain.objects.managers import is_controller, named_in

OWNER = Owner("shop", "staging")
OURS = OWNER.labels_at("staging")
WEB = ObjectId("apps", "Deployment", "staging", "web")


def _by(*managers: str, operation: str = "Update", **more: Any) -> dict[str, Any]:
    return {
        "managedFields": [{"manager": it, "operation": operation, "fieldsV1": {}} for it in managers],
        **more,
    }


@pytest.mark.parametrize(
    ("identity", "meta", "made_by"),
    [
        pytest.param(
            WEB, _by("kubectl-client-side-apply"), "kubectl-client-side-apply", id="made by a person"
        ),
        pytest.param(
            WEB, _by("kube-controller-manager", "helm"), "helm, kube-controller-manager", id="by Helm"
        ),
        pytest.param(WEB, {}, "somebody", id="nothing says by whom"),
        pytest.param(WEB, _by("headway-set-image", "kubectl"), "kubectl", id="its image was set by headway"),
        pytest.param(WEB, _by("headway", operation="Apply"), "", id="applied by headway, its labels lost"),
        pytest.param(WEB, _by("kubectl", labels=OURS), "", id="adopted before"),
        pytest.param(
            ObjectId("", "Namespace", "", "staging"), _by("kubectl-create"), "", id="its own namespace"
        ),
        pytest.param(
            ObjectId("", "Namespace", "", "other"), _by("kubectl"), "kubectl", id="another namespace"
        ),
        pytest.param(ObjectId("", "ServiceAccount", "staging", "default"), {}, "", id="made by the cluster"),
    ],
)
def test_what_others_made_is_known(identity: ObjectId, meta: dict[str, Any], made_by: str) -> None:
    """What headway did not apply it does not touch unasked."""
    assert made_by_others(identity, meta, "staging") == made_by


def test_another_environment_s_object_is_no_stranger_s() -> None:
    """It has an owner, who is named instead."""
    meta = {"labels": Owner("shop", "production").labels_at("staging")}
    assert belongs_to_another(meta, OWNER, "staging") == "shop/production in namespace staging"
    assert belongs_to_another({"labels": OURS}, OWNER, "staging") == ""
    assert belongs_to_another({}, OWNER, "staging") == ""
    assert made_by_others(WEB, meta, "staging") == ""


def test_takeover_names_a_tool_with_its_variants() -> None:
    """`kubectl` has a name for each of its verbs, and no other tool's name is one."""
    assert asked_for(_by("kubectl-client-side-apply"), ["helm", "kubectl"])
    assert not asked_for(_by("helmsman"), ["helm"])
    assert named_in("kubectl", ["kubectl"])
    assert not named_in("kubectlx", ["kubectl"])


@pytest.mark.parametrize(
    "name",
    [
        "kube-controller-manager",
        "cert-manager-cainjector",
        "kubelet",
        "keda-operator",
        "vpa-recommender",
        "istiod",
    ],
)
def test_controllers_are_told_from_tools(name: str) -> None:
    """By what controllers are called."""
    assert is_controller(name)


@pytest.mark.parametrize(
    "name",
    [
        "helm", "Helm", "kubectl-edit", "node-fetch", "argocd-controller", "kustomize-controller", "helm-controller",
        "fluxd", "k9s", "Mozilla", "dashboard", "Go-http-client", "python-requests", "terraform", "pulumi",
    ],
)  # fmt: skip
def test_release_tools_and_people_are_no_controllers(name: str) -> None:
    """Some release tools call themselves one."""
    assert not is_controller(name)
