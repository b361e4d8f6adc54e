"""What another engine rolls out, before an API server: released in place, and live once its pods run the image."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.flows.conftest import Place
from tests.rendering import RenderingTools
from tests.servers.kubernetes import KINDS

pytestmark = pytest.mark.slow

ENGINE_KINDS = {
    **KINDS,
    "": [
        *KINDS[""],
        ("v1", "configmaps", "ConfigMap", "Namespaced"),
        ("v1", "pods", "Pod", "Namespaced"),
        ("v1", "events", "Event", "Namespaced"),
    ],
    "apps": [
        ("v1", plural, kind, "Namespaced")
        for plural, kind in (
            ("deployments", "Deployment"),
            ("replicasets", "ReplicaSet"),
            ("statefulsets", "StatefulSet"),
            ("daemonsets", "DaemonSet"),
        )
    ],
    "helm.toolkit.fluxcd.io": [("v2", "helmreleases", "HelmRelease", "Namespaced")],
    "monitoring.coreos.com": [("v1", "prometheuses", "Prometheus", "Namespaced")],
}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
AVAILABLE = {"conditions": [{"type": "Available", "status": "True"}]}
OWN = {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "staging"}


def helm_release(place: Place, tag: str) -> str:
    return (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\nspec:\n"
        "  targetNamespace: web\n  values:\n    image:\n"
        f"      repository: {place.registry.host}/shop/web\n      tag: {tag} # by headway\n"
    )


VALUES = """image:
  repository: HOST/shop/web # ours
  tag: TAG
"""


def values(place: Place, tag: str) -> str:
    return VALUES.replace("HOST", place.registry.host).replace("TAG", tag)


def reads_values(name: str) -> str:
    return (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\nspec:\n"
        f"  targetNamespace: web\n  valuesFrom: [{{kind: ConfigMap, name: {name}}}]\n"
    )


def config_map(place: Place, tag: str) -> str:
    text = "".join(f"    {line}\n" for line in values(place, tag).splitlines())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web}}\ndata:\n  values.yaml: |\n{text}"


def runs(place: Place, tag: str) -> None:
    """Let the engine have a pod with a version of the image: of a Deployment that it marks as its own."""
    image = place.image("web", tag)
    name, _, digest = image.partition("@")
    meta: dict[str, Any] = {"name": "web", "namespace": "web", "uid": "d", "labels": OWN}
    place.kube.put(
        "/apis/apps/v1/namespaces/web/deployments/web", {"metadata": meta, "spec": {}, "status": {}}
    )
    owner = {
        "name": "web-1",
        "namespace": "web",
        "uid": "r",
        "ownerReferences": [{"uid": "d", "controller": True}],
    }
    place.kube.put("/apis/apps/v1/namespaces/web/replicasets/web-1", {"metadata": owner, "spec": {}})
    pod = {
        "metadata": {"name": "web-1-a", "namespace": "web", "uid": "p",
                     "ownerReferences": [{"uid": "r", "controller": True}]},
        "spec": {"containers": [{"name": "web", "image": name}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "web", "imageID": f"{name}@{digest}", "ready": True}],
        },
    }  # fmt: skip
    place.kube.put("/api/v1/namespaces/web/pods/web-1-a", pod)


@pytest.fixture
def engines(place: Place) -> Place:
    """Return a place with a HelmRelease of the service web, live at 1.0.0."""
    place.kube.kinds = ENGINE_KINDS
    place.kube.watched = True
    place.kube.statuses = {"HelmRelease": READY, "Prometheus": AVAILABLE}
    place.start("1.0.0", staging="timeout: 3s")
    place.remote.push({"staging/web.yaml": helm_release(place, "1.0.0")})
    runs(place, "1.0.0")
    done = place.run("reconcile")
    assert done.code == 0, done.said
    return place


def test_a_release_is_live_once_the_pods_have_it(engines: Place) -> None:
    """The tag is changed in place; the engine rolls it out, and the run waits for that."""
    engines.kube.settle = lambda path: runs(engines, "1.1.0") if path.endswith("/helmreleases/web") else None
    done = engines.run("release", "staging", f"web={engines.image('web', '1.1.0')}")
    assert done.code == 0, done.said
    assert engines.remote.file("staging/web.yaml").decode() == helm_release(engines, "1.1.0")
    assert "live" in engines.run("history", "staging").out


def test_status_shows_what_the_engine_s_pods_run(engines: Place) -> None:
    """Its ready pods with the image among all that run an image of its, and how the object is."""
    (row,) = [
        it
        for it in json.loads(engines.run("status", "-o", "json").out)[0]["services"]
        if it["service"] == "web"
    ]
    assert (row["object"], row["image"], row["running"]) == ("staging HelmRelease/web", "1.0.0", "1/1")
    assert row["health"] == "live"
    runs(engines, "0.9.0")
    (row,) = [
        it
        for it in json.loads(engines.run("status", "-o", "json").out)[0]["services"]
        if it["service"] == "web"
    ]
    assert (row["running"], row["health"]) == ("0/1", "progressing: NotReady")


def test_status_assesses_an_operator_s_object_by_the_rules_of_headway_yaml(engines: Place) -> None:
    """Its image is a service's, so it has a row; it has no pods that anybody knows of."""
    thing = f"apiVersion: example.com/v1\nkind: Thing\nmetadata: {{name: t}}\nspec: {{image: '{engines.image('api', '1.0.0')}'}}\n"
    engines.kube.statuses["Thing"] = {"level": "low", "conditions": [{"type": "Ready", "status": "False"}]}
    engines.more = 'health:\n- {kind: Thing.example.com, ready: ["jsonpath={.status.level}=low"]}\n'
    engines.configure()
    engines.remote.push({"staging/thing.yaml": thing})
    assert engines.run("reconcile").code == 0
    found = json.loads(engines.run("status", "-o", "json").out)[0]["services"]
    (row,) = [it for it in found if "Thing" in it["object"]]
    assert (row["service"], row["image"], row["running"], row["health"]) == ("api", "1.0.0", "-", "live")


@pytest.mark.slow
def test_pods_of_the_version_before_are_waited_for(engines: Place) -> None:
    """Whatever the status says; the deadline ends it with the pod and the version, and vetoes nothing."""
    done = engines.run("release", "staging", f"web={engines.image('web', '1.1.0')}")
    assert done.code == 1
    assert "pod web-1-a: container web runs 1.0.0, and 1.1.0 is wanted" in done.err, done.err
    assert engines.remote.file("staging/web.yaml").decode() == helm_release(engines, "1.0.0")
    assert "holds.yaml" not in engines.remote.git("ls-tree", "--name-only", "main")


def test_who_may_not_see_the_pods_believes_the_status(engines: Place) -> None:
    engines.kube.forbidden = "/namespaces/web/pods"
    done = engines.run("release", "staging", f"web={engines.image('web', '1.1.0')}")
    assert done.code == 0, done.said
    assert "warning: the account may not list pods in web" in done.err
    assert "by its own status: the account may not list pods in web" in done.err


def test_what_kustomize_renders_is_changed_in_its_sources(
    engines: Place, rendering_tools: RenderingTools
) -> None:
    """A HelmRelease's tag, and an operator's `spec.image` in a patch: each found by markers, no digest behind the tag."""
    engines.settings["HEADWAY_KUSTOMIZE"] = str(rendering_tools.kustomize)
    old, new = engines.image("api", "1.0.0"), engines.image("api", "1.1.0")
    patch = f"- patch: |-\n    - op: add\n      path: /spec/image\n      value: {old}\n  target: {{kind: Prometheus}}\n"
    operator = (
        "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: p}\nspec: {replicas: 1}\n"
    )
    sources = {
        "staging/web.yaml": helm_release(engines, "1.0.0"),
        "staging/prometheus.yaml": operator,
        "staging/kustomization.yaml": f"resources: [web.yaml, prometheus.yaml]\npatches:\n{patch}",
    }
    engines.remote.push({**sources, "staging/api.yaml": None})
    done = engines.run("reconcile")
    assert done.code == 0, done.said
    engines.kube.settle = lambda path: runs(engines, "1.1.0") if path.endswith("/helmreleases/web") else None
    web = engines.image("web", "1.1.0")
    done = engines.run("release", "staging", f"web={web}", f"api={new}")
    assert done.code == 0, done.said
    assert engines.remote.file("staging/web.yaml").decode() == helm_release(engines, "1.1.0")
    assert engines.remote.file("staging/prometheus.yaml").decode() == operator
    after = engines.remote.file("staging/kustomization.yaml").decode()
    assert after == sources["staging/kustomization.yaml"].replace(old, new)
    engines.kube.settle = lambda path: runs(engines, "1.0.0") if path.endswith("/helmreleases/web") else None
    assert engines.run("rollback", "staging", "--reason", "slow").code == 0
    assert engines.remote.file("staging/web.yaml").decode() == helm_release(engines, "1.0.0")


def test_values_in_a_config_map_are_changed_in_their_block(engines: Place) -> None:
    """The HelmRelease that reads them is waited for, although it does not change itself."""
    files = {"staging/web.yaml": reads_values("web"), "staging/values.yaml": config_map(engines, "1.0.0")}
    engines.remote.push({**files, "staging/kustomization.yaml": None})
    assert engines.run("reconcile").code == 0
    engines.kube.settle = lambda path: runs(engines, "1.1.0") if path.endswith("/configmaps/web") else None
    done = engines.run("release", "staging", f"web={engines.image('web', '1.1.0')}")
    assert done.code == 0, done.said
    assert engines.remote.file("staging/values.yaml").decode() == config_map(engines, "1.1.0")
    assert "staging HelmRelease/web: " in done.err, done.err


def test_values_that_kustomize_puts_into_a_config_map_are_changed_in_their_file(
    engines: Place, rendering_tools: RenderingTools
) -> None:
    """Its generated name is another one after that, and so is the name in the HelmRelease; nothing else may be."""
    engines.settings["HEADWAY_KUSTOMIZE"] = str(rendering_tools.kustomize)
    names = (
        "nameReference:\n- kind: ConfigMap\n  fieldSpecs: [{kind: HelmRelease, path: spec/valuesFrom/name}]\n"
    )
    kustomization = (
        "resources: [web.yaml, api.yaml]\nconfigurations: [names.yaml]\n"
        "configMapGenerator: [{name: values, files: [values.yaml]}]\n"
    )
    engines.remote.push(
        {
            "staging/web.yaml": reads_values("values"),
            "staging/values.yaml": values(engines, "1.0.0"),
            "staging/names.yaml": names,
            "staging/kustomization.yaml": kustomization,
        }
    )
    done = engines.run("reconcile")
    assert done.code == 0, done.said
    engines.kube.settle = lambda path: runs(engines, "1.1.0") if path.endswith("/helmreleases/web") else None
    done = engines.run("release", "staging", f"web={engines.image('web', '1.1.0')}")
    assert done.code == 0, done.said
    assert engines.remote.file("staging/values.yaml").decode() == values(engines, "1.1.0")


def test_values_that_are_not_edited_are_told(engines: Place) -> None:
    """A release that finds no image names where a HelmRelease has its values; `headway images` does, too."""
    text = reads_values("elsewhere").replace("]", ", {kind: Secret, name: login}]")
    engines.remote.push({"staging/web.yaml": text})
    done = engines.run("release", "staging", f"web={engines.image('web', '1.1.0')}")
    assert done.code == 2
    assert "web from ConfigMap elsewhere: it is not in the environment's files" in done.err
    assert "web from Secret login" in done.err
    seen = engines.run("images", "staging")
    assert (
        "staging/web.yaml:1: HelmRelease web reads values that are not edited, from Secret login" in seen.err
    )
