"""A broken image: how soon its cause is known, and how soon the old digest is back in repo and cluster."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from benchmarks.measure import Comparison, tell
from benchmarks.place import REPOSITORY, Place, image, image_of


def run_all(rounds: int) -> list[Comparison]:
    """Push a tag that is not in the registry, then a command that ends at once, and reconcile."""
    os.environ["HEADWAY_LOCAL"] = "1"
    from headway.flows.reconcile import make_equal
    from headway.operations.connections import Connections
    from headway.runtime import local

    rows = {
        "pull": Comparison(
            "image not in the registry → verdict with its cause", "first ErrImagePull seen", "5 s"
        ),
        "crash": Comparison("crash at start → verdict with its cause", "first crash seen", "15 s"),
        "back": Comparison("verdict → old digest in repo and cluster again", "–", "2 s"),
    }
    said: dict[str, float] = {}

    def listen(kind: str, _: str, text: str) -> None:
        if kind == "log" and ": rolling " in text:
            said["verdict"] = time.perf_counter()

    place = Place()
    good = image(place.registry, "v1")
    local.listen(listen)
    with Connections() as connections:
        make_equal(connections, "staging").check()
        deployments, pods = place.deployments(), place.pods()
        cases = [("pull", f"{place.registry}/{REPOSITORY}:nosuch", "")] * rounds
        cases += [("crash", good, '["/bin/busybox", "false"]')] * min(rounds, 2)
        for number, (name, of, command) in enumerate(cases):
            tell(f"  round {number + 1} of {len(cases)}: {name}")
            place.push(of, f"Broken {number}", command)
            began = time.perf_counter()
            trouble: list[float] = []
            seen = threading.Thread(target=lambda: trouble.append(pods.when(began, _broken)))  # noqa: B023
            seen.start()
            result = make_equal(connections, "staging")
            assert result.state == "rolled-back", result.state
            seen.join()
            rows[name].theirs.append(trouble[0])
            rows[name].ours.append(said["verdict"] - began)
            back = deployments.when(said["verdict"], lambda it: image_of(it) == good and not _command(it))
            rows["back"].ours.append(back)
        deployments.close()
        pods.close()
    place.delete()
    return list(rows.values())


def _command(item: dict[str, Any]) -> list[str] | None:
    found: list[str] | None = item["spec"]["template"]["spec"]["containers"][0].get("command")
    return found


def _broken(pod: dict[str, Any]) -> bool:
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        state = status.get("state") or {}
        if (state.get("waiting") or {}).get("reason") in (
            "ErrImagePull",
            "ImagePullBackOff",
            "CrashLoopBackOff",
        ):
            return True
        if (state.get("terminated") or {}).get("exitCode"):
            return True
    return False
