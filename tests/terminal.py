"""A command at a real terminal of a width: what it writes there, and what a person does there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

PATIENCE = 30.0


class Terminal:
    """A process with a terminal of its own as its standard streams."""

    def __init__(self, command: list[str], width: int, environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        self.resize(width)
        kept = {name: it for name, it in environment.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={"TERM": "xterm-256color", **kept},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.written = ""
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.close()

    def resize(self, width: int, height: int = 24) -> None:
        """Make the terminal as wide as said."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def close(self) -> None:
        """Close the terminal's window."""
        if self._open:
            self._open = False
            os.close(self._master)

    def until(self, seen: Callable[[str], bool]) -> str:
        """Read until what was written is as expected; return it."""
        end = time.monotonic() + PATIENCE
        while not seen(self.written):
            assert time.monotonic() < end, self.written
            if not self._read(0.2):
                assert seen(self.written), self.written
        return self.written

    def rest(self) -> None:
        """Read what was written by now."""
        while select.select([self._master], [], [], 0)[0] and self._read(0):
            pass

    def end(self) -> tuple[int, str]:
        """Read to the end; return the exit code and all that was written."""
        end = time.monotonic() + PATIENCE
        while self._read(0.2):
            assert time.monotonic() < end, self.written
        return self.process.wait(PATIENCE), self.written

    def _read(self, seconds: float) -> bool:
        """Read what there is; return False where nobody writes any more."""
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return self.process.poll() is None
        with contextlib.suppress(OSError):
            if found := os.read(self._master, 65536):
                self.written += found.decode()
                return True
        return False

    def silent(self) -> None:
        """Show no key that is pressed: tests look at what the command writes."""
        found = self.modes()
        found[3] &= ~termios.ECHO
        termios.tcsetattr(self._master, termios.TCSANOW, found)

    def modes(self) -> list[Any]:
        """Return the terminal's modes, as they would be left to a shell."""
        return list(termios.tcgetattr(self._master))
