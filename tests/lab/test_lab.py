"""A second lab beside the first: brought up, killed, destroyed and taken down for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.controlroom import read_env
from tests.lab.conftest import ROOT, Lab

BASE = "5150"
DEPLOYMENT = ["kubectl", "rollout", "status", "deployment/a", "--timeout=60s"]


class SecondLab:
    """Commands of a lab whose state, ports and networks are its own."""

    def __init__(self, state: Path) -> None:
        own = ("LAB_", "DOCKER_", "KUBECONFIG")
        self.state = state
        self.bare = {key: value for key, value in os.environ.items() if not key.startswith(own)}
        self.bare |= {"LAB_STATE": str(state), "LAB_BASE": BASE}

    def lab(self, *arguments: str) -> str:
        """Run a command of the lab."""
        return self.run(sys.executable, "-m", "lab", *arguments)

    def run(self, *command: str) -> str:
        """Run a command with the lab's addresses."""
        env = self.bare | (read_env(self.state / "env") if command[0] != sys.executable else {})
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def pids(self) -> dict[str, int]:
        """Return the servers that run, by name."""
        env = self.bare
        done = subprocess.run(
            [sys.executable, "-m", "lab", "status", "--output", "json"],
            cwd=ROOT, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return {it["server"]: it["pid"] for it in json.loads(done.stdout)["servers"] if it["pid"]}

    def living(self) -> list[str]:
        """Return the command lines of processes that have to do with it and are no zombies."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if f"{self.state}/" in words and "pytest" not in words:
                    found.append(words)
        return found


@pytest.fixture(scope="module")
def second(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondLab]:
    """A second lab with one Deployment of a private image in it."""
    made = SecondLab(tmp_path_factory.mktemp("lab"))
    made.lab("up", "--without", "prefect")
    folder = made.state / "image"
    folder.mkdir()
    (folder / "busybox").write_bytes(Path("/bin/busybox").read_bytes())
    (folder / "busybox").chmod(0o755)
    (folder / "Dockerfile").write_text(
        'FROM scratch\nCOPY busybox /bin/busybox\nCMD ["/bin/busybox", "sleep", "9999"]\n'
    )
    image = f"localhost:{BASE}/lab/test:1"
    made.run("docker", "build", "--quiet", "--tag", image, str(folder))
    made.run("docker", "push", "--quiet", image)
    made.run("kubectl", "create", "deployment", "a", "--image", image)
    made.run(*DEPLOYMENT)
    yield made
    made.lab("reset")


def test_up_twice_changes_nothing(second: SecondLab) -> None:
    """A second `up` finds everything running and starts nothing."""
    before = second.pids()
    second.lab("up", "--without", "prefect")
    assert second.pids() == before
    assert {"dockerd", "registry", "kubelet", "apiserver", "git"} <= set(before)


def test_the_registry_wants_its_login(second: SecondLab) -> None:
    """A push without the login is refused, so that credentials are really used."""
    done = subprocess.run(
        ["docker", "--config", str(second.state / "nothing"), "push", f"localhost:{BASE}/lab/test:1"],
        env=second.bare | {"DOCKER_HOST": read_env(second.state / "env")["DOCKER_HOST"]},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "no basic auth credentials" in done.stdout + done.stderr


def test_secrets_are_for_their_owner_only(second: SecondLab) -> None:
    """Nobody else on the machine can read the kubeconfig or the registry's password."""
    for name in ("kubeconfig", "registry-password", "docker-config/config.json", "containerd.toml"):
        assert (second.state / name).stat().st_mode & 0o077 == 0, name


def test_everything_killed_comes_up_again(second: SecondLab) -> None:
    """After SIGKILL of all servers, `up` finds the cluster as it was, and it works."""
    pids = second.pids()
    for pid in pids.values():
        os.kill(pid, 9)
    second.lab("up", "--without", "prefect")
    assert not set(second.pids().values()) & set(pids.values())
    second.run("kubectl", "rollout", "restart", "deployment/a")
    second.run(*DEPLOYMENT)
    second.run("kubectl", "wait", "pod", "--selector=app=a", "--for=condition=Ready", "--timeout=60s")
    logs = second.run("kubectl", "logs", "deployment/a")
    assert logs == ""


def test_a_destroyed_cluster_is_empty_and_ready(second: SecondLab) -> None:
    """`destroy-cluster` loses every object; the node is ready for the next ones."""
    second.lab("destroy-cluster")
    assert "deployment" not in second.run("kubectl", "get", "deployments", "--output", "name")
    assert " Ready " in second.run("kubectl", "get", "nodes")


def test_down_leaves_nothing(second: SecondLab) -> None:
    """No process, no mount and no network of the lab is left."""
    second.lab("down")
    assert second.living() == []
    assert f" {second.state}/" not in Path("/proc/self/mountinfo").read_text()
    assert (
        f"lab{BASE}" not in subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout
    )
    second.lab("up", "--only", "git")
    assert set(second.pids()) == {"git"}


def test_a_taken_port_is_said(second: SecondLab) -> None:
    """A port that another program has is an error that says which and what to do."""
    env = second.bare | {"LAB_STATE": str(second.state / "third")}
    second.lab("up", "--only", "git")
    done = subprocess.run(
        [sys.executable, "-m", "lab", "up", "--only", "git"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "taken by another program" in done.stderr
    assert "Traceback" not in done.stderr
