"""A whole application without a lab: a bare repo, a registry and an API server, and headway's own command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from headway.domain.images import ImageRef
from tests.unit.flows.kube_server import KubeServer
from tests.unit.systems.conftest import Remote
from tests.unit.systems.registry_server import FakeRegistry

HEADWAY = str(Path(sys.executable).with_name("headway"))
SERVICES = ("web", "api")


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything it printed."""
        return self.out + self.err


@dataclass
class Place:
    """Services that are CronJobs, and environments whose rules a test sets: name → its line in headway.yaml.

    `more` is what else stands in headway.yaml.
    """

    folder: Path
    remote: Remote
    kube: KubeServer
    registry: FakeRegistry
    rules: dict[str, str] = field(default_factory=dict)
    more: str = ""

    def image(self, service: str, tag: str) -> str:
        """Put an image into the registry; give it pinned."""
        name = f"shop/{service}"
        digest = self.registry.repositories.get(name, {}).get(tag) or self.registry.tag(name, tag)
        return f"{self.registry.host}/{name}:{tag}@{digest}"

    def job(self, name: str, *images: str) -> str:
        """Write a CronJob with a container for each image."""
        rows = "".join(f"            - {{name: c{at}, image: {image}}}\n" for at, image in enumerate(images))
        return (
            f"apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {name}}}\nspec:\n  schedule: '0 0 1 1 *'\n"
            f"  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n{rows}"
        )

    def headway_yaml(self) -> str:
        """Write headway.yaml: the services, and an environment for each of the rules."""
        services = "".join(
            f"  {it}: {{image: {self.registry.host}/shop/{it}, tags: {{match: 'semver:*'}}}}\n"
            for it in SERVICES
        )
        places = "".join(
            f"  {name}: {{path: {name}, cluster: {{context: shop, namespace: {name}}}{', ' if more else ''}{more}}}\n"
            for name, more in self.rules.items()
        )
        return f"version: 1\napp: shop\nservices:\n{services}environments:\n{places}{self.more}"

    def start(self, tag: str = "1.0.0", **rules: str) -> None:
        """Push an application with both services at a tag in each environment, and make it live."""
        self.rules = rules
        files: dict[str, str | bytes | None] = {"headway.yaml": self.headway_yaml()}
        for name in rules:
            files |= {f"{name}/{it}.yaml": self.job(it, self.image(it, tag)) for it in SERVICES}
        self.remote.push(files)
        assert self.run("reconcile").code == 0

    def configure(self, **rules: str) -> None:
        """Change environments' rules, as a person does."""
        self.rules |= rules
        self.remote.push({"headway.yaml": self.headway_yaml()})

    def environment(self) -> dict[str, str]:
        """Give the environment of a process that runs headway here, without Prefect."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("HEADWAY_", "PREFECT_"))
        }
        return {
            **kept,
            "HEADWAY_REPO": self.remote.url,
            "HEADWAY_STATE": str(self.folder / "state"),
            "HEADWAY_KUBECONFIG": str(self.folder / "kubeconfig"),
            "HEADWAY_DOCKER_CONFIG": str(self.folder),
            "HEADWAY_ACTOR": "tester",
            "HEADWAY_LOCAL": "1",
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }

    def run(self, *arguments: str, **env: str) -> Done:
        """Run headway to its end, in a process of its own and without Prefect."""
        return self._run([HEADWAY, *arguments], env)

    def python(self, code: str) -> Done:
        """Run Python in a process like headway's."""
        return self._run([sys.executable, "-c", code], {})

    def _run(self, command: list[str], env: dict[str, str]) -> Done:
        environment = {**self.environment(), **env}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def tags(self, environment: str) -> dict[str, str]:
        """Give the tag that each service runs in the cluster."""
        return {name: ImageRef.parse(it).tag or "" for name, it in self.kube.images(environment).items()}

    def message(self, revision: str = "main") -> str:
        """Give a commit's message."""
        return self.remote.git("log", "-1", "--format=%B", revision)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An application of the test's own, with nothing in it yet."""
    kube, registry = KubeServer(), FakeRegistry()
    (tmp_path / "kubeconfig").write_text(kube.kubeconfig)
    yield Place(tmp_path, Remote(tmp_path / "config.git"), kube, registry)
    kube.close()
    registry.close()
