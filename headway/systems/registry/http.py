"""One registry as it is asked: with its login, at its pace, with patience. What is asked stands in `registry`.

Each registry has threads, connections and a pace of its own, so that a slow, dead or
overloaded one delays no other.
"""

from __future__ import annotations

import random
import threading
import time

from headway.systems.machine.logins import DockerConfig
from headway.systems.registry.access import Access
from headway.systems.registry.auth import address, is_refusal
from headway.systems.registry.facts import FactStore
from headway.systems.registry.pace import Pace
from headway.systems.registry.scan import Crew
from headway.systems.registry.wire import AT_ONCE, READ, Answer, RegistryBusy, Wire

PROGRESS = 5.0
"""Seconds after which a question that is refused again and again is logged, and then again."""
MEETING = 2.0
"""Seconds that questions wait for the answer to the first one, which says what a registry wants to be shown."""


class Registry:
    """One registry: `localhost:5000`, `docker.io`. Safe to use from several threads."""

    def __init__(self, name: str, logins: DockerConfig, store: FactStore | None = None) -> None:
        self.name = name
        self.crew = Crew(AT_ONCE, f"registry-{name}")
        self.pace = Pace(name, store)
        self.wire = Wire(name, address(name))
        self.access = Access(name, address(name), logins, self.wire)
        self._met, self._meeting = threading.Event(), threading.Lock()
        self._closed = threading.Event()

    def close(self) -> None:
        """End what waits for its turn, and close the connections; what hangs ends with the process."""
        self._closed.set()
        self.crew.close()
        self.wire.close()

    @property
    def last_answer(self) -> float:
        """Return when it last answered anything, in monotonic seconds."""
        return self.wire.last_answer

    @property
    def closed_until(self) -> float:
        """Return when the pause that it asked for ends, or ended."""
        return self.pace.closed_until

    def ask(
        self,
        method: str,
        path: str,
        repository: str,
        accept: str = "*/*",
        *,
        attempts: int = 1,
        deadline: float | None = None,
    ) -> Answer:
        """Ask for a path, logged in where that is wanted, at a pace that the registry bears.

        What is refused as too much (429) is asked again until `deadline` (monotonic seconds), what
        fails otherwise `attempts` times. Raises RegistryDenied and RegistryBusy.
        """
        until = deadline if deadline is not None else time.monotonic() + 2 * READ
        failures, last_log = 0, time.monotonic()
        while True:
            self._wait(until)
            try:
                return self._authorized(method, path, repository, accept, until)
            except RegistryBusy as error:
                if error.retry_after is not None:
                    self.pace.slow_down(error.retry_after)
                    if time.monotonic() - last_log > PROGRESS:
                        last_log = time.monotonic()
                        self.pace.tell(f"it is asked again for at most {max(until - last_log, 0):.0f} s")
                    continue
                failures += 1
                pause = min(0.2 * 2**failures, 5.0) * random.uniform(0.5, 1.5)
                if failures >= attempts or time.monotonic() + pause > until:
                    raise
                self._closed.wait(pause)

    def _wait(self, until: float) -> None:
        """Wait for a turn; raise RegistryBusy where it would come too late."""
        while True:
            delay = self.pace.turn(until)
            if delay is None:
                if (opens := self.pace.opens) is not None:
                    raise RegistryBusy(
                        f"registry {self.name} requested a pause; headway tries again at {opens:%Y-%m-%dT%H:%M:%SZ}"
                    )
                busy = RegistryBusy(
                    f"registry {self.name} has been refusing questions as too many (429) all the time",
                    hint="it may count them by address or by login: log in with docker login, or ask less often",
                )
                busy.for_long = True
                raise busy
            if self._closed.wait(delay) if delay > 0 else self._closed.is_set():
                raise RegistryBusy(f"registry {self.name} is asked no more: its client was closed")
            # While this one waited, another may have been told to ask nothing for now.
            if self.pace.closed_until <= time.monotonic():
                return

    def _authorized(self, method: str, path: str, repository: str, accept: str, until: float) -> Answer:
        if not self._met.is_set() and not self._meeting.acquire(blocking=False):
            # One refusal is enough to know what all are to show.
            self._met.wait(MEETING)
        try:
            tried = self.access.shown(repository, until)
            answer = self._send(method, path, accept, tried, until)
            if not _refused(method, answer):
                return answer
            shown = self.access.after(answer, repository, tried, until)
        finally:
            self._met.set()
        if shown is not None:
            answer = self._send(method, path, accept, shown, until)
        if is_refusal(answer.status, answer.body):
            raise self.access.denied()
        return answer

    def _send(self, method: str, path: str, accept: str, authorization: str | None, until: float) -> Answer:
        headers = {"Accept": accept}
        if authorization:
            headers["Authorization"] = authorization
        return self.wire.send(method, path, headers, until)


def _refused(method: str, answer: Answer) -> bool:
    # The answer to a HEAD has no body that could say why.
    return is_refusal(answer.status, answer.body) or (method == "HEAD" and answer.status == 400)
