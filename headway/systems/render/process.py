"""Runs one tool on one scratch folder: no network, little environment, limits on time, memory and output."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60
OUTPUT = 50 * 1024 * 1024
MEMORY = 4 * 1024**3
"""Address space, of which Go takes more than it uses."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a rendering may take."""

    seconds: float = SECONDS
    output: int = OUTPUT
    memory: int = MEMORY


@dataclass(frozen=True, slots=True)
class Ran:
    """How a tool ended; `exceeded` names the limit that ended it."""

    code: int
    out: bytes
    err: str
    exceeded: str = ""


def run(command: Sequence[str], home: Path, limits: Limits) -> Ran:
    """Run a command with `home` as everything that it may write to."""
    with tempfile.TemporaryFile(dir=home) as out, tempfile.TemporaryFile(dir=home) as err:
        process = subprocess.Popen(
            _limited([*without_network(), *command], limits),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=home,
            env=_environment(home),
            start_new_session=True,
        )
        late: list[str] = []

        def end() -> None:
            late.append(f"it took longer than {limits.seconds:g} seconds")
            _kill(process.pid)

        # Waiting with a time-out would look every twentieth of a second, which is as long as a rendering takes.
        timer = threading.Timer(limits.seconds, end)
        timer.start()
        try:
            code = process.wait()
        finally:
            timer.cancel()
            timer.join()
            # Whatever it started ends with it, also where this process was told to stop.
            _kill(process.pid)
            process.wait()
        exceeded = late[0] if late else ""
        if os.fstat(out.fileno()).st_size >= limits.output or code == -signal.SIGXFSZ:
            exceeded = exceeded or f"it wrote more than {limits.output // 1024**2} MB"
        elif code == -signal.SIGXCPU:
            exceeded = exceeded or f"it took longer than {limits.seconds:g} seconds of a processor"
        out.seek(0)
        err.seek(0)
        said = err.read(64 * 1024).decode("utf-8", "replace")
        if code and "out of memory" in said:
            exceeded = exceeded or f"it took more than {limits.memory / 1024**3:g} GB of memory"
        return Ran(code, b"" if exceeded else out.read(), said, exceeded)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _limited(command: Sequence[str], limits: Limits) -> list[str]:
    """Return a command that limits itself before it starts; where the system cannot, time alone is limited.

    Set from outside once it runs, the limits would be missing where this process is killed in between.
    """
    # It ends by itself, too, where this process was killed; it may use two processors.
    seconds = 2 * math.ceil(limits.seconds) + 1
    set_limits = "; ".join(
        f"ulimit {limit} 2>/dev/null"
        for limit in (
            f"-v {limits.memory // 1024}",
            f"-f {limits.output // 512}",
            "-c 0",
            f"-S -t {seconds}",
            f"-H -t {seconds + 1}",
        )
    )
    return ["/bin/sh", "-c", f'{set_limits}; exec "$@"', "sh", *command]


def _environment(home: Path) -> dict[str, str]:
    """Return all that a tool knows of this machine. Nothing is on its PATH, and no proxy answers."""
    own = str(home)
    nowhere = "http://127.0.0.1:9"
    return {
        "PATH": f"{own}/nothing",
        "HOME": own,
        "TMPDIR": own,
        "LANG": "C",
        "TZ": "UTC",
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "",
        "KUBECONFIG": "/dev/null",
        "KUSTOMIZE_PLUGIN_HOME": f"{own}/nothing",
        "HELM_PLUGINS": f"{own}/nothing",
        "XDG_CACHE_HOME": own,
        "XDG_CONFIG_HOME": own,
        "XDG_DATA_HOME": own,
        "GOMAXPROCS": "2",
    }


@functools.cache
def without_network() -> tuple[str, ...]:
    """Return what starts a command without a network; nothing where the kernel does not let this user do that."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    for how in (("--net",), ("--map-root-user", "--net")):
        command = (unshare, *how, "--")
        try:
            done = subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return command
    return ()
