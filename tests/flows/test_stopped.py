"""A release is stopped in the middle by a signal or a closed pipe: it goes on to its end, or says what is left.

Real processes, held at a step until the signal has come.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.flows.conftest import HEADWAY, Place

RELEASE = (HEADWAY, "release", "staging", "web=1.1.0")


class Gate:
    """A step that waits: `reached` is set when it is there, and it goes on after `open`."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()

    def wait(self) -> None:
        """Be the step."""
        self.reached.set()
        self.go.wait(60)


@contextmanager
def push_waits(place: Place, gate: Gate, ref: str) -> Iterator[None]:
    """Have the Git server hold a push to a ref until the gate opens: its hook reads from one pipe and writes to one."""
    came, go = place.folder / "came", place.folder / "go"
    for each in (came, go):
        os.mkfifo(each)
    hook = place.remote.folder / "hooks" / "update"
    hook.write_text(f'#!/bin/sh\ncase "$1" in {ref}) echo > {came}; cat {go} > /dev/null;; esac\n')
    hook.chmod(0o755)

    def keep() -> None:
        came.read_text()
        gate.wait()
        hook.unlink()
        go.write_text("go")

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    yield
    thread.join(60)


@contextmanager
def apply_waits(place: Place, gate: Gate, _: str) -> Iterator[None]:
    """Have the API server hold the first change of an object until the gate opens."""

    def mood(method: str, path: str, body: dict[str, Any]) -> None:
        if method == "PATCH" and "/cronjobs/" in path and "dryRun" not in path and not gate.reached.is_set():
            gate.wait()

    place.kube.mood = mood
    yield
    place.kube.mood = lambda *_: None


@contextmanager
def look_waits(place: Place, gate: Gate, _: str) -> Iterator[None]:
    """Have the registry hold the look for the image, which comes before anything is committed."""

    def mood(path: str) -> None:
        if not gate.reached.is_set():
            gate.wait()

    place.registry.mood = mood
    yield
    place.registry.mood = lambda _: None


Hold = Callable[[Place, Gate, str], Any]
STEPS: dict[str, tuple[Hold, str]] = {
    "push": (push_waits, "refs/heads/main"),
    "apply": (apply_waits, ""),
    "record": (push_waits, "refs/notes/headway"),
}


@contextmanager
def started(place: Place, hold: Hold, ref: str, command: tuple[str, ...] = RELEASE) -> Iterator[Any]:
    """Start a command and wait until it is at the step; return its process and the gate."""
    gate = Gate()
    with hold(place, gate, ref):
        process = subprocess.Popen(
            command, env=place.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert gate.reached.wait(60)
            yield process, gate
        finally:
            gate.go.set()
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.slow
def test_a_release_on_its_way_is_finished_first(place: Place, step: str, number: signal.Signals) -> None:
    """One signal, wherever it is: the cluster has what the repo says, the outcome is recorded, and what goes on is said."""
    place.start(staging="")
    place.image("web", "1.1.0")
    with started(place, *STEPS[step]) as (process, gate):
        process.send_signal(number)
        if number != signal.SIGHUP:
            said = next(line for line in process.stderr if "on its way" in line)
            assert "once more ends this command" in said
            assert "headway reconcile staging" in next(process.stderr)
        gate.go.set()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert place.tags("staging")["web"] == "1.1.0"
    assert '"live"' in place.remote.git("notes", "--ref=headway", "show", "main")


@pytest.mark.parametrize("step", ["push", "apply"])
@pytest.mark.slow
def test_a_second_ctrl_c_ends_it_and_says_what_is_left(place: Place, step: str) -> None:
    """It names the commit where there is one, and the command that finishes it, which it does."""
    place.start(staging="")
    place.image("web", "1.1.0")
    with started(place, *STEPS[step]) as (process, gate):
        process.send_signal(signal.SIGINT)
        assert any("on its way" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert any("left as it is" in line for line in process.stderr)
        left = next(process.stderr)
        gate.go.set()
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert "headway reconcile staging" in left
    if step == "apply":
        assert place.remote.head()[:9] in left
    done = place.run("reconcile", "staging")
    assert done.code == 0, done.said
    wanted = "1.1.0" if "1.1.0" in place.message() + place.remote.git("show", "main") else "1.0.0"
    assert place.tags("staging")["web"] == wanted


@pytest.mark.slow
def test_before_the_commit_it_ends_at_once(place: Place) -> None:
    """Nothing was on its way; the exit code is that of the signal, and there is no traceback."""
    place.start(staging="")
    place.image("web", "1.1.0")
    head = place.remote.head()
    with started(place, look_waits, "") as (process, gate):
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        gate.go.set()
    assert process.returncode == 130
    assert "stopped; no release was on its way" in err
    assert "Traceback" not in err
    assert place.remote.head() == head


@pytest.mark.slow
def test_a_closed_pipe_stops_nothing(place: Place) -> None:
    """`headway release … 2>&1 | head -3`: the release goes on without its reader, and ends as it ends."""
    place.start(staging="")
    place.image("web", "1.1.0")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        RELEASE,
        env=place.environment(),
        stdout=writer,
        stderr=writer,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 0
    assert place.tags("staging")["web"] == "1.1.0"
    assert '"live"' in place.remote.git("notes", "--ref=headway", "show", "main")


@pytest.mark.parametrize("closing", ["exec >&- 2>&- <&-", "exec 2>/dev/full"])
@pytest.mark.slow
def test_streams_that_cannot_be_written(place: Place, closing: str) -> None:
    """Closed by the caller, or full: the release is done all the same."""
    place.start(staging="")
    place.image("web", "1.1.0")
    code = subprocess.run(
        ["sh", "-c", f'{closing}; exec "$@"', "sh", *RELEASE], env=place.environment(), check=False
    ).returncode
    assert code == 0
    assert place.tags("staging")["web"] == "1.1.0"


@pytest.mark.slow
def test_data_that_is_not_written_whole_is_an_error(place: Place) -> None:
    """A full disk behind `> file` is not a command that succeeded; what was done is done."""
    place.start(staging="")
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" > /dev/full', "sh", HEADWAY, "history"],
        env=place.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "standard output could not be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_terminal_that_knows_no_unicode(place: Place) -> None:
    """What it cannot show is written another way; it ends nothing."""
    place.start(staging="")
    place.image("web", "1.1.0")
    done = place.run_process(*RELEASE[1:], "--reason", "für Zoë …", PYTHONIOENCODING="ascii")
    assert done.code == 0, done.said
    assert place.tags("staging")["web"] == "1.1.0"
