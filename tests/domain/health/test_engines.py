"""What another engine rolls out is live once its status says so and its pods run the image; a table of cases."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.health.engines import Engine, with_engine
from headway.domain.health.kinds import RULES
from headway.domain.health.verdict import Health
from headway.domain.images.reference import Image

D1, D2 = ("sha256:" + it * 64 for it in "12")
READY = {"conditions": [{"type": "Ready", "status": "True"}], "observedGeneration": 2}
FLUX = {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "flux"}


def release(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "web", "namespace": "flux", "generation": 2},
        "spec": spec,
        "status": READY if status is None else status,
    }


def pod(image: str, reported: str = "", *, ready: bool = True, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web-1"},
        "spec": {"containers": [{"name": "sidecar", "image": "other:9"}, {"name": "app", "image": image}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [{"name": "app", "imageID": reported, "ready": ready}],
            **status,
        },
    }


def health(item: dict[str, Any], wanted: str, pods: list[dict[str, Any]], unseen: str = "") -> Health:
    group = str(item["apiVersion"]).partition("/")[0]
    engine = Engine.of(item, "shop", [Image(wanted)])
    assert engine is not None
    return with_engine(RULES.assess(item, group, str(item["kind"])), engine, pods, unseen)


CRASH = {"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 3}
TABLE: dict[str, tuple[dict[str, Any], str, list[dict[str, Any]], bool, str]] = {
    "the digest is reported": (release(), f"r.io/web:2@{D2}", [pod("r.io/web:2", f"r.io/web@{D2}")], True, ""),
    "the digest is asked for": (release(), f"r.io/web:2@{D2}", [pod(f"r.io/web@{D2}", "r.io/web@sha256:0")], True, ""),
    "the tag, where no digest is known": (release(), "r.io/web:2", [pod("r.io/web:2")], True, ""),
    "Docker Hub's short name": (release(), "library/web:2", [pod("docker.io/library/web:2")], True, ""),
    "another version is waited for": (
        release(), f"r.io/web:2@{D2}", [pod("r.io/web:1", f"r.io/web@{D1}")], False,
        "1 of its pods is of another version",
    ),
    "one of several": (
        release(), "r.io/web:2", [pod("r.io/web:2"), pod("r.io/web:1")], False, "1 of its pods is of another version",
    ),
    "the tag with another content": (
        release(), f"r.io/web:2@{D2}", [pod("r.io/web:2", f"r.io/web@{D1}")], False, "1 of its pods is of another version",
    ),
    "new and not ready": (
        release(), "r.io/web:2", [pod("r.io/web:2", ready=False)], False, "0 of 1 pods are new and ready",
    ),
    "no pod has the image": (release(), "r.io/web:2", [pod("r.io/other:1")], True, ""),
    "no pods at all": (release(), "r.io/web:2", [], True, ""),
    "one that leaves does not count": (
        release(), "r.io/web:2", [{**pod("r.io/web:1"), "metadata": {"name": "a", "deletionTimestamp": "now"}}], True, "",
    ),
    "one that has ended does not count": (release(), "r.io/web:2", [pod("r.io/web:1", phase="Failed")], True, ""),
    "another cluster": (
        release(kubeConfig={"secretRef": {"name": "a"}}), "r.io/web:2", [pod("r.io/web:1")], True,
        "by its own status: its pods are in another cluster",
    ),
    "the status is not about this generation": (
        release({**READY, "observedGeneration": 1}), "r.io/web:2", [pod("r.io/web:2")], False,
        "HelmRelease is not ready: its controller has not seen the change yet",
    ),
    "suspended": (release(suspend=True), "r.io/web:2", [pod("r.io/web:1")], True, "suspend is set"),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_live_is_the_status_and_the_pods(case: str) -> None:
    item, wanted, pods, done, text = TABLE[case]
    found = health(item, wanted, pods)
    assert (found.done, found.text) == (done, text)


def test_pods_of_another_version_are_a_reason_to_wait_and_no_failure() -> None:
    """However long they are there, only the environment's deadline ends it; it holds nothing against the image."""
    (signal,) = health(release(), f"r.io/web:2@{D2}", [pod("r.io/web:1", f"r.io/web@{D1}")]).signals
    assert signal.grace == float("inf")
    assert not signal.cause.blames
    assert signal.cause.text == "pod web-1: container app runs 1, and 2 is wanted"


def test_the_engine_s_own_failure_is_one_with_its_words() -> None:
    said = "Helm upgrade failed for release shop/web: timed out"
    status = {
        "conditions": [{"type": "Ready", "status": "False", "reason": "UpgradeFailed", "message": said}]
    }
    found = health(release(status), "r.io/web:2", [pod("r.io/web:1")])
    assert not found.done
    (signal,) = found.signals
    assert (signal.cause.code, signal.cause.text) == ("Degraded", f"UpgradeFailed: {said}")
    assert signal.grace < float("inf")


def test_a_new_pod_that_crashes_is_told_before_the_engine_gives_up() -> None:
    """And it is held against the image; an old one that crashes is not."""
    status = {"conditions": [{"type": "Reconciling", "status": "True"}]}
    crashing = pod("r.io/web:2", ready=False, containerStatuses=[CRASH])
    codes = {it.cause.code for it in health(release(status), "r.io/web:2", [crashing]).signals}
    assert "CrashLoopBackOff" in codes
    old = {**crashing, "spec": pod("r.io/web:1")["spec"]}
    assert "CrashLoopBackOff" not in {
        it.cause.code for it in health(release(status), "r.io/web:2", [old]).signals
    }


def test_where_nobody_may_look_the_status_is_believed_and_that_is_said() -> None:
    found = health(release(), "r.io/web:2", [], "the account may not list pods in shop")
    assert (found.done, found.text) == (True, "by its own status: the account may not list pods in shop")
    broken = release({"conditions": [{"type": "Stalled", "status": "True", "message": "no"}]})
    assert not health(broken, "r.io/web:2", [], "the account may not list pods in shop").done


def engine(kind: str, version: str, name: str = "web", **spec: Any) -> Engine:
    item = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
    found = Engine.of(item, "flux", [Image("r.io/web:2")])
    assert found is not None
    return found


HELM, KUSTOMIZE = ("helm.toolkit.fluxcd.io/v2", "kustomize.toolkit.fluxcd.io/v1")
INSTANCE = "app.kubernetes.io/instance"
TRACKING = "argocd.argoproj.io/tracking-id"
MADE: dict[str, tuple[Engine, dict[str, str], dict[str, str], bool]] = {
    "Flux' label": (engine("HelmRelease", HELM), FLUX, {}, True),
    "the label of one elsewhere": (
        engine("HelmRelease", HELM), {**FLUX, "helm.toolkit.fluxcd.io/namespace": "other"}, {}, False,
    ),
    "the release that Helm notes": (
        engine("HelmRelease", HELM, targetNamespace="shop"), {},
        {"meta.helm.sh/release-name": "shop-web", "meta.helm.sh/release-namespace": "shop"}, True,
    ),
    "a chart's own label": (engine("HelmRelease", HELM, releaseName="x"), {INSTANCE: "x"}, {}, True),
    "a Kustomization": (
        engine("Kustomization", KUSTOMIZE),
        {"kustomize.toolkit.fluxcd.io/name": "web", "kustomize.toolkit.fluxcd.io/namespace": "flux"}, {}, True,
    ),
    "an Application by label": (
        engine("Application", "argoproj.io/v1alpha1"), {"argocd.argoproj.io/instance": "web"}, {}, True,
    ),
    "an Application by annotation": (
        engine("Application", "argoproj.io/v1alpha1"), {}, {TRACKING: "web:apps/Deployment:shop/web"}, True,
    ),
    "another Application with such a name": (
        engine("Application", "argoproj.io/v1alpha1"), {}, {TRACKING: "web-2:apps/Deployment:shop/web"}, False,
    ),
    "nothing is said": (engine("Application", "argoproj.io/v1alpha1"), {}, {}, False),
}  # fmt: skip


@pytest.mark.parametrize("case", MADE)
def test_whose_a_workload_is(case: str) -> None:
    it, labels, annotations, made = MADE[case]
    item = {"metadata": {"name": "x", "labels": labels, "annotations": annotations}}
    assert it.made(item) is made


def test_where_an_engine_has_its_pods() -> None:
    """In its target namespace or its own, and in those that its inventory or its resources name."""
    assert engine("HelmRelease", HELM, targetNamespace="shop").namespaces == ("shop",)
    kustomization = engine("Kustomization", KUSTOMIZE)
    assert kustomization.namespaces == ("flux",)
    entries = [{"id": "shop_web_apps_Deployment", "v": "v1"}, {"id": "_shop__Namespace", "v": "v1"}]
    assert kustomization.placed({"status": {"inventory": {"entries": entries}}}).namespaces == (
        "flux",
        "shop",
    )
    to = {"server": "https://kubernetes.default.svc", "namespace": "shop"}
    application = engine("Application", "argoproj.io/v1alpha1", destination=to)
    assert (application.namespaces, application.elsewhere) == (("shop",), False)
    resources = [{"kind": "Deployment", "namespace": "more"}]
    assert application.placed({"status": {"resources": resources}}).namespaces == ("shop", "more")
    assert engine("Application", "argoproj.io/v1alpha1", destination={"name": "eu"}).elsewhere


def test_what_is_no_engine_or_says_no_image() -> None:
    item = release()
    assert Engine.of(item, "shop", []) is None
    assert Engine.of(item, "shop", [Image("r.io/web")]) is None
    assert Engine.of({**item, "apiVersion": "example.com/v1"}, "shop", [Image("r.io/web:1")]) is None
