"""A release whose process sleeps longer than its lease, right before its write, while a newer release lands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.app import App, git

STOPS_BEFORE_ITS_WRITE = """
import os, signal, sys
from pathlib import Path
from headway.systems.cluster.client import Cluster

mark, send = Path(sys.argv.pop(1)), Cluster.send

def stopping(self, method, path, query=None, body=None, **more):
    writes = method == "PATCH" and path.endswith("/deployments/web") and "dryRun" not in (query or {})
    if writes and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return send(self, method, path, query, body, **more)

Cluster.send = stopping
from headway.cli.main import run
run()
"""


@pytest.fixture
def sleeper(app: App, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A release of web v2 that has stopped before its first write of the Deployment."""
    mark = tmp_path / "mark"
    command = [sys.executable, "-c", STOPS_BEFORE_ITS_WRITE, str(mark)]
    process = subprocess.Popen(
        [*command, "release", "staging", f"web={app.image('web', 'v2')}", "--local"],
        env=app.environment(HEADWAY_STATE=str(app.state / "sleeper")),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        while not (mark.exists() and stopped(process.pid)):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.05)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            os.kill(process.pid, signal.SIGCONT)
        process.communicate()


def stopped(pid: int) -> bool:
    """Return whether a process stands still by a signal."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def recorded(app: App) -> tuple[str, str, str]:
    """Return what the config repo says: the branch, the outcomes, and what is live."""
    names = ("refs/heads/main", "refs/notes/headway", "refs/headway/staging/live")
    found = [git("-C", str(app.bare), "rev-parse", it) for it in names]
    return found[0], found[1], found[2]


def test_what_overslept_writes_and_records_nothing(app: App, sleeper: subprocess.Popen[str]) -> None:
    """v3 is live meanwhile, from another machine: the one that wakes up touches neither the cluster nor the repo."""
    overslept = app.log("-1", "--format=%H")
    other = app.release("staging", "web=v3", HEADWAY_STATE=str(app.state / "other"))
    assert other.code == 0, other.said
    newer = app.log("-1", "--format=%H")
    assert app.running("staging", "web") == app.image("web", "v3")
    assert (app.live("staging"), app.states(overslept)) == (newer, ["superseded"])
    before, generation = recorded(app), app.get("staging", "deployment/web")["metadata"]["generation"]

    os.kill(sleeper.pid, signal.SIGCONT)
    said, _ = sleeper.communicate(timeout=120)
    # It waits for another turn, and then finds what the other machine made live.
    assert sleeper.returncode == 0, said
    assert "lease was lost" in said
    assert "Traceback" not in said
    assert recorded(app) == before
    assert app.get("staging", "deployment/web")["metadata"]["generation"] == generation
    assert app.running("staging", "web") == app.image("web", "v3")
    assert app.run("reconcile", "staging", "--local").code == 0
    assert recorded(app) == before
