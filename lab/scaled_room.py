"""A whole control room as on several machines, for one config repo: what the trial and the benchmark start.

Two API servers on PostgreSQL and Redis behind a balancer, the services beside them, two workers with
a state folder each. All of it ends with its context.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headway.domain.runs.deployments import deployment_of
from lab import machines
from lab.balancer import Balancer
from lab.place import ROOT, LabError, Place
from lab.processes import Server

LOGIN = "admin:only-for-tests"
STARTS = 3
"""How often a run that dies is started at most (headway's own cap)."""
POLL = 0.5
READY_SECONDS = 120


@dataclass
class ControlRoom:
    """Where it is, and what people and CI do with it. `prefix` begins the names of its containers."""

    place: Place
    prefix: str
    image: str
    api: str
    repo: str
    secrets: Path
    balancer: Balancer
    names: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Ask the API; again where a server has just gone."""
        data = json.dumps(body).encode() if body is not None else None
        login = base64.b64encode(LOGIN.encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
        while True:
            request = urllib.request.Request(self.api + path, data, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.status, json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    return error.code, json.loads(error.read() or b"null")
            except (OSError, ValueError):
                time.sleep(0.2)

    def start(self, flow: str, environment: str, request: dict[str, Any], key: str) -> str:
        """Start a run as CI does; give its id. The same key is the same run."""
        _, found = self.call("GET", f"/deployments/name/{flow}/{deployment_of(flow, environment, '')}")
        body = {"parameters": {"request": request}, "idempotency_key": key}
        code, run = self.call("POST", f"/deployments/{found['id']}/create_flow_run", body)
        if code not in (200, 201):
            raise LabError(f"{flow} to {environment} was not started: {code} {run}")
        return str(run["id"])

    def ended(self, run: str, poll: float = POLL) -> dict[str, Any]:
        """Wait until a run has ended for good: one that crashed is restarted."""
        while True:
            _, found = self.call("GET", f"/flow_runs/{run}")
            if is_over(found):
                made: dict[str, Any] = found
                return made
            time.sleep(poll)

    def sync(self, *options: str) -> None:
        """Make its deployments what the files and the config repo say."""
        with tempfile.TemporaryDirectory() as state:
            done = subprocess.run(
                [sys.executable, "-m", "headway.deployments.sync", *options],
                cwd=ROOT,
                env={
                    **os.environ,
                    "HEADWAY_REPO": self.repo,
                    "HEADWAY_STATE": state,
                    "PREFECT_API_URL": self.api,
                    "PREFECT_API_AUTH_STRING": LOGIN,
                },
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise LabError(f"deployments/sync failed:\n{(done.stdout + done.stderr)[-2000:]}")

    def run(self, name: str, command: list[str], env: dict[str, str]) -> None:
        """Start a container of headway's image."""
        self.names.append(f"{self.prefix}-{name}")
        mounts = {str(self.secrets): "/secrets"}
        machines.container(self.place, self.names[-1], self.image, command, env, mounts=mounts)

    def logs(self) -> str:
        """Give the end of what each container said."""
        return "\n".join(f"--- {it}\n{machines.logs(self.place, it)}" for it in self.names)


def is_over(run: dict[str, Any]) -> bool:
    """Say whether a run has ended for good."""
    kind = run["state"]["type"]
    return kind in ("COMPLETED", "FAILED", "CANCELLED") or (kind == "CRASHED" and run["run_count"] >= STARTS)


@contextlib.contextmanager
def control_room(place: Place, prefix: str, repo: str, *, workers: int = 2) -> Iterator[ControlRoom]:
    """Start it, with deployments for a config repo, and end it."""
    image = machines.image(place)
    postgres, redis, first, second = _free_ports(4)
    with tempfile.TemporaryDirectory(prefix="headway-room-") as folder:
        os.chmod(folder, 0o755)
        secrets = _secrets(place, Path(folder, "secrets"))
        balancer = Balancer(first, second)
        api = f"http://127.0.0.1:{balancer.port}/api"
        room = ControlRoom(place, prefix, image, api, repo, secrets, balancer)
        try:
            database = machines.postgres(place, postgres, Path(folder))
            machines.redis(place, redis)
            _servers(room, machines.prefect_environment(database, redis), (first, second))
            room.sync()
            _workers(room, workers)
            yield room
        finally:
            machines.remove(place, *room.names)
            balancer.close()
            for name in ("redis", "postgres"):
                Server(place, name).stop()


def _secrets(place: Place, secrets: Path) -> Path:
    """Make the folder that the containers see, with the kubeconfig and Docker's logins."""
    secrets.mkdir()
    environment = place.environment()
    kubeconfig = json.loads(Path(environment["LAB_KUBECONFIG"]).read_text())
    for each in kubeconfig["clusters"]:
        authority = Path(each["cluster"].pop("certificate-authority")).read_bytes()
        each["cluster"]["certificate-authority-data"] = base64.b64encode(authority).decode()
    (secrets / "kubeconfig").write_text(json.dumps(kubeconfig))
    (secrets / "docker").mkdir()
    shutil.copy(Path(environment["DOCKER_CONFIG"]) / "config.json", secrets / "docker" / "config.json")
    for path in (secrets, *secrets.rglob("*")):
        os.chmod(path, 0o755)
    return secrets


def _servers(room: ControlRoom, prefect: dict[str, str], ports: tuple[int, ...]) -> None:
    """Start the API servers and the services beside them on a fresh database, and wait until they answer."""
    prefect = {**prefect, "PREFECT_SERVER_API_AUTH_STRING": LOGIN}
    room.run("migrate", ["prefect", "server", "database", "upgrade", "--yes"], prefect)
    if not machines.ended_well(room.place, room.names[-1]):
        raise LabError(f"the database was not made:\n{room.logs()}")
    start = ["prefect", "server", "start", "--no-services", "--host", "127.0.0.1", "--port"]
    for number, port in enumerate(ports, start=1):
        room.run(f"api-{number}", [*start, str(port)], prefect)
    room.run("services", ["prefect", "server", "services", "start"], prefect)
    deadline = time.monotonic() + READY_SECONDS
    for port in ports:
        while not _healthy(port):
            if time.monotonic() > deadline or not all(machines.runs(room.place, it) for it in room.names[1:]):
                raise LabError(f"the Prefect servers do not come up:\n{room.logs()}")
            time.sleep(POLL)


def _workers(room: ControlRoom, count: int) -> None:
    headway = {
        "PREFECT_API_URL": room.api,
        "PREFECT_API_AUTH_STRING": LOGIN,
        "HEADWAY_REPO": room.repo,
        "HEADWAY_KUBECONFIG": "/secrets/kubeconfig",
        "HEADWAY_DOCKER_CONFIG": "/secrets/docker",
    }
    for number in range(1, count + 1):
        room.run(f"worker-{number}", ["headway", "worker", "--name", f"worker-{number}"], headway)


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5):
            return True
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    found = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [it.getsockname()[1] for it in found]
    for each in found:
        each.close()
    return ports
