"""Many releases at once, on a control room of several machines: the throughput, and that none is lost.

The same control room also carries releases one after the other, each waited for: that is the baseline.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import Comparison, tell, timed
from benchmarks.place import image, image_of, rolled_out, run
from headway.domain.releases.ledger import new_release_id
from lab.place import Place
from lab.scaled_room import ControlRoom, control_room, is_over

ENVIRONMENTS = tuple(f"place-{number}" for number in range(10))
SERVICES = tuple(f"service-{number}" for number in range(5))
EVERYTHING = [(environment, service) for environment in ENVIRONMENTS for service in SERVICES]
CALLERS = 10
"""So many calls to start a run are on their way at a time, as from several CI jobs."""
ROUNDS = 3
BUSY = (409, 429, 500, 502, 503, 504)
"""What a server answers that could not do what it was asked."""

Target = tuple[str, str]


def run_all(rounds: int) -> list[Comparison]:
    """Release one by one and all at once, in turn, each time something new."""
    row = Comparison(
        "seconds a release: 50 to 10 environments at once, two workers, PostgreSQL",
        "one at a time",
        "0.33 (3 times the throughput), no loss",
    )
    notes: list[str] = []
    rounds = min(rounds, ROUNDS)
    with _application() as fleet, control_room(Place.default(), fleet.name, fleet.url) as room:
        tell("  warming up")
        for _ in range(2):
            # Not measured: both workers make their mirrors.
            _at_once(room, fleet, [(it, SERVICES[0]) for it in ENVIRONMENTS], fleet.next_version())
        for number in range(rounds):
            tell(f"  round {number + 1} of {rounds}, one at a time")
            version, sample = fleet.next_version(), [(it, SERVICES[number % 5]) for it in ENVIRONMENTS]
            row.theirs.append(timed(lambda: _one_by_one(room, fleet, sample, version)) / len(sample))  # noqa: B023
            tell(f"  round {number + 1} of {rounds}, all at once")
            version, began, head = fleet.next_version(), time.perf_counter(), fleet.head
            answers = Counter(room.balancer.answers)
            runs = _at_once(room, fleet, EVERYTHING, version)
            row.ours.append((time.perf_counter() - began) / len(EVERYTHING))
            fleet.check(runs, version, head)
            notes.append(_remark(room, fleet, runs, head, answers))
    times = "/".join(f"{t / o:.1f}" for t, o in zip(row.theirs, row.ours, strict=True))
    row.note = (
        f"{times} times the throughput; none lost; {'; '.join(dict.fromkeys(notes))}; baseline: 10 of the 50"
    )
    return [row]


class Fleet:
    """One application: ten environments, a namespace each, with five small services each."""

    def __init__(self, folder: Path) -> None:
        self.name = f"bench-{uuid.uuid4().hex[:8]}"
        self.registry = os.environ["LAB_REGISTRY"]
        self.bare = Path(os.environ["LAB_GIT"]) / f"{self.name}.git"
        self.url = f"{os.environ['LAB_GIT_URL']}/{self.bare.name}"
        self._state, self._version = folder, 0
        self._images: dict[str, dict[str, str]] = {}
        self.next_version()

    def next_version(self) -> str:
        """Build and push every service again; return the version."""
        self._version += 1
        version = f"v{self._version}"
        self._images[version] = {it: image(self.registry, version, f"{self.name}/{it}") for it in SERVICES}
        return version

    def image(self, service: str, version: str) -> str:
        """Return a service's image, pinned."""
        return self._images[version][service]

    def namespace(self, environment: str) -> str:
        """Return an environment's namespace."""
        return f"{self.name}-{environment}"

    @property
    def head(self) -> str:
        """The config repo's newest commit."""
        return self._git("rev-parse", "main")

    def create(self) -> None:
        """Make the config repo and what it says."""
        run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        run("git", "-C", str(self.bare), "config", "http.receivepack", "true")
        work = self._state / "work"
        run("git", "clone", "--quiet", str(self.bare), str(work))
        services = "".join(f"  {it}: {{image: {self.registry}/{self.name}/{it}}}\n" for it in SERVICES)
        places = "".join(
            f"  {it}: {{path: {it}, timeout: 5m, cluster: {{context: shop, namespace: {self.namespace(it)}}}}}\n"
            for it in ENVIRONMENTS
        )
        head = f"version: 1\napp: {self.name}\nservices:\n{services}environments:\n{places}"
        (work / "headway.yaml").write_text(head)
        for environment, service in EVERYTHING:
            path = work / environment / f"{service}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(_manifest(service, self.image(service, "v1")))
        run("git", "-C", str(work), "add", "--all")
        run("git", "-C", str(work), "commit", "--quiet", "-m", "Start")
        run("git", "-C", str(work), "push", "--quiet", "origin", "HEAD:main")
        settings = {**os.environ, "HEADWAY_REPO": self.url, "HEADWAY_STATE": str(self._state / "headway")}
        headway = str(Path(sys.executable).with_name("headway"))
        command = [headway, "reconcile", "--local"]
        done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def check(self, runs: dict[Target, dict[str, Any]], version: str, since: str) -> None:
        """See that no release was lost: live in the cluster, in the repo, and committed once."""
        states = Counter(it["state"]["name"] for it in runs.values())
        assert states == {"Completed": len(runs)}, states
        committed = Counter(
            self._git("log", "--format=%(trailers:key=Headway-Release,valueonly)", f"{since}..main").split()
        )
        assert committed == Counter(_release_id(it, place) for (place, _), it in runs.items()), committed
        for environment in {place for place, _ in runs}:
            words = ("--namespace", self.namespace(environment), "get", "deployments", "--output", "json")
            there = {it["metadata"]["name"]: it for it in json.loads(run("kubectl", *words))["items"]}
            for service in (it for place, it in runs if place == environment):
                wanted = self.image(service, version)
                assert image_of(there[service]) == wanted, (environment, service)
                assert rolled_out(there[service]), there[service]["status"]
                assert wanted in self._git("show", f"main:{environment}/{service}.yaml")

    def superseded(self, since: str) -> int:
        """Count the releases that a newer one of the same environment took along."""
        notes = self._git("log", "--notes=headway", "--format=%N", f"{since}..main").splitlines()
        return sum(json.loads(it)["state"] == "superseded" for it in notes if it)

    def _git(self, *words: str) -> str:
        return run("git", "-C", str(self.bare), *words)

    def delete(self) -> None:
        """Remove the namespaces and the config repo."""
        run("kubectl", "delete", "namespace", "--ignore-not-found", *map(self.namespace, ENVIRONMENTS))
        shutil.rmtree(self.bare, ignore_errors=True)


@contextlib.contextmanager
def _application() -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory(prefix="headway-bench-") as folder:
        fleet = Fleet(Path(folder))
        try:
            tell("  50 services, live")
            fleet.create()
            yield fleet
        finally:
            fleet.delete()


def _manifest(service: str, of: str) -> str:
    # Asked over HTTP: fifty commands a second in containers would take both cores.
    return f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: {service}}}
spec:
  replicas: 1
  progressDeadlineSeconds: 240
  selector: {{matchLabels: {{app: {service}}}}}
  template:
    metadata: {{labels: {{app: {service}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: "{of}"
          command: [/bin/busybox, httpd, -f, -p, "8080", -h, /]
          readinessProbe: {{httpGet: {{path: /version, port: 8080}}, periodSeconds: 1}}
"""


def _start(room: ControlRoom, fleet: Fleet, target: Target, version: str) -> str:
    environment, service = target
    images = [{"service": service, "image": fleet.image(service, version)}]
    request = {"environment": environment, "images": images, "actor": "ci"}
    return room.start("release", environment, request, key=f"{environment}-{service}-{version}")


def _one_by_one(room: ControlRoom, fleet: Fleet, targets: list[Target], version: str) -> None:
    for target in targets:
        ended = room.ended(_start(room, fleet, target, version), poll=0.1)
        assert ended["state"]["name"] == "Completed", ended["state"]


def _at_once(
    room: ControlRoom, fleet: Fleet, targets: list[Target], version: str
) -> dict[Target, dict[str, Any]]:
    """Start all of them and wait until all have ended; return the runs."""
    with ThreadPoolExecutor(CALLERS) as callers:
        started = list(callers.map(lambda it: _start(room, fleet, it, version), targets))
    wanted = {"flow_runs": {"id": {"any_": started}}, "limit": 200}
    while True:
        code, found = room.call("POST", "/flow_runs/filter", wanted)
        assert code == 200, found
        if len(found) == len(targets) and all(is_over(it) for it in found):
            by_id = {it["id"]: it for it in found}
            return {target: by_id[it] for target, it in zip(targets, started, strict=True)}
        time.sleep(0.2)


def _release_id(flow_run: dict[str, Any], environment: str) -> str:
    """Work out the id that a run gave its release."""
    asked = datetime.fromisoformat(flow_run["expected_start_time"] or flow_run["created"]).astimezone(UTC)
    return new_release_id(asked, f"{flow_run['id']} {environment}")


def _remark(
    room: ControlRoom, fleet: Fleet, runs: dict[Target, dict[str, Any]], since: str, before: Counter[int]
) -> str:
    """Return what happened on the way: what a newer one took along, what restarted, what a server refused."""
    answers = {it: room.balancer.answers[it] - before[it] for it in BUSY}
    refused = ", ".join(f"{count} answers {code}" for code, count in answers.items() if count)
    again = sum(it["run_count"] > 1 for it in runs.values())
    said = f"{fleet.superseded(since)} taken along by a newer one of their environment"
    said += f", {again} restarted" if again else ""
    return f"{said}, {refused or 'no busy answer'}"
