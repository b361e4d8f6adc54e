"""The same flows through a real Prefect server and worker: started by the API, told on the run's page."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest

from headway.domain.runs.deployments import deployment_of
from headway.systems.prefect.api import PrefectApi
from tests.lab.app import App
from tests.lab.conftest import Lab
from tests.lab.watchapp import live


def call(lab: Lab, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Ask the Prefect server as CI's curl does; try again where SQLite is busy."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(
        lab.prefect_api_url + path, data, {"Content-Type": "application/json"}, method=method
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code != 503:
                return error.code, json.loads(error.read())
        except TimeoutError:
            # What is asked here may be asked twice: runs have keys, and the rest only looks or sets.
            continue


def start(lab: Lab, app: App, flow: str, request: dict[str, Any], key: str = "") -> tuple[int, Any]:
    """Create a run of a deployment for a test's own config repo."""
    name = deployment_of(flow, request.get("environment", "staging"), "")
    _, deployment = call(lab, "GET", f"/deployments/name/{flow}/{name}")
    environment = {name: it for name, it in app.environment().items() if name.startswith("HEADWAY_")}
    environment |= {"HEADWAY_KUBECONFIG": lab.kubeconfig, "HEADWAY_DOCKER_CONFIG": lab.docker_config}
    body = {
        "parameters": {"request": request},
        "idempotency_key": key or uuid.uuid4().hex,
        "job_variables": {"env": environment},
    }
    return call(lab, "POST", f"/deployments/{deployment['id']}/create_flow_run", body)


def test_a_release_through_the_api(lab: Lab, app: App) -> None:
    """It completes; its name says what it is; plan and outcome are artifacts; the same key is the same run."""
    request = {
        "environment": "staging",
        "images": [{"service": "web", "image": app.image("web", "v2")}],
        "actor": "ci:42",
    }
    code, run = start(lab, app, "release", request, "ci-web-v2-" + app.name)
    assert code == 201, run
    again, same = start(lab, app, "release", request, "ci-web-v2-" + app.name)
    assert (again, same["id"]) == (200, run["id"])
    told: list[tuple[str, str]] = []
    with PrefectApi(lab.prefect_api_url) as api:
        ended = api.follow(run["id"], lambda kind, key, text: told.append((kind, key or text)))
    assert ended.kind == "COMPLETED", ended
    assert {key for kind, key in told if kind == "report"} == {"plan-staging", "outcome-staging"}
    assert any("the release is commit" in text for kind, text in told if kind == "log")
    assert call(lab, "GET", f"/flow_runs/{run['id']}")[1]["name"] == "staging: release web"
    assert app.running("staging", "web") == app.image("web", "v2")
    assert "Headway-Actor: ci:42" in app.log("-1", "--format=%B")


def test_a_release_that_is_refused_ends_with_its_cause(lab: Lab, app: App) -> None:
    """The run's state says what was wrong, without a traceback."""
    request = {"environment": "staging", "images": [{"service": "web", "image": "nosuch"}]}
    _, run = start(lab, app, "release", request)
    with PrefectApi(lab.prefect_api_url) as api:
        ended = api.follow(run["id"], lambda *_: None)
    assert ended.kind == "FAILED"
    assert ended.name == "Invalid"
    assert "has no tag nosuch" in ended.message
    assert "Traceback" not in ended.message


@pytest.mark.parametrize(
    "request_body",
    [
        {},
        {"environment": "staging"},
        {"environment": "staging", "images": []},
        {"enviroment": "staging", "images": [1]},
    ],
)
def test_wrong_input_is_refused_before_a_run_exists(lab: Lab, app: App, request_body: dict[str, Any]) -> None:
    """The server answers 409 and names what is wrong."""
    code, answer = start(lab, app, "release", request_body)
    assert code == 409
    assert "alidation" in answer["detail"]


def test_one_run_releases_to_several_environments(lab: Lab, tmp_path: Path) -> None:
    """One watch that finds something for two environments makes a release, with an id of its own, in each."""
    with live(lab, tmp_path, production="release: automatic") as watched:
        watched.image("web", "1.1.0")
        _, run = start(lab, watched, "watch-registry", {})
        with PrefectApi(lab.prefect_api_url) as api:
            ended = api.follow(run["id"], lambda *_: None)
        assert ended.kind == "COMPLETED", ended
        assert (watched.tag("staging", "web"), watched.tag("production", "web")) == ("1.1.0", "1.1.0")
        message = watched.log("-2", "--format=%B")
        ids = {line for line in message.splitlines() if line.startswith("Headway-Release: ")}
        assert len(ids) == 2
