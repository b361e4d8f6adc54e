"""The lab, brought up once for all tests that need a real system."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import REPO
from tests.lab.app import App

# Here Git is as people have it; what makes it cheap is for tests without a lab.
os.environ.pop("GIT_CONFIG_GLOBAL", None)

ROOT = REPO


@dataclass(frozen=True)
class Lab:
    """Where the lab's systems are."""

    kubeconfig: str
    context: str
    registry: str
    docker_host: str
    docker_config: str
    git_dir: Path
    git_url: str
    prefect_api_url: str


@pytest.fixture(scope="session")
def lab() -> Lab:
    """Bring up what is missing of the lab, and put its addresses into the environment."""
    from lab.controlroom import deploy, read_env
    from lab.place import Place

    done = subprocess.run(
        [sys.executable, "-m", "lab", "up"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = read_env(Place.default().state / "env")
    os.environ.update(found)
    # The forms of no application: a demo on this lab leaves its own.
    deploy(Place.default())
    return Lab(
        kubeconfig=found["LAB_KUBECONFIG"],
        context=found["LAB_CONTEXT"],
        registry=found["LAB_REGISTRY"],
        docker_host=found["DOCKER_HOST"],
        docker_config=found["DOCKER_CONFIG"],
        git_dir=Path(found["LAB_GIT"]),
        git_url=found["LAB_GIT_URL"],
        prefect_api_url=found["PREFECT_API_URL"],
    )


@pytest.fixture(scope="module")
def app(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An application of the module's own, live in staging at v1."""
    made = App(lab.git_dir, lab.git_url, lab.registry, tmp_path_factory.mktemp("app"))
    made.create()
    done = made.run("reconcile", "staging", "--local")
    assert done.code == 0, done.said
    yield made
    made.delete()
