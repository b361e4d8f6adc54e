"""Prefect's server on SQLite collects its garbage where nothing waits for it."""

from __future__ import annotations

import subprocess
import sys

HELD = """
import sqlite3, sys, threading
from headway.deployments.server import collect_apart

file = sys.argv[1]
holder = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
holder.execute("CREATE TABLE t (x)")
waiter = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=3600)
freed = threading.Event()

class Traceback:
    def __init__(self, cursor):
        self.cursor, self.myself = cursor, self
    def __del__(self):
        freed.set()

garbage = Traceback(waiter.execute("SELECT 1 UNION SELECT 2"))
holder.execute("BEGIN IMMEDIATE")
begun = threading.Event()
waiter.set_trace_callback(lambda _: begun.set())
waiting = threading.Thread(target=waiter.execute, args=("BEGIN IMMEDIATE",))
waiting.start()
begun.wait()
collect_apart()
del garbage
# What an event loop does: it makes objects, and ends the transaction in its turn.
while not freed.is_set():
    many = [[] for _ in range(100_000)]
holder.execute("COMMIT")
waiting.join()
print("went on")
"""


def test_a_cursor_in_the_garbage_does_not_stop_the_server(tmp_path: object) -> None:
    """A transaction ends although a cursor is collected whose connection waits for it: the test's time limit says so."""
    done = subprocess.run(
        [sys.executable, "-c", HELD, f"{tmp_path}/held.db"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "went on\n", done.stderr


def test_a_server_in_the_background_is_refused() -> None:
    """Prefect would start it as a process that nothing was done for."""
    command = [sys.executable, "-m", "headway.deployments.server", "--background"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --background")
    assert "Traceback" not in done.stderr
