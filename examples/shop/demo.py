"""`make demo`: the shop released, broken, rolled back automatically, rolled back by hand and rebuilt, on a real lab.

Every step is a command that you could type; what it prints is what it says. Steps
run as Prefect flows, but for those that show what works without Prefect. Running it
again releases the next versions.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from examples.shop.seed import SERVICES, commit_version, ensure_base, seed
from lab.controlroom import read_env
from lab.place import ROOT, Place

PLACE = Place.default()
PORT = 8642
BOARD = f"http://127.0.0.1:{PORT}/"
"""Where `make board` serves the board."""
_number = 0
_began = time.monotonic()


def main() -> None:
    """Tell the whole story once; leave with 1 where it does not go as told."""
    with chapter("A lab: Kubernetes, a registry, a Docker engine, Git, Prefect"):
        PLACE.write("headway.env", "".join(f"{key}={value}\n" for key, value in settings().items()))
        run(sys.executable, "-m", "lab", "up")
    os.environ.update(read_env(PLACE.state / "env") | settings())
    repos = seed(Path(os.environ["LAB_GIT"]))
    with chapter("The Prefect server: forms to release, promote and roll back in each environment"):
        run(sys.executable, "-m", "headway.deployments.sync")
    version = next_version(repos["config"])

    with chapter(f"Version {version} of three services: built in parallel, pushed, live in staging"):
        ensure_base()
        for service in SERVICES:
            commit_version(repos[service], version)
        headway("deliver", "staging", "--reason", f"version {version}")
        headway("status", "staging")

    with chapter("Promote staging to production: one command, the same digests"):
        headway("promote", "production", "--reason", "looks good in staging")

    with chapter(
        "A new image in the registry, and nothing else: staging follows, production waits for a person"
    ):
        commit_version(repos["users"], f"{version}-pushed")
        headway("build", "users", "--local")
        headway("watch", "--local")
        headway("images", "users", "staging", "--limit", "4")

    with chapter("A broken version: it fails, and is rolled back automatically, in the repo too"):
        commit_version(repos["orders"], f"{version}-broken", "crash")
        headway("deliver", "staging", "--service", "orders", "--reason", "a faster report", fails=True)
        headway("history", "staging", "--limit", "3")

    with chapter("Automation does not release it again: it is vetoed in the repo, with its cause"):
        headway("watch", "--local")
        headway("plan", "staging")

    with chapter("A rollback by command, without Prefect: no build, and only seconds"):
        commit_version(repos["frontend"], f"{version}-new")
        headway("deliver", "staging", "--service", "frontend", "--local")
        headway(
            "rollback",
            "staging",
            "--service",
            "frontend",
            "--reason",
            "customers miss the old one",
            "--local",
        )
        headway("watch", "--local")

    with chapter("The cluster is destroyed, and restored from the repo"):
        run(sys.executable, "-m", "lab", "destroy-cluster")
        headway("rebuild", "--local")

    with chapter("The config repo now: one commit per release, and diffs of values only"):
        run("git", "--git-dir", str(repos["config"]), "log", "--oneline", "--decorate", "-8", "main")
        run("git", "--git-dir", str(repos["config"]), "log", "-p", "-1", "--format=%n%B", "-U0", "main")

    print(f"\nAll of it took {time.monotonic() - _began:.0f} s. Look at:")
    for what, why in afterwards():
        print(f"  {what:<46} {why}")


def afterwards() -> list[tuple[str, str]]:
    """Return what is still there, and how to look at it or end it."""
    prefect = os.environ["PREFECT_API_URL"].removesuffix("/api")
    return [
        ("make board", f"the board, at {BOARD} until Ctrl-C: what runs where, with the buttons"),
        (f"{prefect}/runs", "the runs, their plans and outcomes"),
        (f"{prefect}/deployments", "forms for each of these commands"),
        (f"git clone {os.environ['HEADWAY_REPO']}", "the config repo"),
        (f"export KUBECONFIG={os.environ['KUBECONFIG']}", "then kubectl -n staging get pods"),
        ("make lab-down", "stops everything that the demo started"),
    ]


def settings() -> dict[str, str]:
    """Give headway's settings for the lab."""
    lab = PLACE.environment()
    return {
        "HEADWAY_REPO": f"{lab['LAB_GIT_URL']}/config.git",
        "HEADWAY_KUBECONFIG": lab["LAB_KUBECONFIG"],
        "HEADWAY_DOCKER_CONFIG": lab["DOCKER_CONFIG"],
        "HEADWAY_STATE": str(PLACE.state / "headway"),
        "HEADWAY_ACTOR": "demo",
    }


def next_version(config: Path) -> str:
    """Number this run's versions after the commits there are, so that a second run has something to release."""
    done = subprocess.run(
        ["git", "--git-dir", str(config), "rev-list", "--count", "main"],
        capture_output=True,
        text=True,
        check=True,
    )
    return f"1.{done.stdout.strip()}"


def headway(*arguments: str, fails: bool = False) -> None:
    """Run headway, and end the demo where it does not end as expected."""
    run(str(Path(sys.executable).with_name("headway")), *arguments, expected=1 if fails else 0)


def run(*command: str, expected: int = 0) -> None:
    """Show a command and what it prints."""
    words = [
        "python" if it == sys.executable else Path(it).name if n == 0 else it for n, it in enumerate(command)
    ]
    print("$ " + " ".join(f"'{it}'" if " " in it else it for it in words), flush=True)
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code != expected:
        sys.exit(f"the demo ends here: {words[0]} gave exit code {code}, expected was {expected}")
    if expected:
        print(f"(exit code {code}, as it should be)", flush=True)


@contextmanager
def chapter(title: str) -> Iterator[None]:
    """Say what comes next, and how long it took."""
    global _number
    _number += 1
    began = time.monotonic()
    print(f"\n== {_number}. {title}\n", flush=True)
    yield
    print(f"\n   {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
