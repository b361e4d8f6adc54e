"""headway releases itself: a worker in a pod of the cluster carries the release that ends its own pod."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lab import machines
from lab.place import Place
from lab.scaled_room import LOGIN, ControlRoom, control_room
from tests.lab.app import App, Done
from tests.lab.conftest import Lab
from tests.trial.access import KUBE, give_access, kubectl, namespace_of_its_own

REPOSITORY = "headway/headway"
MADE_FROM = {"second": "LABEL headway.trial=second", "broken": 'ENTRYPOINT ["false"]'}


@dataclass
class Itself(App):
    """The config repo of the control room, made as docs/operations.md says."""

    def namespace(self, environment: str) -> str:
        """Return the namespace of headway's own server."""
        return self.name

    def headway_yaml(self, timeout: str = "20m", more: str = "") -> str:
        """Write its headway.yaml: no context, since the workers take their own cluster."""
        return f"""version: 1
app: {self.name}
services: {{headway: {{image: {self.registry}/{REPOSITORY}}}}}
environments:
  control-room: {{path: control-room, cluster: {{namespace: {self.name}}}, timeout: {timeout}}}
"""

    def release_itself(self, room: ControlRoom, tag: str) -> Done:
        """Ask the control room to release a tag, and follow it."""
        login = {"PREFECT_API_URL": room.api, "PREFECT_API_AUTH_STRING": LOGIN}
        return self.run("release", "control-room", f"headway={tag}", **login)

    def images(self) -> set[str]:
        """Return the images of the workers whose pods are not told to end."""
        found = kubectl("--namespace", self.name, "get", "pods", "--output", "json")
        pods = [it for it in json.loads(found)["items"] if "deletionTimestamp" not in it["metadata"]]
        return {it["spec"]["containers"][0]["image"] for it in pods}


@pytest.fixture(scope="module")
def itself(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Itself]:
    """Its config repo, with nothing in the environment's folder yet."""
    made = Itself(lab.git_dir, lab.git_url, lab.registry, tmp_path_factory.mktemp("itself"))
    made.begin()
    made.push("Start")
    yield made
    kubectl("delete", "namespace", made.name, "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="module")
def room(lab: Lab, itself: Itself, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlRoom]:
    """Prefect's servers outside of the cluster, and the workers in it, set up as docs/operations.md says."""
    place = Place.default()
    with control_room(place, itself.name, f"{itself.git_url}/{itself.bare.name}", workers=0) as made:
        machines.push(place, made.image)
        namespace_of_its_own(itself.name)
        give_access(itself.name, itself.name)
        secrets(itself.name, Path(lab.docker_config))
        itself.write("control-room/all.yaml", manifests(made, itself, tmp_path_factory.mktemp("kustomize")))
        itself.push("The control room")
        kubectl("apply", "--filename", str(itself.work / "control-room" / "all.yaml"))
        kubectl(
            "--namespace", itself.name, "rollout", "status", "deployment/headway-worker", "--timeout=180s"
        )
        yield made


def secrets(namespace: str, docker_config: Path) -> None:
    """Make the secrets that the workers need."""
    make = ("--namespace", namespace, "create", "secret")
    kubectl(*make, "generic", "prefect", f"--from-literal=auth={LOGIN}")
    kubectl(*make, "generic", "headway", "--from-literal=HEADWAY_HOOK_SECRET=only-for-tests")
    login = f"--from-file=.dockerconfigjson={docker_config / 'config.json'}"
    kubectl(*make, "generic", "registry", "--type=kubernetes.io/dockerconfigjson", login)


def manifests(room: ControlRoom, itself: Itself, folder: Path) -> str:
    """Return the workers of deployments/kubernetes, with this lab's addresses.

    The lab has no Services: its pods share the machine's loopback, so that they find what they need, and have no
    port of their own, so that two fit on its one node. A cluster needs neither.
    """
    shutil.copytree(KUBE, folder / "kubernetes")
    kubeconfig = json.loads((room.secrets / "kubeconfig").read_text())
    _, _, port = kubeconfig["clusters"][0]["cluster"]["server"].rpartition(":")
    name, _, tag = room.image.rpartition(":")
    settings = {
        "HEADWAY_REPO": room.repo,
        "PREFECT_API_URL": room.api,
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": port,
    }
    overlay = {
        "namespace": itself.name,
        "resources": ["kubernetes"],
        "images": [{"name": "registry.example.com/headway", "newName": name, "newTag": tag}],
        "configMapGenerator": [
            {"name": "headway", "behavior": "merge", "literals": [f"{k}={v}" for k, v in settings.items()]}
        ],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    wanted = [it for it in yaml.safe_load_all(kubectl("kustomize", str(folder))) if is_of_workers(it)]
    pod = next(it for it in wanted if it["kind"] == "Deployment")["spec"]["template"]["spec"]
    pod["hostNetwork"] = True
    (worker,) = pod["containers"]
    worker["args"] = ["worker"]
    del worker["ports"], worker["livenessProbe"]
    return yaml.safe_dump_all(wanted)


def is_of_workers(manifest: dict[str, object]) -> bool:
    """Return whether the workers are it or need it."""
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    name = str(metadata["name"])
    return name == "headway-worker" or (manifest["kind"] == "ConfigMap" and name.startswith("headway-"))


def build(room: ControlRoom, registry: str, tag: str) -> str:
    """Make and push another image of headway; return it with its digest."""
    name = f"{registry}/{REPOSITORY}:{tag}"
    dockerfile = f"FROM {room.image}\n{MADE_FROM[tag]}\n"
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", name, "-"],
        input=dockerfile,
        text=True,
        check=True,
        capture_output=True,
    )
    machines.push(room.place, name)
    return name


@pytest.mark.timeout(900)
def test_a_worker_finishes_the_release_that_ends_it(room: ControlRoom, itself: Itself, lab: Lab) -> None:
    """The release of a new headway is live, by one start of one run, though each worker of the old one was ended."""
    name = build(room, lab.registry, "second")
    done = itself.release_itself(room, "second")
    assert done.code == 0, (done.said, room.logs())
    (image,) = itself.images()
    assert image.startswith(f"{name}@sha256:")
    assert itself.log("--format=%s").count("Release headway to control-room") == 1
    _, runs = room.call("POST", "/flow_runs/filter", {})
    (release,) = [it for it in runs if it["parameters"].get("request", {}).get("images")]
    assert (release["state"]["name"], release["run_count"]) == ("Completed", 1)


@pytest.mark.timeout(900)
def test_a_broken_headway_is_rolled_back_by_the_one_before(
    room: ControlRoom, itself: Itself, lab: Lab
) -> None:
    """The workers that were there carry on, and put the repo and the cluster back."""
    before = itself.images()
    build(room, lab.registry, "broken")
    done = itself.release_itself(room, "broken")
    assert done.code == 1, done.said
    assert "rolled back" in done.said, done.said
    assert itself.images() == before
    itself.pull()
    assert next(iter(before)) in (itself.work / "control-room" / "all.yaml").read_text()
