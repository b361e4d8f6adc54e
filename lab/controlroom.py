"""The Prefect server, and a worker that runs headway's deployments."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from headway.systems.prefect.http import PrefectHttp
from lab.place import ROOT, LabError, Place
from lab.processes import Server
from lab.telling import step

POOL = "headway"
DEMO = "app:shop"
"""The tag of what the demo's sync made. One for no application, as here, leaves an application's alone."""
FIRST_START_SECONDS = 180


def start(place: Place) -> None:
    """Start the Prefect server without waiting: its first start takes half a minute."""
    Server(place, "prefect").start(
        [
            sys.executable,
            "-m",
            "headway.deployments.server",
            "--host",
            "127.0.0.1",
            "--port",
            str(place.prefect_port),
        ],
        env=_environment(place),
        cwd=place.folder("prefect"),
    )


def finish(place: Place) -> None:
    """Wait for the server; deploy the flows and start a worker where there is a prefect.yaml."""
    server = Server(place, "prefect")
    if not _healthy(place):
        with step(f"Prefect server {place.environment()['PREFECT_API_URL']}"):
            server.wait(lambda: _healthy(place), FIRST_START_SECONDS)
    if (ROOT / "prefect.yaml").exists():
        _worker(place)


def deploy(place: Place) -> None:
    """Make the server's control room what the files say, in place of a demo's; running it again changes nothing."""
    with PrefectHttp(place.environment()["PREFECT_API_URL"]) as api:
        for kind in ("deployments", "automations"):
            for each in api.call("POST", f"/{kind}/filter", {kind: {"tags": {"all_": ["headway", DEMO]}}}):
                api.call("DELETE", f"/{kind}/{each['id']}")
    environment = {key: it for key, it in _environment(place).items() if not key.startswith("HEADWAY_")}
    done = subprocess.run(
        [sys.executable, "-m", "headway.deployments.sync"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LabError(f"deployments/sync failed:\n{(done.stdout + done.stderr)[-2000:]}")


def down(place: Place) -> None:
    """End the worker and the server."""
    Server(place, "worker").stop(grace=3)
    Server(place, "prefect").stop()


def _worker(place: Place) -> None:
    """Start a worker with what `headway.env` in the lab's state says headway needs."""
    worker = Server(place, "worker")
    extra = place.state / "headway.env"
    said = _identity() + (extra.read_text() if extra.exists() else "")
    known = place.state / "worker.env"
    if worker.pid is not None and known.exists() and known.read_text() == said:
        return
    with step("headway's deployments, and a Prefect worker"):
        worker.stop()
        deploy(place)
        environment = {**_environment(place), **read_env(extra)}
        worker.start(
            [str(Path(sys.executable).with_name("headway")), "worker", "--pool", POOL, "--name", "lab"],
            env=environment,
            cwd=ROOT,
        )
        place.write("worker.env", said)


def _identity() -> str:
    """Say whose code a worker runs and what was deployed, so that another checkout or a changed form starts again."""
    files = [
        ROOT / "prefect.yaml",
        *sorted((ROOT / "deployments").glob("*.*")),
        ROOT / "headway" / "requests.py",
        *sorted((ROOT / "flows").glob("*.py")),
    ]
    content = hashlib.sha256(b"".join(it.read_bytes() for it in files)).hexdigest()
    return f"{sys.executable} {content}\n"


def read_env(path: Path) -> dict[str, str]:
    """Read KEY=VALUE lines; a missing file has none."""
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {key: value for key, _, value in pairs}


def _environment(place: Place) -> dict[str, str]:
    return {
        **os.environ,
        **place.environment(),
        "PREFECT_HOME": str(place.folder("prefect")),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
    }


def _healthy(place: Place) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{place.prefect_port}/api/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
