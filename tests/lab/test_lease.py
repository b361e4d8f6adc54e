"""The environment's lease: one deploy at a time, on two machines, whatever dies. A machine here is a state folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.errors import LostLease, TransientError
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.lease import GROUP, environment_lease
from tests.lab.app import App
from tests.lab.clusterplace import Place, config_map, own_place
from tests.lab.conftest import Lab

HOLD = """
import sys, time
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.lease import environment_lease
with environment_lease(Cluster.open("shop"), sys.argv[1], "env", sys.argv[2], wait=60, on_wait=print):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def place(lab: Lab) -> Iterator[Place]:
    """A namespace of its own."""
    with own_place(lab.context, lab.kubeconfig) as made:
        made.apply(config_map("any", key="value"))
        yield made


def hold(place: Place, machine: str) -> subprocess.Popen[str]:
    """Hold the lease in another process."""
    command = [sys.executable, "-c", HOLD, place.namespace, machine]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process as a machine that goes away does."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_another_machine_waits_for_the_holder(place: Place, tmp_path: Path) -> None:
    """The second gets it when the first gives it up, and is told that it waits."""
    order: list[str] = []

    def second() -> None:
        with environment_lease(place.cluster, place.namespace, "env", "b", wait=30, on_wait=order.append):
            order.append("second")

    with environment_lease(place.cluster, place.namespace, "env", "a", wait=5, on_wait=order.append):
        thread = threading.Thread(target=second)
        thread.start()
        while not order:
            time.sleep(0.05)
        order.append("first ends")
    thread.join()
    assert order[0].startswith("env: waiting for a deploy of it on another machine")
    assert order[1:] == ["first ends", "second"]


def test_a_dead_machine_loses_it_and_a_dead_process_at_once(place: Place, tmp_path: Path) -> None:
    """On the same machine the next one need not wait; another machine waits until the lease has run out."""
    end(hold(place, "a"))
    began = time.monotonic()
    with environment_lease(place.cluster, place.namespace, "env", "a", wait=1, on_wait=print):
        pass
    end(hold(place, "a"))
    with (
        pytest.raises(TransientError, match="another deploy of env has been running"),
        environment_lease(place.cluster, place.namespace, "env", "b", wait=1, on_wait=print),
    ):
        pytest.fail("it must not be had yet")
    with environment_lease(place.cluster, place.namespace, "env", "b", wait=60, on_wait=print):
        assert time.monotonic() - began > 14


def test_a_lease_that_was_taken_away_is_known_to_be_lost(place: Place, tmp_path: Path) -> None:
    """Whoever lost it stops before it changes anything more."""
    with environment_lease(place.cluster, place.namespace, "env", "a", wait=1, on_wait=print) as lease:
        assert lease is not None
        lease.check()
        path = f"{GROUP}/namespaces/{place.namespace}/leases/headway-env"
        place.cluster.send(
            "PATCH",
            path,
            body=b'{"spec": {"holderIdentity": "other/1"}}',
            content_type="application/merge-patch+json",
        )
        with pytest.raises(LostLease, match="lease was lost"):
            lease.confirm()
        with pytest.raises(LostLease, match="lease was lost"):
            lease.check()


def test_no_namespace_yet(lab: Lab, tmp_path: Path) -> None:
    """A first deploy makes the namespace, so there is nothing to hold it in."""
    with environment_lease(
        Cluster.open("shop"), "nosuch-namespace", "env", "a", wait=1, on_wait=print
    ) as lease:
        assert lease is None


def test_two_machines_release_at_once(lab: Lab, app: App) -> None:
    """Two services released from two machines at the same moment: both commits, both live, one after the other."""
    processes = [
        subprocess.Popen(
            [
                str(Path(sys.executable).with_name("headway")),
                "release",
                "staging",
                f"{service}={app.image(service, 'v2')}",
                "--local",
            ],
            env=app.environment(HEADWAY_STATE=str(app.state / f"machine-{service}")),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for service in ("web", "api")
    ]
    for process in processes:
        said, _ = process.communicate()
        assert process.returncode == 0, said
    assert app.running("staging", "web") == app.image("web", "v2")
    assert app.running("staging", "api") == app.image("api", "v2")
    assert app.live("staging") == app.log("-1", "--format=%H")
