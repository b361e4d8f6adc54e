"""Applying an environment beside things that are not its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.flows import kube_server
from tests.unit.flows.conftest import Place

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


def test_a_removed_version_is_told_with_the_one_that_is_served(place: Place) -> None:
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


def test_an_api_that_does_not_answer_is_no_reason_to_look_for_a_crd(place: Place) -> None:
    """Its server is away: nothing is known of its kinds, and nothing is a failed release."""
    place.start(staging="release: manual")
    discovery = kube_server._discovery(core=False)
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
