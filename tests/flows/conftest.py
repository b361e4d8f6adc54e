"""A whole application without a lab: a bare repo, a registry and an API server, and headway's own command.

Its folder and its ports are the same for every test of a session, one after the other, so that an application which
was made live once is copied for the tests that begin with it.
"""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from headway.domain.images.reference import ImageRef
from tests.flows import inprocess
from tests.repos import Remote
from tests.servers import kubernetes as kube_server
from tests.servers.kubernetes import ApiListener, KubeServer
from tests.servers.registry import FakeRegistry, RegistryListener

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
class Live:
    """An application that was made live: a copy of its folders, and what its servers had."""

    folder: Path
    objects: dict[str, dict[str, Any]]
    changes: list[tuple[str, str]]
    version: int
    repositories: dict[str, dict[str, str]]
    content: dict[str, tuple[str, bytes]]


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
    copies: dict[str, Live] = field(default_factory=dict)
    """Applications that are live, by all that makes one different from another."""
    settings: dict[str, str] = field(default_factory=dict)
    """Further settings of every command."""

    def image(self, service: str, tag: str) -> str:
        """Put an image into the registry; return it pinned."""
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
        kube = self.kube
        key = f"{tag} {self.headway_yaml()} {kube.kubeconfig} {kube_server.KINDS} {kube.statuses} {kube.rules} {kube.forbidden}"
        if not self._is_new():
            self._make_live(tag)
        elif key not in self.copies:
            self._make_live(tag)
            self.copies[key] = self._copied(self.folder.parent / f"live-{len(self.copies)}")
        else:
            self._restore(self.copies[key])

    def _make_live(self, tag: str) -> None:
        files: dict[str, str | bytes | None] = {"headway.yaml": self.headway_yaml()}
        for name in self.rules:
            files |= {f"{name}/{it}.yaml": self.job(it, self.image(it, tag)) for it in SERVICES}
        self.remote.push(files)
        assert self.run("reconcile").code == 0

    def _is_new(self) -> bool:
        """Return whether nothing was done here yet that a copy would wipe out."""
        return not (
            (self.folder / "state").exists()
            or any((self.remote.folder / "refs" / "heads").iterdir())
            or self.registry.repositories
            or self.kube.touched
            or self.kube.mood is not kube_server.content
            or self.registry.mood is not FakeRegistry.mood
        )

    def _copied(self, folder: Path) -> Live:
        for name in ("config.git", "state"):
            shutil.copytree(self.folder / name, folder / name)
        for repo in (folder / "config.git", *(it.parent for it in folder.glob("state/git/*/HEAD"))):
            # One file is copied faster than an object each, in a folder each.
            subprocess.run(["git", f"--git-dir={repo}", "repack", "-adq"], check=True)
        kube, registry = self.kube, self.registry
        return copy.deepcopy(
            Live(folder, kube.objects, kube.changes, kube.version, registry.repositories, registry.content)
        )

    def _restore(self, live: Live) -> None:
        shutil.rmtree(self.remote.folder)
        for name in ("config.git", "state"):
            shutil.copytree(live.folder / name, self.folder / name)
        live = copy.deepcopy(live)
        self.kube.objects, self.kube.changes, self.kube.version = live.objects, live.changes, live.version
        self.registry.repositories, self.registry.content = live.repositories, live.content

    def configure(self, **rules: str) -> None:
        """Change environments' rules, as a person does."""
        self.rules |= rules
        self.remote.push({"headway.yaml": self.headway_yaml()})

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that runs headway here, without Prefect."""
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
            **self.settings,
        }

    def run(self, *arguments: str, **env: str) -> Done:
        """Run headway to its end in this process, without Prefect; see that nothing of it is left behind."""
        held = self._held()
        done = Done(*inprocess.headway(arguments, {**self.environment(), **env}))
        assert "Traceback" not in done.err, done.err
        assert self._held() <= held, "a lease is held by nobody who is there"
        return done

    def run_process(self, *arguments: str, **env: str) -> Done:
        """Run headway to its end in a process of its own, where the process is the point."""
        environment = {**self.environment(), **env}
        done = subprocess.run(
            [HEADWAY, *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def call(self, work: Callable[[], object]) -> Done:
        """Call something as a command of headway's would."""
        return Done(*inprocess.called(work, self.environment()))

    def _held(self) -> set[str]:
        """Return the leases that somebody holds, with their holders; none where the API server lets nobody write."""
        return {
            f"{path}: {holder}"
            for path, it in self.kube.objects.items()
            if "/leases/" in path and (holder := it["spec"].get("holderIdentity"))
        }

    def tags(self, environment: str) -> dict[str, str]:
        """Return the tag that each service runs in the cluster."""
        return {name: ImageRef.parse(it).tag or "" for name, it in self.kube.images(environment).items()}

    def message(self, revision: str = "main") -> str:
        """Return a commit's message."""
        return self.remote.git("log", "-1", "--format=%B", revision)


@dataclass
class Stage:
    """Where one test after the other has its place."""

    folder: Path
    api: ApiListener = field(default_factory=ApiListener)
    registry: RegistryListener = field(default_factory=RegistryListener)
    copies: dict[str, Live] = field(default_factory=dict)

    def place(self) -> Place:
        """Return a place with nothing in it, on the ports of the last one where that did not close them."""
        if not (self.api.open and self.registry.open):
            self.close()
            self.api, self.registry = ApiListener(), RegistryListener()
        folder = self.folder / "place"
        folder.mkdir()
        kube, registry = KubeServer(self.api), FakeRegistry(listener=self.registry)
        (folder / "kubeconfig").write_text(kube.kubeconfig)
        return Place(folder, Remote(folder / "config.git"), kube, registry, copies=self.copies)

    def close(self) -> None:
        """End the servers."""
        self.api.close()
        self.registry.close()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Where the tests of this session have their places."""
    made = Stage(tmp_path_factory.mktemp("stage"))
    yield made
    made.close()


@pytest.fixture
def place(stage: Stage, tmp_path: Path) -> Iterator[Place]:
    """An application of the test's own, with nothing in it yet."""
    made = stage.place()
    yield made
    made.kube.leave()
    made.folder.rename(tmp_path / "place")
