"""Prefect's own server on SQLite, without the standstill of a minute that it has there.

A transaction that met a lock leaves its database cursor in a traceback, for Python's garbage collector.
Collected in the event loop's thread, the cursor waits for its connection, the connection waits up to a minute for
SQLite's write lock, and who holds that lock waits for the event loop. Here garbage is collected in a thread of its
own, so the loop goes on (docs/decisions/0066-garbage-is-collected-apart.md). It changes nothing else and takes the
options of `prefect server start`. Servers on PostgreSQL need none of this.
"""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import time

EVERY_SECONDS = 1.0
OLD_EVERY = 30
"""So many looks at young objects come to one at old ones, which takes longer."""


def collect_apart() -> threading.Thread:
    """Collect garbage in a thread of its own from now on, and in no other; return the thread."""
    gc.disable()
    thread = threading.Thread(target=_collect, name="garbage", daemon=True)
    thread.start()
    return thread


def _collect() -> None:
    for number in itertools.count(1):
        time.sleep(EVERY_SECONDS)
        gc.collect(1 if number % OLD_EVERY else 2)


def main() -> None:
    """Run `prefect server start` with the options given."""
    if {"--background", "-b"} & set(sys.argv[1:]):
        print(
            "error: --background would start a server that collects its own garbage\n  end the line with & instead",
            file=sys.stderr,
        )
        sys.exit(2)
    from prefect.cli import app

    collect_apart()
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    app()


if __name__ == "__main__":
    main()
