"""headway's command in this process, through its own entry, as if it had one to itself.

It is handed its environment, its streams and its standing with signals again each time. What a process would take
with it when it ends is an error here: a thread, a child, a descriptor, what was left of a release.
"""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from headway.cli.main import run
from headway.runtime import interruption

PATIENCE = 20.0
"""Seconds that what a command used may take to go; a server's end of a connection goes after the client's."""


def headway(arguments: tuple[str, ...], environment: dict[str, str]) -> tuple[int, str, str]:
    """Run a command to its end; return its exit code, standard output and standard error."""
    return called(lambda: run(list(arguments)), environment)


def called(work: Callable[[], object], environment: dict[str, str]) -> tuple[int, str, str]:
    """Do what a process would have done; return how it ended, as a command's."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code = 0
    with nothing_left_behind(), mock.patch.dict(os.environ, environment, clear=True), _streams(out, err):
        try:
            work()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            # Whoever ends in the middle of a release has said what is left, and its process would be gone.
            interruption._left.clear()
    return code, *(it.buffer.getvalue().decode() for it in (out, err))  # type: ignore[attr-defined]


@contextlib.contextmanager
def _streams(out: io.TextIOWrapper, err: io.TextIOWrapper) -> Iterator[None]:
    # What a process without any logging of its own does with warnings, and with a thread's traceback.
    handler, hook = logging.StreamHandler(err), threading.excepthook
    handler.setLevel(logging.WARNING)
    with open(os.devnull) as nothing, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        stdin, sys.stdin = sys.stdin, nothing
        threading.excepthook = threading.__excepthook__
        logging.getLogger().addHandler(handler)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(handler)
            threading.excepthook = hook
            sys.stdin = stdin


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """See that no thread, child process or descriptor is there afterwards that was not there before."""
    before = _here()
    yield
    began = time.monotonic()
    while (left := _here() - before) and (left := left - _of_servers()):
        if (waited := time.monotonic() - began) > PATIENCE:
            raise AssertionError(f"the command left behind: {sorted(left)}")
        if waited > PATIENCE / 20:
            # What is part of a circle goes when it is collected, and with a process; it is slow to ask for it.
            gc.collect()
        time.sleep(0.002)


def _here() -> set[str]:
    return _threads() | _children() | _descriptors()


def _threads() -> set[str]:
    # A test's own servers answer in threads, as long as somebody is connected.
    return {
        f"thread {it.name} {it.ident}"
        for it in threading.enumerate()
        if "process_request_thread" not in it.name
    }


def _children() -> set[str]:
    return {
        f"child {pid}"
        for task in Path("/proc/self/task").iterdir()
        for pid in _read(task / "children").split()
    }


def _read(path: Path) -> str:
    # A thread may end while it is looked at.
    try:
        return path.read_text()
    except OSError:
        return ""


def _descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.add(f"descriptor {name} {os.readlink(f'/proc/self/fd/{name}')}")
    return found


def _of_servers() -> set[str]:
    """Return the descriptors of connections that a server in this process has taken: they are the test's."""
    sockets: dict[str, tuple[int, bool]] = {}
    for each in _descriptors():
        _, number, target = each.split(" ", 2)
        if target.startswith("socket:"):
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(number))) as it:
                if it.family == socket.AF_INET:
                    listens = bool(it.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
                    sockets[each] = (it.getsockname()[1], listens)
    ports = {port for port, listens in sockets.values() if listens}
    return {each for each, (port, _) in sockets.items() if port in ports}
