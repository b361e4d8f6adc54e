"""`headway adopt`: objects that another tool applied become the environment's, and nothing else changes."""

from __future__ import annotations

import json
from typing import Any

from tests.flows.conftest import Place

JOBS = "/apis/batch/v1/namespaces/staging/cronjobs"


def made_by(place: Place, manager: str, name: str, image: str, **meta: Any) -> str:
    """Put a CronJob into the cluster as another tool would; return its address."""
    import yaml

    at = f"{JOBS}/{name}"
    found = yaml.safe_load(place.job(name, image))
    fields = {"f:metadata": {"f:annotations": {}}, "f:spec": {"f:schedule": {}, "f:suspend": {}}}
    found["metadata"] |= {
        "namespace": "staging",
        "uid": name,
        "resourceVersion": "1",
        "managedFields": [
            {"manager": manager, "operation": "Update", "apiVersion": "batch/v1", "fieldsV1": fields}
        ],
        **meta,
    }
    found["spec"]["suspend"] = False
    place.kube.objects[at] = found
    return at


def test_a_dry_run_shows_and_changes_nothing(place: Place) -> None:
    """Each object with who made it, whose its fields are, and how it differs."""
    place.start(staging="release: manual")
    at = made_by(place, "kubectl-client-side-apply", "old", place.image("web", "1.0.0"))
    place.remote.push({"staging/old.yaml": place.job("old", place.image("web", "1.1.0"))})
    before = json.dumps(place.kube.objects[at])
    done = place.run("adopt", "staging", "--dry-run")
    assert done.code == 0, done.said
    assert "staging CronJob/old, made by kubectl-client-side-apply" in done.out
    assert "kubectl-client-side-apply holds 1 fields, 1 that the repo has not" in done.out
    assert "differs: spec.jobTemplate" in done.out
    assert "1 of 1 differ from the repo: the next `headway reconcile staging` applies the repo" in done.err
    assert json.dumps(place.kube.objects[at]) == before


def test_only_the_owner_changes(place: Place) -> None:
    """Its spec stays, also where the repo says something else; the next reconcile applies the repo."""
    place.start(staging="release: manual")
    at = made_by(place, "helm", "old", place.image("web", "1.0.0"))
    place.remote.push({"staging/old.yaml": place.job("old", place.image("web", "1.1.0"))})
    spec = json.dumps(place.kube.objects[at]["spec"])
    assert place.run("reconcile", "staging").code == 3
    done = place.run("adopt", "staging", "--yes")
    assert done.code == 0, done.said
    assert "staging: 1 object is headway's now" in done.err
    after = place.kube.objects[at]
    assert (json.dumps(after["spec"]), after["metadata"]["uid"]) == (spec, "old")
    assert after["metadata"]["labels"]["headway.dev/app"] == "shop"
    owners = {it["manager"]: it["fieldsV1"] for it in after["metadata"]["managedFields"]}
    assert set(owners["headway"]["f:spec"]) == {"f:schedule", "f:suspend"}
    assert owners["helm"] == {"f:metadata": {"f:annotations": {}}}
    again = place.run("adopt", "staging", "--yes")
    assert "nothing to take over" in again.out
    assert place.run("reconcile", "staging").code == 0
    assert place.kube.images("staging")["old"] == place.image("web", "1.1.0")


def test_nobody_is_asked_in_a_pipe(place: Place) -> None:
    """Without --yes nothing happens there."""
    place.start(staging="release: manual")
    at = made_by(place, "kubectl", "old", place.image("web", "1.0.0"))
    place.remote.push({"staging/old.yaml": place.job("old", place.image("web", "1.0.0"))})
    before = json.dumps(place.kube.objects[at])
    done = place.run("adopt", "staging")
    assert done.code == 2
    assert "--yes" in done.err
    assert json.dumps(place.kube.objects[at]) == before


def test_a_tool_that_still_deploys_it_is_named(place: Place) -> None:
    """It would change the objects again, or delete them."""
    place.start(staging="release: manual")
    labels = {"kustomize.toolkit.fluxcd.io/name": "apps"}
    made_by(place, "kustomize-controller", "old", place.image("web", "1.0.0"), labels=labels)
    place.remote.push({"staging/old.yaml": place.job("old", place.image("web", "1.0.0"))})
    assert "still deployed by Flux's Kustomization apps" in place.run("adopt", "staging", "-n").err


def test_another_environment_s_object_is_refused(place: Place) -> None:
    """It is not another tool's, and stays there."""
    place.start(staging="release: manual")
    labels = {"headway.dev/app": "billing", "headway.dev/environment": "x"}
    at = made_by(place, "kubectl", "old", place.image("web", "1.0.0"), labels=labels)
    place.remote.push({"staging/old.yaml": place.job("old", place.image("web", "1.0.0"))})
    done = place.run("adopt", "staging", "--yes")
    assert done.code == 3
    assert "belongs to billing/x" in done.err
    assert place.kube.objects[at]["metadata"]["labels"] == labels
