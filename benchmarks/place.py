"""A namespace, a config repo and images for benchmarks, and a bare watch that notes when things are seen."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headway.systems.cluster.client import Cluster
from headway.systems.cluster.object_cache import PODS, WORKLOADS
from headway.systems.cluster.streams import Event, Stream

DEPLOYMENTS = WORKLOADS["apps", "Deployment"]
REPOSITORY = "bench/web"


class Watch:
    """What a watch of one kind in one namespace saw, and when."""

    def __init__(self, cluster: Cluster, resource: Any, namespace: str) -> None:
        self._news: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._seen: list[tuple[float, dict[str, Any]]] = []
        self._more = threading.Condition()
        self._stream = Stream(cluster, resource, namespace, self._news)
        self._stream.list()
        self._stream.start()
        threading.Thread(target=self._note, daemon=True).start()

    def _note(self) -> None:
        while True:
            event = self._news.get()
            now = time.perf_counter()
            with self._more:
                if event.what == "there":
                    self._seen.append((now, event.item))
                self._more.notify_all()

    def when(self, since: float, is_it: Callable[[dict[str, Any]], bool], seconds: float = 120) -> float:
        """Wait for the first object after `since` of which it is true; return the seconds since then."""
        deadline = time.perf_counter() + seconds
        with self._more:
            while True:
                for at, item in self._seen:
                    if at >= since and is_it(item):
                        return at - since
                if not self._more.wait(max(0.0, deadline - time.perf_counter())):
                    raise TimeoutError("the watch did not see it")

    def close(self) -> None:
        """Stop watching."""
        self._stream.close()


class Place:
    """One Deployment of three replicas in a namespace of its own, with its config repo."""

    def __init__(
        self,
        ready: str = '["/bin/busybox", "test", "-e", "/version"]',
        *,
        repository: str = REPOSITORY,
        rules: str = "",
        first: str = "v1",
    ) -> None:
        self.repository, self._rules = repository, rules
        self.name = f"bench-{uuid.uuid4().hex[:8]}"
        self.registry = os.environ["LAB_REGISTRY"]
        self.bare = Path(os.environ["LAB_GIT"]) / f"{self.name}.git"
        self.url = f"{os.environ['LAB_GIT_URL']}/{self.bare.name}"
        self.cluster = Cluster.open(os.environ["LAB_CONTEXT"], os.environ["LAB_KUBECONFIG"])
        self._ready = ready
        os.environ["HEADWAY_REPO"] = self.url
        os.environ["HEADWAY_STATE"] = tempfile.mkdtemp(prefix="headway-bench-")
        os.environ["HEADWAY_KUBECONFIG"] = os.environ["LAB_KUBECONFIG"]
        run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        run("git", "-C", str(self.bare), "config", "http.receivepack", "true")
        self.push(image(self.registry, first, repository), "Start")

    def manifest(self, of: str, command: str = "") -> str:
        """Write the Deployment."""
        line = f"\n          command: {command}" if command else ""
        return f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 3
  progressDeadlineSeconds: 120
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: "{of}"{line}
          readinessProbe: {{exec: {{command: {self._ready}}}, periodSeconds: 1}}
"""

    def push(self, of: str, message: str, command: str = "") -> str:
        """Push the Deployment with an image, as a person would; return the commit."""
        with tempfile.TemporaryDirectory() as work:
            run("git", "clone", "--quiet", str(self.bare), work)
            folder = Path(work)
            (folder / "staging").mkdir(exist_ok=True)
            (folder / "staging" / "web.yaml").write_text(self.manifest(of, command))
            (folder / "headway.yaml").write_text(
                "version: 1\napp: bench\nservices:\n"
                f"  web: {{image: {self.registry}/{self.repository}}}\nenvironments:\n"
                f"  staging: {{path: staging, timeout: 2m, {self._rules}"
                f"cluster: {{context: shop, namespace: {self.name}}}}}\n"
            )
            run("git", "-C", work, "add", "--all")
            run("git", "-C", work, "commit", "--quiet", "-m", message)
            run("git", "-C", work, "push", "--quiet", "origin", "HEAD:main")
            return run("git", "-C", work, "rev-parse", "HEAD")

    def deployments(self) -> Watch:
        """Watch the Deployment."""
        return Watch(self.cluster, DEPLOYMENTS, self.name)

    def pods(self) -> Watch:
        """Watch the pods."""
        return Watch(self.cluster, PODS, self.name)

    def delete(self) -> None:
        """Remove the namespace and what is on disk."""
        run("kubectl", "delete", "namespace", self.name, "--wait=true")
        shutil.rmtree(os.environ["HEADWAY_STATE"], ignore_errors=True)
        shutil.rmtree(self.bare, ignore_errors=True)


def image(registry: str, version: str, repository: str = REPOSITORY) -> str:
    """Build and push a busybox with a version; return it pinned."""
    name = build(registry, version, repository)
    run("docker", "push", "--quiet", name)
    digests = run("docker", "image", "inspect", "--format", '{{join .RepoDigests "\\n"}}', name)
    return f"{name}@{digests.splitlines()[0].partition('@')[2]}"


def build(registry: str, version: str, repository: str = REPOSITORY) -> str:
    """Build a busybox with a version; return its name."""
    name = f"{registry}/{repository}:{version}"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy("/bin/busybox", Path(folder) / "busybox")
        (Path(folder) / "version").write_text(version)
        (Path(folder) / "Dockerfile").write_text(
            'FROM scratch\nCOPY busybox /bin/busybox\nCOPY version /version\nCMD ["/bin/busybox", "sleep", "100000"]\n'
        )
        run("docker", "build", "--quiet", "--tag", name, folder)
    return name


def image_of(item: dict[str, Any]) -> str:
    """Return the image that a Deployment asks for."""
    found: str = item["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def rolled_out(item: dict[str, Any]) -> bool:
    """Return whether a Deployment is through: everything updated, available, and nothing old left."""
    status = item.get("status") or {}
    wanted = item["spec"]["replicas"]
    return status.get("observedGeneration") == item["metadata"]["generation"] and all(
        status.get(it, 0) == wanted for it in ("replicas", "updatedReplicas", "availableReplicas")
    )


def run(*command: str) -> str:
    """Run a command that must succeed; return what it printed."""
    who = {
        f"GIT_{role}_{what}": f"b{at}"
        for role in ("AUTHOR", "COMMITTER")
        for what, at in (("NAME", ""), ("EMAIL", "@b.example"))
    }
    done = subprocess.run(command, env={**os.environ, **who}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout.strip()
