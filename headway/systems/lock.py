"""One deploy at a time for each environment on this machine.

A lock is a file that the kernel holds for a process, so it is free the moment
its holder dies, however it dies. It orders deploys; what keeps the config repo
right is the push that must be a fast-forward, on any number of machines.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from headway.errors import TransientError
from headway.systems.git_login import split_login
from headway.systems.state_folder import private_folder

POLL = 0.05


@contextlib.contextmanager
def environment_lock(
    state: Path,
    repo: str,
    environment: str,
    *,
    wait: float,
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Hold an environment's lock, waiting up to `wait` seconds for another deploy to end.

    Raises TransientError when the time is up.
    """
    folder = state / "locks"
    private_folder(state)
    private_folder(folder)
    # Two logins for one repo are one environment all the same.
    name = hashlib.sha256(split_login(repo)[0].encode()).hexdigest()[:12]
    with (folder / f"{name}-{environment}.lock").open("a") as handle:
        deadline = time.monotonic() + wait
        told = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TransientError(
                        f"another deploy of {environment} has been running for over {wait:.0f} s",
                        hint=f"see what it does with `headway status {environment}`",
                    ) from None
                if not told:
                    told = True
                    on_wait()
                time.sleep(POLL)
        yield
