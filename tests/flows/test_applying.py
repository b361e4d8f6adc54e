"""Applying an environment beside things that are not its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Place
from tests.repos import Remote
from tests.servers import kubernetes as kube_server

Answer = tuple[int, dict[str, Any]] | None


@pytest.fixture
def gadgets(monkeypatch: pytest.MonkeyPatch) -> str:
    """Another team's kind, which the cluster has besides."""
    group = "bugs.example.com"
    monkeypatch.setitem(kube_server.KINDS, group, [("v2", "gadgets", "Gadget", "Namespaced")])
    return group


def _dead(method: str, path: str, body: dict[str, Any]) -> Answer:
    if method == "GET" and "/gadgets" in path:
        said = "conversion webhook for bugs.example.com/v1, Kind=Gadget failed: connection refused"
        return 500, {"kind": "Status", "reason": "InternalError", "message": said}
    return None


def test_a_kind_that_cannot_be_listed_is_left_out_and_named(place: Place, gadgets: str) -> None:
    """Somebody else's dead conversion webhook stops no release, and nothing of one's own stays behind."""
    place.kube.mood = _dead
    place.start(staging="release: manual")
    place.remote.push({"staging/api.yaml": None})
    done = place.run("reconcile", "staging")
    assert done.code == 0
    assert "not searched for objects that left the repo: Gadget (bugs.example.com/v2)" in done.said
    assert set(place.kube.images("staging")) == {"web"}
    assert "conversion webhook" in place.run("diff", "staging").err
    place.kube.mood = lambda method, path, body: None
    assert "not searched" not in place.run("reconcile", "staging").said


def test_a_removed_version_is_reported_with_the_one_that_is_served(place: Place) -> None:
    """Nobody looks for a CRD that never was, and a cluster that was not touched is not said to be broken."""
    place.start(staging="release: manual, on_failure: keep")
    old = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: c}\nspec: {schedule: '1 1 1 1 1'}\n"
    place.remote.push({"staging/old.yaml": old})
    done = place.run("reconcile", "staging")
    assert done.code == 1
    assert "it has CronJob in batch/v1; change apiVersion" in done.said
    assert "CRD" not in done.said
    assert "failed rollout left it" not in done.said
    assert "nothing was changed in the cluster" in done.said


def test_an_object_that_waits_for_a_finalizer_is_not_called_pruned(place: Place) -> None:
    """It is named with its finalizer, by the prune that asked for its deletion and by every look after that."""
    place.start(staging="release: manual")
    at = "/apis/batch/v1/namespaces/staging/cronjobs/api"

    def held(method: str, path: str, body: dict[str, Any]) -> Answer:
        if method == "DELETE" and path == at:
            meta = place.kube.objects[at]["metadata"]
            meta |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/wait"]}
            return 200, place.kube.objects[at]
        return None

    place.kube.mood = held
    place.remote.push({"staging/api.yaml": None})
    done = place.run("reconcile", "staging")
    assert "staging CronJob/api: is being deleted, waits for example.com/wait" in done.said
    assert "pruned staging CronJob/api" not in done.said
    said = place.run("diff", "staging").said
    assert "example.com/wait" in said
    assert "equals the repo" not in said


@pytest.mark.slow
def test_an_api_that_does_not_answer_is_no_reason_to_look_for_a_crd(place: Place) -> None:
    """Its server is away: nothing is known of its kinds, and nothing is a failed release."""
    place.start(staging="release: manual")
    discovery = kube_server._discovery(kube_server.KINDS, core=False)
    version = {"version": "v1", "freshness": "Stale", "resources": []}
    discovery["items"].append({"metadata": {"name": "away.example.com"}, "versions": [version]})
    place.kube.mood = lambda method, path, body: (200, discovery) if path == "/apis" else None
    assert place.run("reconcile", "staging").code == 0
    thing = "apiVersion: away.example.com/v1\nkind: Thing\nmetadata: {name: x}\n"
    place.remote.push({"staging/thing.yaml": thing})
    done = place.run("reconcile", "staging")
    assert done.code == 1
    assert "the server behind the API away.example.com/v1 of Thing does not answer" in done.said
    assert "kubectl get apiservice v1.away.example.com" in done.said
    assert "CRD" not in done.said
    assert not [it for it in place.run("history", "staging").said.splitlines() if "rolled" in it]


CLUSTER_JOBS = "/apis/batch/v1/namespaces/staging/cronjobs"


def _made_by(place: Place, manager: str, name: str) -> str:
    """Put an object into the cluster as another tool would; return its address."""
    at = f"{CLUSTER_JOBS}/{name}"
    fields = [{"manager": manager, "operation": "Update", "fieldsV1": {"f:spec": {}}}]
    meta = {
        "name": name,
        "namespace": "staging",
        "uid": name,
        "resourceVersion": "1",
        "managedFields": fields,
    }
    place.kube.objects[at] = {"metadata": meta, "spec": {"schedule": "1 1 1 1 1"}}
    return at


def test_what_kubectl_made_is_taken_over_only_when_asked_for(place: Place) -> None:
    """It is not applied over, not pruned later and no failed release; with --adopt it is the repo's."""
    place.start(staging="release: manual")
    at = _made_by(place, "kubectl-client-side-apply", "old")
    before = place.kube.objects[at]
    place.remote.push({"staging/old.yaml": place.job("old", place.image("web", "1.0.0"))})
    done = place.run("reconcile", "staging")
    assert done.code == 3
    assert "staging CronJob/old is there already, made by kubectl-client-side-apply" in done.said
    assert "--adopt" in done.said
    assert place.kube.objects[at] is before
    assert "failed" not in place.run("history", "staging").out
    said = place.run("diff", "staging").out
    assert "adopt" in said
    assert place.run("reconcile", "staging", "--adopt").code == 0
    assert place.kube.objects[at]["spec"]["schedule"] == "0 0 1 1 *"
    assert "equals the repo" in place.run("diff", "staging").said
    place.remote.push({"staging/old.yaml": None})
    assert place.run("reconcile", "staging").code == 0
    assert at not in place.kube.objects


def test_headway_yaml_may_ask_for_what_a_tool_made(place: Place) -> None:
    """Who moves over from Helm says so once, in the repo."""
    place.start(staging="release: manual, takeover: [helm]")
    at = _made_by(place, "helm", "old")
    place.remote.push({"staging/old.yaml": place.job("old", place.image("web", "1.0.0"))})
    assert place.run("reconcile", "staging").code == 0
    assert place.kube.objects[at]["spec"]["schedule"] == "0 0 1 1 *"


def test_another_application_s_object_is_refused_and_is_no_failed_release(place: Place) -> None:
    """Nothing is changed, nothing is rolled back, and nobody's push is reverted."""
    place.start(staging="release: manual")
    at = _made_by(place, "headway", "theirs")
    place.kube.objects[at]["metadata"]["labels"] = {
        "headway.dev/app": "billing",
        "headway.dev/environment": "x",
    }
    head = place.remote.push({"staging/t.yaml": place.job("theirs", place.image("web", "1.0.0"))})
    done = place.run("reconcile", "staging")
    assert done.code == 3
    assert "belongs to billing/x" in done.said
    assert "failed" not in place.run("history", "staging").out
    assert place.remote.git("rev-parse", "main").strip() == head


def test_a_copy_of_the_config_repo_changes_nothing(place: Place, tmp_path: Path) -> None:
    """The same application, environment and namespace: it would prune what the original applied."""
    place.start(staging="release: manual")
    copy = Remote(tmp_path / "copy.git")
    original, place.remote = place.remote, copy
    files = {
        "headway.yaml": place.headway_yaml(),
        "staging/web.yaml": place.job("web", place.image("web", "1.0.0")),
    }
    copy.push(dict(files))
    before = dict(place.kube.objects)
    for command in (["reconcile", "staging"], ["diff", "staging"]):
        done = place.run(*command)
        assert done.code == 3
        assert "was applied from another config repo" in done.said
    images = place.kube.images("staging")
    assert set(images) == {"web", "api"}
    assert {it for it in place.kube.objects if "lease" not in it} == {
        it for it in before if "lease" not in it
    }
    place.remote = original
    assert place.run("reconcile", "staging").code == 0
    place.remote = copy
    assert place.run("reconcile", "staging", "--adopt").code == 0
    assert set(place.kube.images("staging")) == {"web"}
    place.remote = original
    assert place.run("reconcile", "staging").code == 3


@pytest.mark.slow
def test_a_job_that_is_gone_has_run_and_is_made_again_when_its_manifest_changes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for each commit that changes it, however often the environment is looked at."""
    monkeypatch.setitem(kube_server.KINDS, "tekton.dev", [("v1", "taskruns", "TaskRun", "Namespaced")])
    place.start(staging="release: manual")
    place.kube.statuses["TaskRun"] = {"conditions": [{"type": "Succeeded", "status": "True"}]}
    migrate = "apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata: {{name: migrate}}\nspec: {{step: {}}}\n"
    at = "/apis/tekton.dev/v1/namespaces/staging/taskruns/migrate"
    place.remote.push({"staging/migrate.yaml": migrate.format(1)})
    assert place.run("reconcile", "staging").code == 0
    del place.kube.objects[at]
    assert place.run("reconcile", "staging").code == 0
    assert at not in place.kube.objects
    said = place.run("diff", "staging").said
    assert "TaskRun/migrate: done, and gone" in said
    assert "equals the repo" in said
    place.remote.push({"staging/migrate.yaml": migrate.format(2)})
    assert place.run("reconcile", "staging").code == 0
    assert at in place.kube.objects
    # The namespace is lost, and with it what says that it ran there.
    place.kube.objects.clear()
    assert place.run("reconcile", "staging").code == 0
    assert at in place.kube.objects


def test_a_repo_that_fights_an_autoscaler_is_reported(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever compares, and whoever asks the doctor, hears of it with its place."""
    kinds = {
        "argoproj.io": [("v1alpha1", "rollouts", "Rollout", "Namespaced")],
        "keda.sh": [("v1alpha1", "scaledobjects", "ScaledObject", "Namespaced")],
    }
    for group, served in kinds.items():
        monkeypatch.setitem(kube_server.KINDS, group, served)
    place.start(staging="release: manual")
    rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec: {replicas: 2}\n"
    target = "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web}"
    scaler = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: web}\n"
    scaler += f"spec: {{scaleTargetRef: {target}}}\n"
    place.remote.push({"staging/rollout.yaml": rollout, "staging/scaler.yaml": scaler})
    said = "staging/rollout.yaml:1: staging Rollout/web says replicas: 2, and ScaledObject/web scales it"
    assert said in " ".join(place.run("diff", "staging").err.split())
    assert said in " ".join(place.run("doctor").said.split())
