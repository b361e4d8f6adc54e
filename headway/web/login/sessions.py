"""The people who are logged in, in this process's memory: a restart asks each to log in again, and nothing else."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from headway.domain.policy.roles import Identity

MOST = 10_000
"""Sessions that are kept; one more ends the one that was used longest ago."""


@dataclass(slots=True)
class Session:
    """One login. Times are of the monotonic clock, in seconds.

    `until` is when it ends in any case, `checked` when the identity provider last said that it still holds.
    `renewal` is the provider's refresh token; empty where it gives none. `form` must come with each form.
    """

    who: Identity
    until: float
    checked: float
    renewal: str = ""
    form: str = ""


class Sessions:
    """Sessions by their id, which is random and in the person's cookie only; for one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._found: OrderedDict[str, Session] = OrderedDict()

    def begin(self, who: Identity, seconds: float, renewal: str = "") -> str:
        """Begin a session; return its id."""
        now, made = self._clock(), secrets.token_urlsafe(32)
        self._found[made] = Session(who, now + seconds, now, renewal, secrets.token_urlsafe(24))
        while len(self._found) > MOST:
            self._found.popitem(last=False)
        return made

    def get(self, key: str) -> Session | None:
        """Return a session that has not ended."""
        found = self._found.get(key)
        if found is None:
            return None
        if self._clock() >= found.until:
            self.end(key)
            return None
        self._found.move_to_end(key)
        return found

    def end(self, key: str) -> None:
        """End a session, if it is one."""
        self._found.pop(key, None)
