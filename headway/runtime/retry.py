"""When and how long to wait before a step is tried again: the same for both kinds of step."""

from __future__ import annotations

from headway.errors import TransientError

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
