"""More than one machine: two API servers on PostgreSQL and Redis, two workers, all from headway's own image.

A worker and a server are killed in the middle of ten releases to five environments; all end live, once each.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lab import machines
from lab.place import Place
from lab.scaled_room import LOGIN, ControlRoom, control_room
from tests.lab.app import SERVICES, App
from tests.lab.conftest import ROOT, Lab
from tests.trial.access import as_account, give_access, kubectl, namespace_of_its_own

PLACES = ("dev", "test", "staging", "demo", "production")


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
def room(lab: Lab, app: ManyPlaces) -> Iterator[ControlRoom]:
    """The control room, from headway's own image."""
    with control_room(Place.default(), app.name, f"{app.git_url}/{app.name}.git") as made:
        yield made


def release(room: ControlRoom, app: App, environment: str, service: str, version: str) -> str:
    """Start a release; return the run's id."""
    image = {"service": service, "image": app.image(service, version)}
    request = {"environment": environment, "images": [image], "actor": "ci"}
    return room.start("release", environment, request, key=f"{environment}-{service}-{version}")


def history(room: ControlRoom, run: str) -> list[str]:
    """Return the states that a run was in."""
    return [it["name"] for it in room.call("GET", f"/flow_run_states/?flow_run_id={run}")[1]]


@pytest.mark.timeout(900)
def test_nobody_without_a_login(room: ControlRoom) -> None:
    """The API asks for one; health does not."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(room.api + "/deployments/name/release/release-staging", timeout=10)
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
    found = {it: room.ended(run) for it, run in runs.items()}
    states = {it: (run["state"]["name"], run["run_count"]) for it, run in found.items()}
    print(f"{time.monotonic() - began:.0f} s", *states.items(), sep="\n")
    assert {state for state, _ in states.values()} == {"Completed"}, (states, room.logs())
    died = [it for it, run in runs.items() if "Crashed" in history(room, run)]
    assert died, "the killed worker had nothing in hand"
    subjects = app.log("--format=%s").splitlines()
    for environment, service in wanted:
        assert app.running(environment, service) == app.image(service, "v2")
        assert subjects.count(f"Release {service} to {environment}") == 1


@pytest.fixture
def jobs(lab: Lab, room: ControlRoom, app: ManyPlaces, tmp_path: Path) -> Iterator[str]:
    """A namespace with the accounts and roles of deployments/kubernetes, and a worker that makes Jobs in it."""
    namespace = f"{app.name}-room"
    namespace_of_its_own(namespace)
    give_access(namespace, app.namespace("staging"))
    secret = {"kubeconfig": as_account(room, namespace, "headway-worker")}
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
    room.sync("--pool", str(tmp_path / "pool.yaml"))
    machines.push(room.place, room.image)
    (room.secrets / "jobs").write_text(as_account(room, namespace, "headway-jobs"))
    os.chmod(room.secrets / "jobs", 0o644)
    settings = {
        "PREFECT_API_URL": room.api,
        "PREFECT_API_AUTH_STRING": LOGIN,
        "KUBECONFIG": "/secrets/jobs",
        "PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_NAMESPACES": namespace,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    command = ["prefect", "worker", "start", "--pool", pool["name"], "--type", "kubernetes"]
    room.run("jobs", command, settings)
    yield namespace
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.mark.timeout(600)
def test_a_release_as_a_job_from_headways_own_image(room: ControlRoom, app: ManyPlaces, jobs: str) -> None:
    """The Kubernetes pool runs `release` in a pod of its own, with the rights of its accounts and no more."""
    run = release(room, app, "staging", "web", "v3")
    found = room.ended(run)
    assert found["state"]["name"] == "Completed", (found["state"], room.logs())
    assert app.running("staging", "web") == app.image("web", "v3")
    made = json.loads(kubectl("--namespace", jobs, "get", "jobs", "--output", "json"))["items"]
    images = {it["spec"]["template"]["spec"]["containers"][0]["image"] for it in made}
    assert images == {room.image}
    refused = room.ended(release(room, app, "dev", "web", "v3"))
    assert refused["state"]["type"] == "FAILED"
    assert "forbidden" in refused["state"]["message"]
