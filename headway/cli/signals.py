"""Ctrl-C, SIGTERM and SIGHUP: a release that is on its way is finished first, and what is left is said.

Nothing is printed through Python's streams here: a signal may come while they are being written.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from headway.cli.region import leave_lines
from headway.runtime.interruption import running_elsewhere, unfinished

WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 5.0
"""Seconds that a command has to end by itself once it was stopped; threads may wait for a system that is silent."""


class Stopped(BaseException):
    """The command was stopped by a signal, and what is left was said; `code` is its exit code.

    It is no KeyboardInterrupt, which would be swallowed on the way.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


class _Handler:
    def __init__(self) -> None:
        self._asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        held = unfinished()
        if held and number == signal.SIGHUP:
            # The terminal is closed: nobody reads, and nobody can press a key once more.
            return
        if held and not self._asked:
            self._asked = True
            _say(
                "\na release is on its way, and is finished first; once more ends this command at once, and then:"
            )
            _say("\n".join(f"  {it}" for it in held))
            return
        # From here on nothing more is said or asked: whatever the command waits for, it ends.
        for each in WATCHED:
            signal.signal(each, signal.SIG_IGN)
        if held:
            _say("\nstopped; left as it is:")
            _say("\n".join(f"  {it}" for it in held))
        elif running_elsewhere():
            _say("\nstopped following; " + "; ".join(running_elsewhere()))
        else:
            _say("\nstopped; no release was on its way")
        stopped = Stopped(number)
        timer = threading.Timer(GRACE, os._exit, [stopped.code])
        timer.daemon = True
        timer.start()
        raise stopped


def _say(text: str) -> None:
    leave_lines()
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode())


@contextlib.contextmanager
def watched_signals() -> Iterator[None]:
    """Handle the signals while a command runs; what is ignored (`nohup`, a job in the background) stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Handler()
    before = {it: signal.getsignal(it) for it in WATCHED}
    for number, handled in before.items():
        if handled is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)
