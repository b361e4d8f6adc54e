"""Servers of the lab: started once, found again, ended for good.

A server is known by its pid together with the time the process began, so that a pid
that was given to somebody else's process is never touched.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.place import LabError, Place

POLL = 0.05
LOG_LINES = 15


def began_at(pid: int) -> str | None:
    """Give a process's start time in clock ticks since boot; None when it has ended (or is a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


@dataclass(frozen=True)
class Server:
    """One server by its name; its log and its pid are files in the lab's state."""

    place: Place
    name: str

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.place.state / "logs" / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The server's pid while it lives."""
        try:
            pid, began = (self.place.state / "pids" / self.name).read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if began_at(int(pid)) == began else None

    def start(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> bool:
        """Start the server unless it lives; say whether it was started. It outlives this process."""
        if (pid := self.pid) is not None:
            # Somebody who paused it may have been killed.
            os.kill(pid, signal.SIGCONT)
            return False
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.log.open("ab") as log:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **(env or {})},
                    cwd=cwd or self.place.state,
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise LabError(f"{command[0]} is not installed") from None
        began = began_at(process.pid)
        self.place.write(f"pids/{self.name}", f"{process.pid} {began}")
        return True

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Let the server stand still, as one that hangs does; it goes on when the block is left."""
        pid = self.pid
        if pid is None:
            raise LabError(f"{self.name} does not run, so it cannot be paused")
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            if self.pid == pid:
                os.kill(pid, signal.SIGCONT)

    def wait(self, ready: Callable[[], bool], seconds: float, what: str = "") -> None:
        """Wait until it is ready; raise LabError with the end of its log when it dies or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            dead = self.pid is None
            if dead or time.monotonic() > deadline:
                cause = "ended" if dead else f"was not ready after {seconds:.0f} s"
                raise LabError(f"{self.name} {cause} {what}\n{self.tail()}\nIts whole log: {self.log}")
            time.sleep(POLL)

    def stop(self, *, kill: bool = False, grace: float = 10.0) -> None:
        """End the server and everything of its process group, and wait until it is gone."""
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL if kill else signal.SIGTERM)
            if not _gone(pid, grace):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                _gone(pid, grace)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        (self.place.state / "pids" / self.name).unlink(missing_ok=True)

    def tail(self) -> str:
        """Give the last lines of the log."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(f"    {line[:300]}" for line in lines[-LOG_LINES:])


def _gone(pid: int, seconds: float) -> bool:
    began = began_at(pid)
    deadline = time.monotonic() + seconds
    while began is not None and began_at(pid) == began:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True
