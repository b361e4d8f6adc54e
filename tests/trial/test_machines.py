"""More than one machine: two API servers on PostgreSQL and Redis, two workers, all from headway's own image.

A worker and a server are killed in the middle of ten releases to five environments; all end live, once each.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import machines
from lab.place import Place
from lab.processes import Server
from tests.lab.app import SERVICES, App
from tests.lab.conftest import ROOT, Lab
from tests.trial.balancer import Balancer

LOGIN = "admin:only-for-tests"
PLACES = ("dev", "test", "staging", "demo", "production")


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    found = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [it.getsockname()[1] for it in found]
    for each in found:
        each.close()
    return ports


@dataclass
class ManyPlaces(App):
    """An application with five environments."""

    def headway_yaml(self, timeout: str = "90s", more: str = "") -> str:
        """Write a headway.yaml with all of them."""
        text = super().headway_yaml(timeout)
        head, _, _ = text.partition("environments:\n")
        places = "".join(
            f"  {it}: {{path: {it}, timeout: {timeout}, cluster: {{context: shop, namespace: {self.namespace(it)}}}}}\n"
            for it in PLACES
        )
        return f"{head}environments:\n{places}{more}"

    def create(self, version: str = "v1") -> None:
        """Make the repo, with every environment."""
        super().create(version)
        for environment in set(PLACES) - {"staging", "production"}:
            for service in SERVICES:
                self.write(
                    f"{environment}/{service}.yaml", self.deployment(service, self.image(service, version))
                )
        self.push("Add environments")

    def delete(self) -> None:
        """Remove the namespaces, without waiting."""
        names = [self.namespace(it) for it in PLACES]
        command = ["kubectl", "delete", "namespace", *names, "--wait=false", "--ignore-not-found"]
        subprocess.run(command, check=False, capture_output=True)


@dataclass
class ControlRoom:
    """Two servers behind a balancer, the services beside them, two workers."""

    place: Place
    image: str
    api: str
    secrets: Path
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

    def run(self, name: str, command: list[str], env: dict[str, str]) -> None:
        """Start a container of headway's image."""
        self.names.append(name)
        machines.container(self.place, name, self.image, command, env, mounts={str(self.secrets): "/secrets"})

    def logs(self) -> str:
        """Give the end of what each container said."""
        return "\n".join(f"--- {it}\n{machines.logs(self.place, it)}" for it in self.names)


@pytest.fixture(scope="module")
def app(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManyPlaces]:
    """The application, live everywhere."""
    made = ManyPlaces(lab.git_dir, lab.git_url, lab.registry, tmp_path_factory.mktemp("app"))
    made.create()
    done = made.run("reconcile", "--local")
    assert done.code == 0, done.said
    yield made
    made.delete()


@pytest.fixture(scope="module")
def room(lab: Lab, app: ManyPlaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlRoom]:
    """The control room, from headway's own image."""
    place = Place.default()
    image = machines.image(place)
    postgres, redis, first, second = free_ports(4)
    secrets = tmp_path_factory.mktemp("secrets")
    os.chmod(secrets, 0o755)
    kubeconfig = json.loads(Path(lab.kubeconfig).read_text())
    for each in kubeconfig["clusters"]:
        authority = Path(each["cluster"].pop("certificate-authority")).read_bytes()
        each["cluster"]["certificate-authority-data"] = base64.b64encode(authority).decode()
    (secrets / "kubeconfig").write_text(json.dumps(kubeconfig))
    (secrets / "docker").mkdir()
    shutil.copy(Path(lab.docker_config) / "config.json", secrets / "docker" / "config.json")
    for path in (secrets / "docker", *secrets.rglob("*")):
        os.chmod(path, 0o755)
    balancer = Balancer(first, second)
    made = ControlRoom(place, image, f"http://127.0.0.1:{balancer.port}/api", secrets)
    prefect = {
        **machines.prefect_environment(machines.postgres(place, postgres), redis),
        "PREFECT_SERVER_API_AUTH_STRING": LOGIN,
    }
    machines.redis(place, redis)
    headway = {
        "PREFECT_API_URL": made.api,
        "PREFECT_API_AUTH_STRING": LOGIN,
        "HEADWAY_REPO": f"{app.git_url}/{app.name}.git",
        "HEADWAY_KUBECONFIG": "/secrets/kubeconfig",
        "HEADWAY_DOCKER_CONFIG": "/secrets/docker",
    }
    start = ["prefect", "server", "start", "--no-services", "--host", "127.0.0.1", "--port"]

    def run(name: str, command: list[str], env: dict[str, str]) -> None:
        made.run(f"{app.name}-{name}", command, env)

    try:
        run("migrate", ["prefect", "server", "database", "upgrade", "--yes"], prefect)
        assert machines.ended_well(place, made.names[-1]), made.logs()
        run("api-1", [*start, str(first)], prefect)
        run("api-2", [*start, str(second)], prefect)
        run("services", ["prefect", "server", "services", "start"], prefect)
        until_healthy(made, first, second)
        sync = subprocess.run(
            [sys.executable, "-m", "deployments.sync"],
            env={**app.environment(), "PREFECT_API_URL": made.api, "PREFECT_API_AUTH_STRING": LOGIN},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert sync.returncode == 0, sync.stdout + sync.stderr
        for name in ("worker-1", "worker-2"):
            run(name, ["headway", "worker", "--name", name], headway)
        yield made
    finally:
        machines.remove(place, *made.names)
        balancer.close()
        for name in ("redis", "postgres"):
            Server(place, name).stop()


def until_healthy(room: ControlRoom, *ports: int) -> None:
    """Wait for both servers; the test's time limit ends it."""
    for port in ports:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5):
                    break
            except OSError:
                assert all(machines.runs(room.place, it) for it in room.names[1:]), room.logs()
                time.sleep(0.5)


def release(room: ControlRoom, app: App, environment: str, service: str, version: str) -> str:
    """Start a release; give the run's id."""
    _, found = room.call("GET", f"/deployments/name/release/{environment}")
    image = {"service": service, "image": app.image(service, version)}
    body = {
        "parameters": {"request": {"environment": environment, "images": [image], "actor": "ci"}},
        "idempotency_key": f"{environment}-{service}-{version}",
    }
    code, run = room.call("POST", f"/deployments/{found['id']}/create_flow_run", body)
    assert code in (200, 201), run
    return str(run["id"])


def ended(room: ControlRoom, run: str) -> dict[str, Any]:
    """Wait until a run has ended for good: one that crashed is begun anew."""
    while True:
        _, found = room.call("GET", f"/flow_runs/{run}")
        kind, attempts = found["state"]["type"], found["run_count"]
        if kind in ("COMPLETED", "FAILED", "CANCELLED") or (kind == "CRASHED" and attempts >= 3):
            made: dict[str, Any] = found
            return made
        time.sleep(0.5)


def history(room: ControlRoom, run: str) -> list[str]:
    """Name the states that a run was in."""
    return [it["name"] for it in room.call("GET", f"/flow_run_states/?flow_run_id={run}")[1]]


@pytest.mark.timeout(900)
def test_nobody_without_a_login(room: ControlRoom) -> None:
    """The API asks for one; health does not."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(room.api + "/deployments/name/release/staging", timeout=10)
    assert refused.value.code == 401


@pytest.mark.timeout(600)
def test_a_worker_and_a_server_die_in_the_middle_of_ten_releases(room: ControlRoom, app: ManyPlaces) -> None:
    """All ten end live, committed once each; what the dead worker had in hand is finished by the other."""
    began = time.monotonic()
    wanted = [(environment, service) for environment in PLACES for service in SERVICES]
    runs = {it: release(room, app, *it, "v2") for it in wanted}
    # It dies with a release in hand that is committed and not live yet.
    worker = f"{app.name}-worker-1"
    while "the release is commit" not in machines.logs(room.place, worker, 2000):
        assert machines.runs(room.place, worker), room.logs()
        time.sleep(0.05)
    machines.kill(room.place, worker)
    machines.kill(room.place, f"{app.name}-api-1")
    # CI does not know that anything happened, and calls again.
    again = {it: release(room, app, *it, "v2") for it in wanted}
    assert again == runs
    found = {it: ended(room, run) for it, run in runs.items()}
    states = {it: (run["state"]["name"], run["run_count"]) for it, run in found.items()}
    print(f"{time.monotonic() - began:.0f} s", *states.items(), sep="\n")
    assert {state for state, _ in states.values()} == {"Completed"}, (states, room.logs())
    died = [it for it, run in runs.items() if "Crashed" in history(room, run)]
    assert died, "the killed worker had nothing in hand"
    subjects = app.log("--format=%s").splitlines()
    for environment, service in wanted:
        assert app.running(environment, service) == app.image(service, "v2")
        assert subjects.count(f"Release {service} to {environment}") == 1


KUBE = ROOT / "deployments" / "kubernetes"


def kubectl(*arguments: str, said: str = "") -> str:
    """Run kubectl as the administrator."""
    done = subprocess.run(["kubectl", *arguments], input=said, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_account(lab: Lab, room: ControlRoom, namespace: str, account: str) -> str:
    """Give a kubeconfig of a service account: what it may do is what its roles say."""
    config = json.loads((room.secrets / "kubeconfig").read_text())
    token = kubectl("--namespace", namespace, "create", "token", account, "--duration", "1h").strip()
    config["users"] = [{"name": "user", "user": {"token": token}}]
    return json.dumps(config)


@pytest.fixture
def jobs(lab: Lab, room: ControlRoom, app: ManyPlaces, tmp_path: Path) -> Iterator[str]:
    """A namespace with the accounts and roles of deployments/kubernetes, and a worker that makes Jobs in it."""
    namespace = f"{app.name}-room"
    kubectl("create", "namespace", namespace)
    rbac = (KUBE / "rbac.yaml").read_text().replace("namespace: headway}", f"namespace: {namespace}}}")
    kubectl("--namespace", namespace, "apply", "--filename", "-", said=rbac)
    access = (
        (KUBE / "environment-access.yaml")
        .read_text()
        .replace("namespace: headway}", f"namespace: {namespace}}}")
    )
    kubectl("apply", "--filename", "-", said=access.replace("NAMESPACE", app.namespace("staging")))
    secret = {"kubeconfig": as_account(lab, room, namespace, "headway-worker")}
    secret["config.json"] = (room.secrets / "docker" / "config.json").read_text()
    files = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "files"}, "stringData": secret}
    settings = {
        "HEADWAY_REPO": f"{app.git_url}/{app.name}.git",
        "HEADWAY_KUBECONFIG": "/files/kubeconfig",
        "HEADWAY_DOCKER_CONFIG": "/files",
    }
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "headway"}, "data": settings}
    for each in (files, config_map):
        kubectl("--namespace", namespace, "apply", "--filename", "-", said=json.dumps(each))
    # The lab has no Services, so its pods share the machine's loopback; a cluster needs none of these lines.
    pool = yaml.safe_load((ROOT / "deployments" / "pool-kubernetes.yaml").read_text())
    pool["name"] = f"{app.name}-jobs"
    pod = pool["base_job_template"]["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    pod["hostNetwork"] = True
    pod["volumes"].append({"name": "files", "secret": {"secretName": "files", "defaultMode": 0o444}})
    pod["containers"][0]["volumeMounts"].append({"name": "files", "mountPath": "/files", "readOnly": True})
    defaults = pool["base_job_template"]["variables"]["properties"]
    defaults["image"]["default"], defaults["namespace"]["default"] = room.image, namespace
    (tmp_path / "pool.yaml").write_text(yaml.safe_dump(pool))
    done = subprocess.run(
        [sys.executable, "-m", "deployments.sync", "--pool", str(tmp_path / "pool.yaml")],
        env={**app.environment(), "PREFECT_API_URL": room.api, "PREFECT_API_AUTH_STRING": LOGIN},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    machines.push(room.place, room.image)
    (room.secrets / "jobs").write_text(as_account(lab, room, namespace, "headway-jobs"))
    os.chmod(room.secrets / "jobs", 0o644)
    settings = {
        "PREFECT_API_URL": room.api,
        "PREFECT_API_AUTH_STRING": LOGIN,
        "KUBECONFIG": "/secrets/jobs",
        "PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_NAMESPACES": namespace,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    command = ["prefect", "worker", "start", "--pool", pool["name"], "--type", "kubernetes"]
    room.run(f"{app.name}-jobs", command, settings)
    yield namespace
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.mark.timeout(600)
def test_a_release_as_a_job_from_headways_own_image(room: ControlRoom, app: ManyPlaces, jobs: str) -> None:
    """The Kubernetes pool runs `release` in a pod of its own, with the rights of its accounts and no more."""
    run = release(room, app, "staging", "web", "v3")
    found = ended(room, run)
    assert found["state"]["name"] == "Completed", (found["state"], room.logs())
    assert app.running("staging", "web") == app.image("web", "v3")
    made = json.loads(kubectl("--namespace", jobs, "get", "jobs", "--output", "json"))["items"]
    images = {it["spec"]["template"]["spec"]["containers"][0]["image"] for it in made}
    assert images == {room.image}
    refused = ended(room, release(room, app, "dev", "web", "v3"))
    assert refused["state"]["name"] == "Failed"
    assert "forbidden" in refused["state"]["message"]
