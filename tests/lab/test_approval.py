"""Approvals: a release that people must approve waits in Prefect, bound to its exact plan, and holds nothing meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from headway.systems.prefect.api import PrefectApi
from lab.place import Place
from lab.processes import Server, began_at
from tests.lab.conftest import Lab
from tests.lab.test_prefect import call, start
from tests.lab.watchapp import WatchedApp, live


@pytest.fixture(scope="module")
def app(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedApp]:
    """An application whose production wants two approvals."""
    with live(lab, tmp_path_factory.mktemp("app"), production="promote_from: staging, approvals: 2") as made:
        yield made


def ask(lab: Lab, app: WatchedApp, version: str) -> str:
    """Start a release to production that waits; return the run's id."""
    image = app.image("web", version)
    request = {"environment": "production", "images": [{"service": "web", "image": image}], "actor": "ann"}
    code, run = start(lab, app, "release", request)
    assert code == 201, run
    return str(run["id"])


def until(lab: Lab, run: str, *names: str) -> dict[str, Any]:
    """Wait for a run to be in one of these states; return the state. The test's time limit ends it."""
    while True:
        state: dict[str, Any] = call(lab, "GET", f"/flow_runs/{run}")[1]["state"]
        if state["name"] in names:
            return state
        assert state["type"] not in ("FAILED", "CRASHED") or state["name"] in names, state
        time.sleep(0.3)


def question(lab: Lab, run: str) -> str:
    """Return the plan that a waiting run asks about."""
    with PrefectApi(lab.prefect_api_url) as api:
        waiting = next(it for it in api.waiting(environment="production") if it.run_id == run)
        return api.question(waiting)[0]


def answered(lab: Lab, run: str, before: dict[str, Any]) -> dict[str, Any]:
    """Wait until a run that was resumed waits again; return its new state."""
    while True:
        state = until(lab, run, "Suspended")
        if state["id"] != before["id"]:
            return state
        time.sleep(0.3)


def at_rest(lab: Lab, run: str) -> None:
    """Wait until a suspended run's process has ended. The test's time limit ends it."""
    _, _, pid = call(lab, "GET", f"/flow_runs/{run}")[1]["infrastructure_pid"].rpartition(":")
    while began_at(int(pid)) is not None:
        time.sleep(0.1)


def test_two_people_approve_and_it_goes_live(lab: Lab, app: WatchedApp) -> None:
    """It waits suspended, seen in status and by `headway approve`; the asker and the same person twice do not count."""
    run = ask(lab, app, "1.1.0")
    waiting = until(lab, run, "Suspended")
    assert app.commits()[0] == "Start"
    plan = question(lab, run)
    shown = app.run("status", "production", PREFECT_API_URL=lab.prefect_api_url).out
    assert f"plan {plan} waits for an approval" in shown
    listed = app.run("approve", PREFECT_API_URL=lab.prefect_api_url).out
    assert plan in listed
    done = app.run("approve", run, "--plan", plan, "--by", "Ann", PREFECT_API_URL=lab.prefect_api_url)
    assert done.code == 3, done.said
    assert "Ann cannot approve this: ann requested it" in done.err
    for who in ("bob", "Ann", "bob"):
        # As the form of the Prefect UI does, which knows nobody.
        answer = {"decision": "approve", "by": who, "reason": "", "plan": plan}
        call(lab, "POST", f"/flow_runs/{run}/resume", {"run_input": answer})
        waiting = answered(lab, run, waiting)
    assert app.run("approve", run, "--yes", "--by", "eve", PREFECT_API_URL=lab.prefect_api_url).code == 0
    until(lab, run, "Completed")
    told: dict[str, str] = {}
    with PrefectApi(lab.prefect_api_url) as api:
        api.follow(run, lambda kind, key, text: told.update({key: text} if kind == "report" else {}))
    assert "| wait for approval | " in next(
        text for key, text in told.items() if key.endswith("outcome-production")
    )
    assert app.tag("production", "web") == "1.1.0"
    message = app.log("-1", "--format=%B")
    assert "Headway-Approved-By: bob\nHeadway-Approved-By: eve" in message


def test_a_rejection_ends_it(lab: Lab, app: WatchedApp) -> None:
    """The run fails as refused, with who and why; nothing was committed."""
    head = app.log("-1", "--format=%H")
    run = ask(lab, app, "1.2.0")
    until(lab, run, "Suspended")
    done = app.run(
        "reject", run, "--yes", "--by", "bob", "--reason", "not today", PREFECT_API_URL=lab.prefect_api_url
    )
    assert done.code == 0, done.said
    state = until(lab, run, "Refused")
    assert state["message"].startswith("production: rejected by bob: not today")
    assert app.log("-1", "--format=%H") == head


def test_nonsense_and_late_answers(lab: Lab, app: WatchedApp) -> None:
    """An answer of the wrong form is refused and it waits on; one for another plan ends it; one too late is told."""
    run = ask(lab, app, "1.3.0")
    until(lab, run, "Suspended")
    for nonsense in ({}, {"by": ""}, {"by": "bob", "decision": "maybe"}):
        code, answer = call(lab, "POST", f"/flow_runs/{run}/resume", {"run_input": nonsense})
        assert (code, answer["status"]) == (200, "REJECT")
    call(
        lab,
        "POST",
        f"/flow_runs/{run}/resume",
        {"run_input": {"by": "bob", "decision": "approve", "plan": "0" * 12}},
    )
    state = until(lab, run, "Refused")
    assert "is no longer what would be done" in state["message"]
    late = app.run("approve", run, "--yes", PREFECT_API_URL=lab.prefect_api_url)
    assert (late.code, "nothing waits for an approval" in late.err) == (2, True)


def test_a_newer_release_supersedes_and_a_changed_plan_ends(lab: Lab, app: WatchedApp) -> None:
    """The older of two waiting releases ends as superseded; when the environment moves on, the plan is no longer the same."""
    older = ask(lab, app, "1.4.0")
    until(lab, older, "Suspended")
    newer = ask(lab, app, "1.5.0")
    state = until(lab, older, "Superseded")
    assert state["type"] == "CANCELLED"
    assert "superseded by the newer run" in state["message"]
    until(lab, newer, "Suspended")
    plan = question(lab, newer)
    forced = app.run(
        "release",
        "production",
        f"web={app.image('web', '1.6.0')}",
        "--force",
        "--reason",
        "outage",
        "--local",
    )
    assert forced.code == 0, forced.said
    assert (
        app.run("approve", newer, "--plan", plan, "--by", "bob", PREFECT_API_URL=lab.prefect_api_url).code
        == 0
    )
    state = until(lab, newer, "Refused")
    assert "is no longer what would be done" in state["message"]
    assert app.tag("production", "web") == "1.6.0"


def test_a_release_that_waits_is_cancelled_at_once(lab: Lab, app: WatchedApp) -> None:
    """It has no process to end: Cancel in the UI ends it, and nothing was committed."""
    head = app.log("-1", "--format=%H")
    run = ask(lab, app, "1.9.0")
    until(lab, run, "Suspended")
    state = {"state": {"type": "CANCELLING", "name": "Cancelling"}, "force": True}
    call(lab, "POST", f"/flow_runs/{run}/set_state", state)
    assert until(lab, run, "Cancelled", "Cancelling")["name"] == "Cancelled"
    at_rest(lab, run)
    assert until(lab, run, "Cancelled", "Crashed")["name"] == "Cancelled"
    assert app.log("-1", "--format=%H") == head


def test_time_runs_out(lab: Lab, app: WatchedApp) -> None:
    """A release that nobody approves in time ends, and says so; nothing was committed."""
    app.configure(production="promote_from: staging, approvals: 1, approval_timeout: 3s")
    head = app.log("-1", "--format=%H")
    run = ask(lab, app, "1.7.0")
    state = until(lab, run, "Failed")
    assert "never resumed" in state["message"]
    assert app.log("-1", "--format=%H") == head


def test_waiting_survives_a_restart_of_server_and_worker(lab: Lab, app: WatchedApp) -> None:
    """Both are killed while a release waits; when they are back it still waits, and an approval makes it live."""
    app.configure(production="promote_from: staging, approvals: 1, approval_timeout: 1h")
    run = ask(lab, app, "1.8.0")
    until(lab, run, "Suspended")
    at_rest(lab, run)
    place = Place.default()
    for name in ("worker", "prefect"):
        Server(place, name).stop()
    done = subprocess.run([sys.executable, "-m", "lab", "up"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = app.run("approve", run, "--yes", "--by", "bob", PREFECT_API_URL=lab.prefect_api_url)
    assert answer.code == 0, answer.said
    until(lab, run, "Completed")
    assert app.tag("production", "web") == "1.8.0"


def test_who_asks_must_be_named(lab: Lab, app: WatchedApp) -> None:
    """A release that says nobody in `actor` could be approved by who asked for it, so it is refused, by the field's name."""
    app.configure(production="promote_from: staging, approvals: 1, approval_timeout: 1h")
    request = {
        "environment": "production",
        "images": [{"service": "web", "image": app.image("web", "1.9.0")}],
    }
    code, run = start(lab, app, "release", request)
    assert code == 201, run
    assert "fill in `actor`" in until(lab, str(run["id"]), "Invalid", "Refused")["message"]
