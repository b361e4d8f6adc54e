"""What status says of an environment beside its services: what does not become as the repo says by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.flows.conftest import Done, Place

JOBS = "/apis/batch/v1/namespaces/staging/cronjobs"


def status(place: Place, *more: str) -> tuple[dict[str, Any], Done]:
    """Ask for the status as JSON and as a table."""
    found = place.run("status", "staging", "--output", "json", *more)
    return json.loads(found.out)[0], place.run("status", "staging", *more)


def leave_it_going(place: Place, name: str) -> None:
    meta = place.kube.objects[f"{JOBS}/{name}"]["metadata"]
    meta |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/wait"]}


@pytest.mark.parametrize("exit_code", [False, True], ids=["status", "status --exit-code"])
@pytest.mark.parametrize("left_the_repo", [False, True], ids=["in the repo", "left the repo"])
def test_a_deletion_that_does_not_end_is_listed(place: Place, left_the_repo: bool, exit_code: bool) -> None:
    """With what it waits for, also of an object that no manifest names any more."""
    place.start(staging="")
    leave_it_going(place, "api")
    if left_the_repo:
        place.kube.mood = lambda method, path, body: (200, {}) if method == "DELETE" else None
        place.remote.push({"staging/api.yaml": None})
        assert place.run("reconcile", "staging").code == 0
    found, table = status(place, *(["--exit-code"] if exit_code else []))
    waits = "is being deleted, waits for example.com/wait"
    assert found["stuck"] == [{"object": "staging CronJob/api", "waits": waits}]
    assert f"staging CronJob/api {waits}" in table.out


def test_fields_of_other_tools_are_counted(place: Place) -> None:
    """Applying leaves them, so they are named here, and shown by diff."""
    place.start(staging="")
    at = f"{JOBS}/web"
    web = place.kube.objects[at]
    web["spec"]["suspend"] = True
    fields = {"manager": "helm", "operation": "Update", "fieldsV1": {"f:spec": {"f:suspend": {}}}}
    web["metadata"]["managedFields"].append(fields)

    def mood(method: str, path: str, body: Any) -> tuple[int, dict[str, Any]] | None:
        if method == "PATCH" and isinstance(body, list):
            spec = {name: it for name, it in web["spec"].items() if name != "suspend"}
            return 200, {**web, "spec": spec}
        return None

    place.kube.mood = mood
    found, table = status(place)
    assert found["fields_of_others"] == {"staging CronJob/web": 1}
    assert "1 field of 1 object that other tools set and the repo does not have" in table.out
    assert "`headway diff staging` shows them" in table.out
    assert "spec.suspend" in place.run("diff", "staging").out


def test_a_push_that_is_not_applied_is_reported_with_how_to_go_on(place: Place) -> None:
    """`older_push: refuse` leaves the cluster as it is, until somebody looks."""
    place.start("1.1.0", staging="older_push: refuse")
    place.remote.push({"staging/web.yaml": place.job("web", place.image("web", "1.0.0"))})
    assert place.run("reconcile", "staging").code == 3
    found, table = status(place)
    for said in (found["older_push"], table.out):
        assert (
            "a push reverts images, and is not applied: web 1.0.0 is older than what was live (1.1.0)" in said
        )
        assert "`headway reconcile staging --force --reason" in said
    assert any("a push reverts images" in it for it in found["wrong"])


def test_nothing_is_said_where_nothing_stays(place: Place) -> None:
    place.start(staging="older_push: refuse")
    found, table = status(place)
    assert (found["stuck"], found["fields_of_others"], found["older_push"]) == ([], {}, "")
    assert found["warnings"] == []
    assert table.out.rstrip().endswith(found["summary"])
