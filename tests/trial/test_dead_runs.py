"""Runs that die are seen and finished by themselves: nobody has to look."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab.place import Place
from lab.processes import Server
from tests.lab.app import App
from tests.lab.conftest import Lab
from tests.lab.test_prefect import call


@pytest.fixture(scope="module")
def synced(app: App) -> Iterator[App]:
    """An app with deployments of its own."""
    done = app.sync()
    assert done.code == 0, done.said
    return app


def start(lab: Lab, app: App, version: str) -> str:
    """Start a release of a version that takes a while to be ready; return the run's id."""
    _, found = call(lab, "GET", f"/deployments/name/release/{app.name}-release-staging")
    request = {"environment": "staging", "images": [{"service": "web", "image": app.image("web", version)}]}
    code, run = call(
        lab, "POST", f"/deployments/{found['id']}/create_flow_run", {"parameters": {"request": request}}
    )
    assert code == 201, run
    return str(run["id"])


def state(lab: Lab, run: str, *names: str) -> dict[str, Any]:
    """Wait until a run is in one of these states; return the run. The test's time limit ends it."""
    while True:
        found: dict[str, Any] = call(lab, "GET", f"/flow_runs/{run}")[1]
        if found["state"]["name"] in names:
            return found
        time.sleep(0.2)


def committed(lab: Lab, app: App, run: str) -> None:
    """Wait until a run has committed and its cluster begins to change."""
    head = app.log("-1", "--format=%H")
    state(lab, run, "Running")
    while app.log("-1", "--format=%H") == head:
        time.sleep(0.05)


def test_a_killed_process_is_restarted(lab: Lab, synced: App) -> None:
    """A release whose process is killed in the middle is crashed at once, restarted, and live; committed once."""
    run = start(lab, synced, "v2")
    committed(lab, synced, run)
    _, _, pid = state(lab, run, "Running")["infrastructure_pid"].rpartition(":")
    os.kill(int(pid), signal.SIGKILL)
    ended = state(lab, run, "Completed", "Failed", "Superseded")
    assert ended["state"]["name"] == "Completed", ended["state"]
    assert ended["run_count"] == 2
    assert synced.running("staging", "web") == synced.image("web", "v2")
    assert synced.log("--format=%s").count("Release web to staging") == 1


@pytest.mark.timeout(400)
def test_process_and_worker_are_gone(lab: Lab, synced: App) -> None:
    """Nobody can report the death: the server misses the heartbeat, and another worker finishes it."""
    place = Place.default()
    run = start(lab, synced, "v3")
    committed(lab, synced, run)
    Server(place, "worker").stop(kill=True)
    done = subprocess.run([sys.executable, "-m", "lab", "up"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    state(lab, run, "Crashed", "AwaitingRetry", "Completed")
    ended = state(lab, run, "Completed", "Failed", "Superseded")
    assert ended["state"]["name"] == "Completed", ended["state"]
    assert synced.running("staging", "web") == synced.image("web", "v3")
    assert synced.log("--format=%s").count("Release web to staging") == 2


@pytest.mark.timeout(400)
def test_cancelled_when_process_and_worker_are_gone(lab: Lab, synced: App) -> None:
    """Nobody is left to end it: the server makes it cancelled by itself, and it is never restarted."""
    run = start(lab, synced, "v4")
    committed(lab, synced, run)
    Server(Place.default(), "worker").stop(kill=True)
    cancel = {"state": {"type": "CANCELLING", "name": "Cancelling"}, "force": True}
    call(lab, "POST", f"/flow_runs/{run}/set_state", cancel)
    done = subprocess.run([sys.executable, "-m", "lab", "up"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ended = state(lab, run, "Cancelled", "Crashed", "Completed", "Failed")
    assert ended["state"]["name"] == "Cancelled", ended["state"]
    assert "no worker has reported" in ended["state"]["message"]
    finished = synced.run("reconcile", "staging", "--local")
    assert finished.code == 0, finished.said
    assert synced.running("staging", "web") == synced.image("web", "v4")
    states = call(lab, "GET", f"/flow_run_states/?flow_run_id={run}")[1]
    names = [it["name"] for it in states]
    # Once by the automation of the app and once by that of the lab, at one moment.
    assert set(names[names.index("Cancelling") + 1 :]) == {"Cancelled"}
