"""The lab, brought up once for all tests that need a real system."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


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
    from lab.controlroom import read_env
    from lab.place import Place

    done = subprocess.run(
        [sys.executable, "-m", "lab", "up"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = read_env(Place.default().state / "env")
    os.environ.update(found)
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
