"""What an interruption would leave unfinished, noted by the steps as they go.

A release is a commit first and a rollout after that. Whoever stops a process in between must learn
what is left, and a first Ctrl-C must not stop it there at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

_left: dict[str, str] = {}
_followed: list[str] = []


def note_unfinished(environment: str, said: str) -> None:
    """Note what would be left of a release to an environment, and what finishes it; an empty text means nothing."""
    if said:
        _left[environment] = said
    else:
        _left.pop(environment, None)


def unfinished() -> tuple[str, ...]:
    """Return what would be left now; nothing where no release is on its way."""
    return tuple(_left.copy().values())


@contextlib.contextmanager
def run_elsewhere(run: str) -> Iterator[None]:
    """Note, for as long as the block takes, that a run on the Prefect server goes on when this process ends."""
    _followed.append(f"the run goes on; `headway cancel {run}` cancels it")
    try:
        yield
    finally:
        _followed.clear()


def running_elsewhere() -> tuple[str, ...]:
    """Return what goes on elsewhere."""
    return tuple(_followed)
