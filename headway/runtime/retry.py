"""When and how long to wait before a step is tried again: the same for both kinds of step."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from headway.errors import TransientError

F = TypeVar("F", bound=Callable[..., Any])
ATTEMPTS = 4
FIRST, GROWTH, LONGEST = 0.5, 3.0, 30.0
JITTER = 0.5


def delay(attempt: int, error: TransientError, chance: float) -> float:
    """Return the seconds to wait after the `attempt`-th failure; `chance` is in [0, 1).

    A server's own Retry-After wins over the back-off, up to the longest pause.
    """
    asked = error.retry_after
    if asked is not None:
        return float(min(max(asked, 0.0), LONGEST))
    base = min(FIRST * GROWTH ** (attempt - 1), LONGEST)
    return float(base * (1 + JITTER * (2 * chance - 1)))


def tried_again(name: str, attempts: int, log: Callable[[str], None]) -> Callable[[F], F]:
    """Make a function one that is called again after a TransientError, and logs that it is."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for attempt in range(1, attempts + 1):
                try:
                    return function(*args, **kwargs)
                except TransientError as error:
                    if attempt == attempts:
                        raise
                    pause = delay(attempt, error, random.random())
                    log(f"{name}: {error.message}; trying again in {pause:.1f} s ({attempt + 1}/{attempts})")
                    time.sleep(pause)
            raise AssertionError("unreachable")

        return call  # type: ignore[return-value]

    return decorate
