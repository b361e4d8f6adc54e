"""With a Prefect server: how soon a run begins, what headway itself costs, how soon it is live; the command's start."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measure import Comparison, tell, timed
from benchmarks.place import Place, image
from headway.domain.runs.deployments import deployment_of
from headway.systems.prefect.api import FINAL, PrefectApi
from lab import place as labplace
from lab.processes import Server

BIN = Path(sys.executable).parent


def run_all(rounds: int) -> list[Comparison]:
    """Measure the command's start, then both workers beside each other, then whole releases."""
    place = Place()
    environment = {**os.environ, "HEADWAY_LOCAL": "", "PREFECT_API_URL": ""}
    try:
        first = [str(BIN / "headway"), "reconcile", "staging", "--local"]
        subprocess.run(first, env=environment, capture_output=True, check=True)
        rows = _commands(environment, rounds)
        with (
            PrefectApi(os.environ["PREFECT_API_URL"]) as api,
            _worker("stock", place, [str(BIN / "prefect"), "worker", "start", "--pool"]) as stock,
            _worker("warm", place, [str(BIN / "headway"), "worker", "--pool"]) as warm,
        ):
            rows.append(_begin(api, stock, warm, rounds))
            rows += _releases(api, warm, place, rounds)
        return [*rows, _local(place, rounds)]
    finally:
        place.delete()


def _commands(environment: dict[str, str], rounds: int) -> list[Comparison]:
    rows = [
        Comparison("`headway --help`", "`python -c pass`", "0.3 s"),
        Comparison("`headway status`, one environment", "`python -c pass`", "0.8 s"),
    ]
    for row, words in zip(rows, (["--help"], ["status", "staging"]), strict=True):
        command = [str(BIN / "headway"), *words]
        subprocess.run(command, env=environment, capture_output=True, check=True)
        for _ in range(rounds):
            row.theirs.append(timed(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True)))
            row.ours.append(
                timed(lambda: subprocess.run(command, env=environment, capture_output=True, check=True))  # noqa: B023
            )
    return rows


@contextlib.contextmanager
def _worker(name: str, place: Place, command: list[str]) -> Iterator[str]:
    """Serve a work pool of its own with a worker; return the prefix of its deployments."""
    prefix = f"bench-{uuid.uuid4().hex[:6]}-{name}-"
    pool = yaml.safe_load((labplace.ROOT / "deployments/pool.yaml").read_text())
    pool["name"] = prefix + "pool"
    environment = {**os.environ, "HEADWAY_LOCAL": "", "HEADWAY_DEPLOYMENTS": prefix}
    server = Server(labplace.Place.default(), f"bench-{name}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pool.yaml")
        file.write_text(yaml.safe_dump(pool))
        sync = [sys.executable, "-m", "headway.deployments.sync", "--pool", str(file)]
        subprocess.run(sync, cwd=labplace.ROOT, env=environment, check=True, capture_output=True)
        server.start([*command, pool["name"]], env=environment, cwd=labplace.ROOT)
    try:
        yield prefix
    finally:
        server.stop(grace=2)
        with PrefectApi(os.environ["PREFECT_API_URL"]) as api:
            for each in api.call(
                "POST", "/deployments/filter", {"deployments": {"tags": {"all_": ["app:bench"]}}}
            ):
                if each["name"].startswith(prefix):
                    api.call("DELETE", f"/deployments/{each['id']}")
            for each in api.call("POST", "/automations/filter", {"limit": 200}):
                if prefix in each["name"]:
                    api.call("DELETE", f"/automations/{each['id']}")


def _run(
    api: PrefectApi, flow: str, deployment: str, request: dict[str, Any]
) -> tuple[dict[str, Any], list[Any]]:
    """Run a flow to its end; return the run and its tasks."""
    run_id = api.start(flow, deployment, {"request": request}, uuid.uuid4().hex, ["bench"], lambda *_: None)
    while True:
        run = api.call("GET", f"/flow_runs/{run_id}")
        if run["state"]["type"] in FINAL:
            break
        time.sleep(0.1)
    assert run["state"]["type"] == "COMPLETED", run["state"]
    while True:
        # Prefect records tasks from their events, so a while after the run has ended.
        tasks = api.call("POST", "/task_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
        if tasks and all(it["end_time"] for it in tasks):
            return run, tasks
        time.sleep(0.1)


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _begin(api: PrefectApi, stock: str, warm: str, rounds: int) -> Comparison:
    row = Comparison("API call → first task running", "stock process worker, its defaults", "a third; 2 s")
    request = {"environment": "staging", "dry_run": True}
    for number in range(rounds + 1):
        tell(f"  begin, round {number} of {rounds}")
        for prefix, into in ((stock, row.theirs), (warm, row.ours)):
            run, tasks = _run(api, "reconcile", f"{prefix}reconcile", request)
            if number:  # the first one of each is not measured: it makes the mirror
                into.append(min(_at(it["start_time"]) for it in tasks) - _at(run["created"]))
    return row


def _releases(api: PrefectApi, warm: str, place: Place, rounds: int) -> list[Comparison]:
    whole = Comparison(
        "API call → live, 3 replicas, image in the registry", "`kubectl set image`, `rollout status`", "+3 s"
    )
    own = Comparison("headway's own time in a release, with a server", "–", "1.5 s")
    images = [image(place.registry, f"v{number}") for number in (1, 2)]
    for number in range(rounds):
        tell(f"  release, round {number + 1} of {rounds}")
        wanted = images[(number + 1) % 2]
        began = time.perf_counter()
        request = {"environment": "staging", "images": [{"service": "web", "image": wanted}]}
        run, tasks = _run(api, "release", deployment_of("release", "staging", warm), request)
        whole.ours.append(time.perf_counter() - began)
        watched = sum(
            _at(it["end_time"]) - _at(it["start_time"]) for it in tasks if it["name"].startswith("watch ")
        )
        own.ours.append(_at(run["end_time"]) - _at(run["start_time"]) - watched)
        whole.theirs.append(timed(lambda: _kubectl(place, images[number % 2])))  # noqa: B023
        # The repo says `wanted`, and so does the cluster again.
        _run(api, "reconcile", f"{warm}reconcile", {"environment": "staging"})
    return [whole, own]


def _kubectl(place: Place, wanted: str) -> None:
    for words in (
        ["set", "image", "deployment/web", f"web={wanted}"],
        ["rollout", "status", "deployment/web", "--timeout=120s"],
    ):
        subprocess.run(["kubectl", "--namespace", place.name, *words], check=True, capture_output=True)


def _local(place: Place, rounds: int) -> Comparison:
    """Release in this process, and leave out the time in which the rollout is watched."""
    os.environ["HEADWAY_LOCAL"] = "1"
    from headway.flows.release import release_images
    from headway.operations import reconciliation
    from headway.operations.connections import Connections
    from headway.requests import ReleaseRequest, ServiceImage
    from headway.runtime import local

    local.listen(lambda *_: None)
    row = Comparison("headway's own time in a release, `--local`", "–", "0.5 s")
    watch, watched = reconciliation.watch_rollout, [0.0]

    def timed_watch(*arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return watch(*arguments)
        finally:
            watched[0] += time.perf_counter() - began

    reconciliation.watch_rollout = timed_watch
    try:
        images = [image(place.registry, f"v{number}") for number in (1, 2)]
        with Connections() as connections:
            for number in range(rounds + 1):
                watched[0] = 0.0
                asked = ReleaseRequest(
                    environment="staging",
                    images=[ServiceImage(service="web", image=images[number % 2])],
                )
                took = timed(lambda: release_images(connections, asked))  # noqa: B023
                if number:
                    row.ours.append(took - watched[0])
    finally:
        reconciliation.watch_rollout = watch
    return row
