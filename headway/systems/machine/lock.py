"""One deploy at a time for each environment on this machine.

A lock is a file that the kernel holds for a process, so it is free the moment
its holder dies, however it dies. It orders deploys; what keeps the config repo
right is the push that must be a fast-forward, on any number of machines.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from headway.domain.text.addresses import repo_address, repo_folder
from headway.errors import TransientError
from headway.systems.machine.state_folder import private_folder

POLL = 0.05


@contextlib.contextmanager
def environment_lock(
    state: Path,
    repo: str,
    environment: str,
    *,
    wait: float,
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[str]:
    """Hold an environment's lock, waiting up to `wait` seconds for another deploy to end.

    Gives the lock's own word: whoever else goes by it has held this very lock, and is dead. A config repo has
    one lock, however its URL is spelled. Raises TransientError when the time is up.
    """
    folder = state / "locks"
    private_folder(state)
    private_folder(folder)
    name = hashlib.sha256(_plain(repo).encode()).hexdigest()[:12]
    with (folder / f"{name}-{environment}.lock").open("a+") as handle:
        deadline = time.monotonic() + wait
        logged = False
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
                if not logged:
                    logged = True
                    on_wait()
                time.sleep(POLL)
        yield _word(handle)


def _plain(repo: str) -> str:
    """Spell a config repo's URL in one way; of a folder, the one that is meant."""
    # The path of a folder, relative or by a link, is one of many that mean it.
    folder = repo_folder(repo)
    return repo_address(os.path.realpath(os.path.expanduser(folder)) if folder else repo)


def _word(handle: IO[str]) -> str:
    """Read the word of the lock that is held; make one where there is none yet.

    A copy of the state folder on another machine is another file, and so has another word.
    """
    handle.seek(0)
    word = handle.read(40).strip()
    if not re.fullmatch(r"[0-9a-f]{12}", word):
        word = uuid.uuid4().hex[:12]
        handle.truncate(0)
        handle.write(word)
        handle.flush()
    return f"{word}-{os.fstat(handle.fileno()).st_ino:x}"
