"""A release is tried on its cluster before it is committed: what would be refused there is never pushed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.flows.conftest import Done, Place
from tests.servers import kubernetes as kube_server

Answer = tuple[int, dict[str, Any]] | None


def status(code: int, reason: str, message: str) -> tuple[int, dict[str, Any]]:
    return code, {"kind": "Status", "reason": reason, "message": message}


def refusing(place: Place, word: str, answer: tuple[int, dict[str, Any]]) -> None:
    """Have the cluster answer so to every CronJob in which a word stands, tried or written."""

    def mood(method: str, path: str, body: dict[str, Any]) -> Answer:
        return answer if method == "PATCH" and "/cronjobs/" in path and word in str(body) else None

    place.kube.mood = mood


def release(place: Place, tag: str, *more: str) -> Done:
    return place.run("release", "staging", f"web={place.image('web', tag)}", *more)


@pytest.mark.parametrize(
    "answer",
    [
        status(403, "Forbidden", 'admission webhook "policy.example" denied the request: no such team'),
        status(422, "Invalid", "spec.schedule: Invalid value"),
        status(
            403, "Forbidden", 'cronjobs.batch "web" is forbidden: User "ci" cannot patch resource "cronjobs"'
        ),
        status(403, "Forbidden", 'cronjobs.batch "web" is forbidden: exceeded quota: few'),
    ],
)
def test_what_the_cluster_refuses_is_not_committed(place: Place, answer: tuple[int, dict[str, Any]]) -> None:
    place.start(staging="")
    before = place.remote.head()
    refusing(place, "1.1.0", answer)
    done = release(place, "1.1.0")
    assert done.code == 1, done.said
    assert place.remote.head() == before
    assert "nothing was committed" in done.err
    assert f"staging/web.yaml:1: staging CronJob/web: {answer[1]['message']}" in done.err
    # What runs goes on, and nobody undoes anything of it.
    assert place.run("reconcile", "staging").code == 0
    assert place.tags("staging")["web"] == "1.0.0"
    assert place.remote.head() == before


def test_it_is_committed_all_the_same_by_force(place: Place) -> None:
    place.start(staging="")
    before = place.remote.head()
    refusing(place, "1.1.0", status(422, "Invalid", "no such thing"))
    done = release(place, "1.1.0", "--force")
    assert done.code == 2, done.said
    assert place.remote.head() == before
    release(place, "1.1.0", "--force", "--reason", "the webhook cannot be tried")
    assert place.remote.head() != before
    assert "Headway-Forced: the rehearsal said: staging/web.yaml:1: staging CronJob/web: no such thing" in (
        place.remote.git("log", "--format=%B", f"{before}..main")
    )


def test_a_dry_run_tells_what_would_be_refused(place: Place) -> None:
    place.start(staging="")
    refusing(place, "1.1.0", status(422, "Invalid", "no such thing"))
    done = release(place, "1.1.0", "--dry-run", "--output", "json")
    assert done.code == 0, done.said
    told = json.loads(done.out)
    assert told["cluster"]["refused"] == ["staging/web.yaml:1: staging CronJob/web: no such thing"]
    assert told["held_back"] == [
        "the cluster would refuse it: staging/web.yaml:1: staging CronJob/web: no such thing"
    ]
    assert "- refused: staging/web.yaml:1: staging CronJob/web: no such thing" in done.err


def test_a_rollback_that_would_be_refused_waits_for_a_person(place: Place) -> None:
    place.start(staging="")
    assert release(place, "1.1.0").code == 0
    before = place.remote.head()
    refusing(place, "1.0.0", status(422, "Invalid", "no such thing"))
    done = place.run("rollback", "staging")
    assert done.code == 1, done.said
    assert "--force --reason" in done.err
    assert place.remote.head() == before


def test_what_fails_is_rolled_back_though_a_rehearsal_would_refuse_it(place: Place) -> None:
    """Going back by itself asks nobody, and tries nothing first."""
    place.start(staging="")

    def mood(method: str, path: str, body: dict[str, Any]) -> Answer:
        tried = "dryRun" in path
        refused = ("1.0.0" in str(body)) if tried else ("2.0.0" in str(body))
        return (
            status(422, "Invalid", "no")
            if method == "PATCH" and "/cronjobs/web" in path and refused
            else None
        )

    place.kube.mood = mood
    assert release(place, "2.0.0").code == 1
    assert place.tags("staging")["web"] == "1.0.0"
    assert "1.0.0" in place.remote.git("show", "main:staging/web.yaml")


@pytest.mark.parametrize(
    "lost",
    ["no file", "no context", pytest.param("nobody there", marks=pytest.mark.slow), "no credentials"],
)
def test_a_cluster_that_cannot_be_asked(place: Place, lost: str) -> None:
    """Nothing is committed; a dry run still tells what it knows."""
    place.start(staging="")
    before = place.remote.head()
    file = place.folder / "kubeconfig"
    if lost == "no file":
        file.unlink()
    elif lost == "no context":
        file.write_text(file.read_text().replace("name: shop", "name: other"))
    elif lost == "nobody there":
        place.kube.close()
    else:
        place.kube.mood = lambda method, path, body: status(401, "Unauthorized", "Unauthorized")
    done = release(place, "1.1.0")
    assert done.code in (1, 2), done.said
    assert place.remote.head() == before
    assert "nothing was committed" in done.err
    tried = release(place, "1.1.0", "--dry-run", "--output", "json")
    assert tried.code == 0, tried.said
    cluster = json.loads(tried.out)["cluster"]
    assert cluster["refused"] or not cluster["asked"]


def test_automation_waits_until_the_cluster_takes_it(place: Place) -> None:
    """It is no failure, and nothing is committed; as soon as the cluster takes it, it goes out."""
    place.start(staging="release: automatic")
    before = place.remote.head()
    place.image("web", "1.1.0")
    refusing(place, "1.1.0", status(403, "Forbidden", "exceeded quota: few"))
    for _ in range(2):
        done = place.run("watch", "--output", "json")
        assert done.code == 0, done.said
        answer = json.loads(done.out)["staging"]
        assert answer["state"] == "held back"
        assert "exceeded quota" in answer["why"]
    assert place.remote.head() == before
    place.kube.mood = lambda method, path, body: None
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.1.0"


def test_the_plan_is_what_the_cluster_will_change(place: Place) -> None:
    """Beside the commit's diff: what somebody changed behind the repo's back would be put right with it."""
    place.start(staging="")
    address = "/apis/batch/v1/namespaces/staging/cronjobs/api"
    place.kube.objects[address]["spec"]["schedule"] = "5 5 5 5 5"
    place.kube.objects[address]["metadata"]["resourceVersion"] = "77"
    place.kube.objects[address]["metadata"]["managedFields"] = []
    done = release(place, "1.1.0", "--dry-run", "--output", "json")
    assert done.code == 0, done.said
    changes = {it["object"]: it for it in json.loads(done.out)["cluster"]["changes"]}
    assert changes["staging CronJob/web"]["of_this_release"]
    assert not changes["staging CronJob/api"]["of_this_release"]
    assert {"path": "spec.schedule", "live": "5 5 5 5 5", "wanted": "0 0 1 1 *"} in changes[
        "staging CronJob/api"
    ]["fields"]
    assert "In the cluster: 2 changed." in done.err
    assert "changes 1 object that this commit does not" in done.err


def test_a_webhook_that_cannot_be_tried_stops_nothing(place: Place) -> None:
    place.start(staging="")

    def mood(method: str, path: str, body: dict[str, Any]) -> Answer:
        if method == "PATCH" and "/cronjobs/" in path and "dryRun" in path:
            return status(400, "BadRequest", 'admission webhook "w" does not support dry run')
        return None

    place.kube.mood = mood
    done = release(place, "1.1.0")
    assert done.code == 0, done.said
    assert "could not be tried: admission webhook" in done.err


def test_another_environments_trouble_is_not_this_ones(place: Place) -> None:
    place.start(staging="", production="")
    refusing(place, "production", status(422, "Invalid", "no such thing"))
    assert release(place, "1.1.0").code == 0


def test_the_doctor_asks_for_the_rights_that_a_release_needs(place: Place) -> None:
    place.start(staging="")
    right = [it for it in json.loads(place.run("doctor", "--output", "json").out) if "rights" in it["what"]]
    assert [it["ok"] for it in right] == [True]
    place.kube.rules = [{"verbs": ["get", "list"], "apiGroups": ["*"], "resources": ["*"]}]
    found = [it for it in json.loads(place.run("doctor", "--output", "json").out) if "rights" in it["what"]]
    assert [it["ok"] for it in found] == [False]
    assert "may not patch cronjobs.batch in staging: nothing can be applied" in found[0]["found"]
    assert "may not create, update leases.coordination.k8s.io in staging" in found[0]["found"]


def test_replicas_that_an_autoscaler_sets_too_are_in_the_plan(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is done, and not by doctor alone: each reconcile would undo what the autoscaler did."""
    kind = ("v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "Namespaced")
    monkeypatch.setitem(kube_server.KINDS, "autoscaling", [kind])
    place.start(staging="")
    thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: web}\nspec: {replicas: 2}\n"
    place.remote.push({"staging/thing.yaml": thing})
    said = (
        "staging/thing.yaml:1: staging Thing/web says replicas: 2, and HorizontalPodAutoscaler/web scales it"
    )

    def planned() -> Done:
        done = release(place, "1.1.0", "--dry-run", "--output", "json")
        assert done.code == 0, done.said
        return done

    assert "scales it" not in planned().said
    at = "/apis/autoscaling/v2/namespaces/staging/horizontalpodautoscalers/web"
    target = {"apiVersion": "example.com/v1", "kind": "Thing", "name": "web"}
    meta = {"name": "web", "namespace": "staging", "uid": "h", "resourceVersion": "1"}
    place.kube.objects[at] = {"metadata": meta, "spec": {"scaleTargetRef": target}}
    done = planned()
    assert [it for it in json.loads(done.out)["cluster"]["warnings"] if it.startswith(said)]
    assert f"- warning: {said}" in done.err.replace("\\", "")
