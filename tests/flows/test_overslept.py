"""A release whose process is stopped for longer than its lease, while another machine releases something newer."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import Any

import pytest

from headway.errors import LostLease
from headway.systems.cluster.lease import Lease, lease_path
from tests.flows.conftest import HEADWAY, Place
from tests.servers.kubernetes import Answer


@pytest.mark.parametrize("where", ["GET", "PATCH"], ids=["before it writes", "before it records"])
@pytest.mark.slow
def test_what_overslept_writes_and_records_nothing(place: Place, where: str) -> None:
    """The newer release stays in the cluster, and in the repo as what is live."""
    place.start(staging="")
    stopped = threading.Event()
    sleeper: list[subprocess.Popen[str]] = []
    written: list[str] = []

    def mood(method: str, path: str, body: dict[str, Any]) -> Answer | None:
        lease = place.kube.objects[lease_path("staging", "staging")]
        if method == "PATCH" and "/cronjobs/" in path and "dryRun" not in path:
            written.append(str(body))
        asked = method == where and "/cronjobs/web" in path and "dryRun" not in path
        if asked and lease["spec"]["holderIdentity"] and not stopped.is_set():
            os.kill(sleeper[0].pid, signal.SIGSTOP)
            stopped.set()
        return None

    old, new = place.image("web", "1.1.0"), place.image("web", "1.2.0")
    command = [HEADWAY, "release", "staging", f"web={old}"]
    sleeper.append(
        subprocess.Popen(
            command, env=place.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    )
    place.kube.mood = mood
    assert stopped.wait(60)
    other = place.run("release", "staging", f"web={new}", HEADWAY_STATE=str(place.folder / "another machine"))
    assert other.code == 0, other.said
    live = place.remote.git("rev-parse", "refs/headway/staging/live")
    written.clear()

    os.kill(sleeper[0].pid, signal.SIGCONT)
    said, _ = sleeper[0].communicate()
    # It waits for another turn, and then finds what the other machine made live.
    assert sleeper[0].returncode == 0, said
    assert "lease was lost" in said
    assert "Traceback" not in said
    assert not [it for it in written if old in it]
    assert place.tags("staging")["web"] == "1.2.0"
    assert place.remote.git("rev-parse", "refs/headway/staging/live") == live


def test_who_was_too_slow_to_keep_its_turn_takes_another_one(place: Place) -> None:
    """On a machine so busy that a lease runs out, a release is finished as it would be by the next reconcile."""
    place.start(staging="")
    lost = threading.Event()

    def mood(method: str, path: str, body: dict[str, Any]) -> Answer | None:
        lease = place.kube.objects[lease_path("staging", "staging")]
        if "/cronjobs/web" in path and "dryRun" not in path and lease["spec"]["holderIdentity"]:
            lost.set()
        return None

    asked = Lease.check

    def check(self: Lease) -> None:
        if lost.is_set():
            lost.clear()
            place.kube.mood = lambda method, path, body: None
            raise LostLease("the environment's lease was lost")
        asked(self)

    place.kube.mood = mood
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lease, "check", check)
        done = place.run("release", "staging", f"web={place.image('web', '1.1.0')}")
    assert done.code == 0, done.said
    assert "waiting for another turn" in done.said
    assert place.tags("staging")["web"] == "1.1.0"
    assert place.remote.git("rev-parse", "refs/headway/staging/live") == place.remote.git("rev-parse", "main")
