"""An application with a history, on servers of the test's own, and `headway serve` before it."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import yaml

from headway.domain.health.cause import Cause
from headway.domain.images.reference import Image
from headway.domain.objects.identity import Owner
from headway.domain.releases.ledger import Outcome, ReleaseRecord, format_message
from tests.repos import Remote
from tests.servers.deployments import Cluster
from tests.servers.registry import FakeRegistry

HEADWAY = str(Path(sys.executable).with_name("headway"))
OWNERS = ("team checkout", "team catalogue", "")
PATIENCE = 60.0


def manifest(name: str, image: str, replicas: int) -> str:
    """Write a Deployment."""
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n"
        f"  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n"
        f"    spec:\n      containers:\n      - name: main\n        image: {image}\n"
    )


@dataclass
class Shop:
    """Services in environments, in the order of promotion; `rules` are further keys of an environment."""

    folder: Path
    services: tuple[str, ...] = ("web", "orders", "users", "search", "payments")
    rules: dict[str, str] = field(
        default_factory=lambda: {
            "staging": "release: manual, soak: 1h",
            "production": "promote_from: staging, windows: ['mon-sun 00:00-24:00 Europe/London']",
        }
    )
    pace: float = 0.0
    replicas: int = 2
    more: str = ""
    runs: dict[tuple[str, str], str] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        """Start the servers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.remote = Remote(self.folder / "config.git")
        self.cluster = Cluster(pace=0.0)
        self.registry = FakeRegistry()
        (self.folder / "kubeconfig").write_text(self.cluster.kubeconfig)

    def image(self, service: str, tag: str) -> str:
        """Put an image into the registry; return it pinned."""
        name = f"shop/{service}"
        digest = self.registry.repositories.get(name, {}).get(tag) or self.registry.tag(name, tag)
        return f"{self.registry.host}/{name}:{tag}@{digest}"

    def headway_yaml(self) -> str:
        """Write headway.yaml."""
        services = "".join(
            f"  {it}: {{image: {self.registry.host}/shop/{it}, tags: {{match: 'semver:*'}}"
            + (f", owner: {owner}" if (owner := OWNERS[at % 3]) else "")
            + "}\n"
            for at, it in enumerate(self.services)
        )
        places = "".join(
            f"  {name}: {{path: {name}, cluster: {{context: shop, namespace: {name}}}{', ' if rule else ''}{rule}}}\n"
            for name, rule in self.rules.items()
        )
        return f"version: 1\napp: shop\nservices:\n{services}environments:\n{places}{self.more}"

    def begin(self, tag: str = "1.0.0") -> None:
        """Have the application with every service at a tag, live in every environment for ten days."""
        files: dict[str, str | bytes | None] = {"headway.yaml": self.headway_yaml()}
        for name in self.rules:
            for it in self.services:
                files[f"{name}/{it}.yaml"] = manifest(it, self.image(it, tag), self.replicas)
                self.runs[name, it] = self.image(it, tag)
        commit = self.remote.push(files, "The shop", at=self._at(14400))
        for name in self.rules:
            self.note(commit, name, "live", 14400)
        for name, it in self.runs:
            self.apply(name, it)

    def released(
        self,
        name: str,
        tags: dict[str, str],
        *,
        why: str = "",
        who: str = "ann",
        kind: str = "release",
        minutes: int = 0,
        state: str = "live",
        cause: str = "",
        trailers: tuple[tuple[str, str], ...] = (),
    ) -> str:
        """Have a release that was made so many minutes ago, and ended in a state; return its commit."""
        new = {it: self.image(it, tag) for it, tag in tags.items()}
        self.count += 1
        record = ReleaseRecord(
            id=f"release-{self.count}",
            environment=name,
            kind=kind,
            changes=tuple((it, Image(self.runs[name, it]), Image(image)) for it, image in new.items()),
            actor=who,
            reason=why,
            trailers=trailers,
        )
        self.runs |= {(name, it): image for it, image in new.items()}
        files: dict[str, str | bytes | None] = {
            f"{name}/{it}.yaml": manifest(it, image, self.replicas) for it, image in new.items()
        }
        commit = self.remote.push(files, format_message(record), at=self._at(minutes))
        if state:
            self.note(commit, name, state, minutes, cause)
            for it in new:
                self.apply(name, it)
        return commit

    def note(self, commit: str, name: str, state: str, minutes: int, cause: str = "") -> None:
        """Record how a commit ended."""
        at = datetime.fromtimestamp(self._at(minutes) + 20, UTC)
        line = replace(Outcome(state, at, 12.0, cause=Cause(text=cause)), environment=name).to_line()
        self.remote.git("notes", "--ref=refs/notes/headway", "append", "-m", line, commit)
        if state == "live":
            self.remote.git("update-ref", f"refs/headway/{name}/live", commit)

    def apply(self, name: str, service: str) -> None:
        """Have a service in the cluster as the repo says."""
        text = manifest(service, self.runs[name, service], self.replicas)
        item = next(yaml.safe_load_all(text))
        item["metadata"]["namespace"] = name
        path = f"/apis/apps/v1/namespaces/{name}/deployments/{service}"
        if (before := self.cluster.objects.get(path)) is not None:
            item["status"] = before.get("status", {})
            item["metadata"] = {**before["metadata"], **item["metadata"]}
        item["metadata"]["labels"] = Owner("shop", name).labels_at(name)
        item["metadata"]["managedFields"] = [{"manager": "headway", "operation": "Apply", "fieldsV1": {}}]
        self.cluster.put(path, item)
        self.cluster.settle(path)

    def _at(self, minutes: int) -> int:
        return int(time.time()) - minutes * 60

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that runs headway here."""
        kept = {it: value for it, value in os.environ.items() if not it.startswith(("HEADWAY_", "PREFECT_"))}
        return {
            **kept,
            "HEADWAY_REPO": self.remote.url,
            "HEADWAY_STATE": str(self.folder / "state"),
            "HEADWAY_KUBECONFIG": str(self.folder / "kubeconfig"),
            "HEADWAY_DOCKER_CONFIG": str(self.folder),
            "HEADWAY_ACTOR": "ann",
            "HEADWAY_LOCAL": "1",
            "NO_COLOR": "1",
        }

    def run(
        self, *arguments: str, actor: str = "ann", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        env = {**self.environment(), "HEADWAY_ACTOR": actor}
        done = subprocess.run([HEADWAY, *arguments], env=env, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(
                f"headway {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
            )
        return done

    def close(self) -> None:
        """End the servers."""
        self.cluster.close()
        self.registry.close()


@dataclass
class Served:
    """A running `headway serve`."""

    url: str
    process: subprocess.Popen[str]
    said: list[str]

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for a page."""
        return httpx.get(self.url + path, headers=headers, timeout=30)

    def wait_for(self, path: str, pattern: str) -> str:
        """Wait until a page says something; return the page."""
        until = time.monotonic() + PATIENCE
        while True:
            text = self.get(path).text
            if re.search(pattern, text, re.DOTALL):
                return text
            assert time.monotonic() < until, (
                f"{path} never said {pattern}:\n{text[-4000:]}\n{''.join(self.said)}"
            )
            time.sleep(0.05)


@contextlib.contextmanager
def served(shop: Shop, *options: str, local: bool = True, **env: str) -> Iterator[Served]:
    """Run `headway serve` for as long as the block takes; without `local` it is one with a Prefect server."""
    where = ["--local"] if local else []
    command = [HEADWAY, "serve", *where, "--port", "0", "--every", "0", "--reconcile-every", "0", *options]
    process = subprocess.Popen(
        command,
        env={**shop.environment(), **env},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    said: list[str] = []
    addresses: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"(http://[^/ ]+)/", line):
                addresses.put(found[1])
        addresses.put("")

    threading.Thread(target=read, daemon=True).start()
    try:
        url = addresses.get(timeout=PATIENCE)
        assert url, "".join(said)
        yield Served(url, process, said)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
