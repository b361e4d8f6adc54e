"""From the end of `docker push` to the Deployment's spec, and to ready pods: by the registry's event, beside kubectl.

headway serves in a process of its own that is warm. The registry tells it of the push; it
reads the tags, picks, commits, pushes and applies. kubectl changes the object, told by hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Comparison, tell
from benchmarks.place import Place, build, image_of, rolled_out, run


def run_rounds(place: Place, rounds: int, rows: dict[str, Comparison]) -> None:
    """Alternate kubectl and headway, each with an image that was never seen before."""
    deployments = place.deployments()

    def push(version: str) -> tuple[str, float]:
        name = build(place.registry, version, place.repository)
        run("docker", "push", "--quiet", name)
        return name, time.perf_counter()

    def measure(since: float, name: str, changed: list[float], ready: list[float]) -> None:
        changed.append(deployments.when(since - 5, lambda it: image_of(it).startswith(name)) - 5)
        ready.append(
            deployments.when(since - 5, lambda it: image_of(it).startswith(name) and rolled_out(it)) - 5
        )

    for number in range(1, rounds + 1):
        tell(f"  round {number} of {rounds}")
        # A tag that the rule does not take, so that only kubectl brings it.
        name, pushed = push(f"hand-{number}")
        run("kubectl", "-n", place.name, "set", "image", "deployment/web", f"web={name}")
        measure(pushed, name, rows["changed"].theirs, rows["ready"].theirs)
        name, pushed = push(f"1.{number}.0")
        measure(pushed, name, rows["changed"].ours, rows["ready"].ours)
        time.sleep(1)
    deployments.close()


def run_all(rounds: int) -> list[Comparison]:
    """Measure on a place of its own, with the lab's registry and its notifications."""
    rows = {
        "changed": Comparison(
            "docker push exit → spec changed, by the registry's event", "kubectl set image", "0.4 s"
        ),
        "ready": Comparison("docker push exit → 3 replicas ready", "kubectl set image, bare watch", "1.15"),
    }
    repository = f"bench/push-{os.getpid()}"
    place = Place(
        repository=repository, rules="release: automatic, tags: {match: 'semver:*'}, ", first="1.0.0"
    )
    headway = str(Path(sys.executable).with_name("headway"))
    run(headway, "reconcile", "--local")
    command = [headway, "serve", "--local", "--port", os.environ["LAB_HOOK_PORT"]]
    serving = subprocess.Popen(
        [*command, "--every", "0", "--reconcile-every", "0"],
        env={**os.environ, "HEADWAY_HOOK_SECRET": os.environ["LAB_HOOK_SECRET"]},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert serving.stderr is not None
    try:
        for line in serving.stderr:
            if "listening on" in line:
                break
        run_rounds(place, rounds, rows)
    finally:
        serving.terminate()
        serving.wait()
        place.delete()
    return list(rows.values())
