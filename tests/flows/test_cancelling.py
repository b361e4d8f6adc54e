"""Runs on a Prefect server: to stop following one leaves it alone, and says how it is cancelled; `cancel` cancels it."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.conftest import HEADWAY, Done, Place
from tests.servers.http import HttpServer, Sent

RUN, OTHER = ("11111111-2222-3333-4444-55555555555" + it for it in "56")


def going(run: str, name: str, environment: str, state: str = "Running") -> dict[str, Any]:
    """Return a run as the server lists it."""
    return {
        "id": run,
        "name": name,
        "parameters": {"request": {"environment": environment}},
        "state": {"type": state.upper(), "name": state},
        "expected_start_time": "2026-11-24T12:00:00+00:00",
    }


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A server where a release to staging is on its way, and one to production waits."""
    made = HttpServer()
    runs = [going(RUN, "shop: staging: release web", "staging"), going(OTHER, "shop: production: promote", "production", "Paused")]  # fmt: skip
    made.standing |= {
        "/api/flow_runs/filter": lambda _: runs,
        f"/api/flow_runs/{RUN}/set_state": lambda _: {"status": "ACCEPT", "state": {"type": "CANCELLING"}},
        f"/api/flow_runs/{OTHER}/set_state": lambda _: {"status": "REJECT", "state": {"type": "CANCELLED"}},
    }
    yield made
    made.close()


def headway(place: Place, server: HttpServer, *words: str) -> Done:
    """Run a command against the server."""
    if not place.remote.git("for-each-ref"):
        place.rules = {"staging": "", "production": ""}
        place.remote.push({"headway.yaml": place.headway_yaml()})
    return place.run(*words, HEADWAY_LOCAL="", HEADWAY_PREFECT=f"{server.url}/api")


def sent(server: HttpServer) -> list[Sent]:
    """Return what changed a run's state."""
    return [it for it in server.sent if it.path.endswith("/set_state")]


def test_what_runs_is_listed(place: Place, server: HttpServer) -> None:
    """With its environment and its id; only this application's."""
    done = headway(place, server, "cancel", "--output", "json")
    assert [(it["environment"], it["run"]) for it in json.loads(done.out)] == [
        ("staging", RUN),
        ("production", OTHER),
    ]
    asked = next(it.data for it in server.sent if it.path.endswith("/flow_runs/filter"))
    assert asked["flow_runs"]["tags"] == {"all_": ["headway", "app:shop"]}
    assert not sent(server)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("staging", "cancelled; its worker ends it"),
        (RUN, "`headway reconcile staging` finishes it, `headway rollback staging` undoes it"),
        ("production", "cancelled before it changed anything"),
    ],
)
def test_a_run_is_cancelled(place: Place, server: HttpServer, what: str, said: str) -> None:
    """By its environment or its id; it says whether something may be left, and the run's state says who did it."""
    done = headway(place, server, "cancel", what, "--reason", "wrong version")
    assert done.code == 0, done.said
    assert said in done.out
    asked = [it.data["state"] for it in sent(server)]
    # Of a run that waits the server drops the words with the state that it takes instead: they are set again.
    assert [it["type"] for it in asked] == ["CANCELLING", *(["CANCELLED"] if what == "production" else [])]
    assert {it["message"] for it in asked} == {"cancelled by tester: wrong version"}


@pytest.mark.parametrize(("words", "code"), [(["staging", "--dry-run"], 0), (["elsewhere"], 2)])
def test_nothing_is_cancelled(place: Place, server: HttpServer, words: list[str], code: int) -> None:
    """By a dry run, nor where nothing is meant."""
    assert headway(place, server, "cancel", *words).code == code
    assert not sent(server)


def test_what_is_over_cannot_be_cancelled(place: Place, server: HttpServer) -> None:
    """The server says so, and the command too."""
    server.standing[f"/api/flow_runs/{RUN}/set_state"] = lambda _: {
        "status": "ABORT",
        "state": {"type": "COMPLETED"},
    }
    done = headway(place, server, "cancel", "staging")
    assert done.code == 2
    assert "cannot be cancelled any more: it is completed" in done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.slow
def test_to_stop_following_leaves_the_run_alone(
    place: Place, server: HttpServer, number: signal.Signals
) -> None:
    """It says that the run goes on, and how it is cancelled."""
    followed = threading.Event()

    def look(_: Sent) -> dict[str, Any]:
        followed.set()
        return {"state": {"type": "RUNNING", "name": "Running", "message": ""}}

    server.standing |= {
        "/api/deployments/name/rollback/rollback-staging": lambda _: {
            "id": "d",
            "tags": ["app:shop"],
            "labels": {},
        },
        "/api/deployments/d/create_flow_run": lambda _: (201, {"id": RUN}, {}),
        f"/api/flow_runs/{RUN}": look,
        "/api/logs/filter": lambda _: [],
        "/api/artifacts/filter": lambda _: [],
    }
    place.rules = {"staging": ""}
    place.remote.push({"headway.yaml": place.headway_yaml()})
    environment = {**place.environment(), "HEADWAY_LOCAL": "", "HEADWAY_PREFECT": f"{server.url}/api"}
    process = subprocess.Popen(
        [HEADWAY, "rollback", "staging"], env=environment, stderr=subprocess.PIPE, text=True
    )
    assert followed.wait(60)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"the run goes on; `headway cancel {RUN}` cancels it" in err
    assert not sent(server)
