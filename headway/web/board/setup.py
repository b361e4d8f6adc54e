"""Put the board together for `headway serve`: its routes, and the clocks that read what changes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from starlette.routing import Route

from headway.operations.audit import Audit
from headway.operations.board.gathering import Board
from headway.operations.connections import Connections
from headway.web.board.answers import Desk
from headway.web.board.forms import Tokens
from headway.web.board.later import Later
from headway.web.board.live import Hub
from headway.web.board.pages import Reading
from headway.web.board.rendering import Pages
from headway.web.board.starting import StartsHere, StartsThere
from headway.web.board.verbs import Acting
from headway.web.login.people import Who
from headway.web.serving import Clock

FETCH, REGISTRY, PREFECT, HEADS, COMPARE = 10.0, 60.0, 3.0, 30.0, 300.0
"""Seconds between two looks, each by one thread for all who look."""
SHARE, CORE = 50, 500
"""What asks for thousands of things waits so many times as long as it took, and as the processor's time that it took:
it takes 2 % of the time of those who are asked, and a fifth of a per cent of a core here."""
LONGEST = 900.0
"""Seconds after which it is done again in any case: the first time costs far more than the next."""
Tell = Callable[[str], None]


class Sparing:
    """Work that is left out for some seconds after the last time, and longer where that took long."""

    def __init__(
        self,
        work: Callable[[], None],
        seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        self._work, self._seconds, self._clock, self._used = work, seconds, clock, used
        self._due = -math.inf

    def __call__(self) -> None:
        """Do it, if it is due."""
        began, before = self._clock(), self._used()
        if began < self._due:
            return
        self._work()
        ended, after = self._clock(), self._used()
        spared = max((ended - began) * SHARE, (after - before) * CORE)
        self._due = ended + max(self._seconds, min(spared, LONGEST))


class BoardServer:
    """The board of one server process."""

    def __init__(
        self, connections: Connections, *, who: Who, login: str = "", here: bool, tell: Tell
    ) -> None:
        self.board = Board(connections)
        self.board.read_repo()
        pages = Pages(prefect="" if here else connections.settings.prefect_url().removesuffix("/api"))
        self.hub = Hub(pages)
        # Rendered where it was worked out, so that whoever opens the page need not wait for it.
        self.board.listen(lambda now, cells, heads: pages.render_ahead(now, cells))
        self.board.listen(self.hub.changed)
        app = self.board.snapshot.config.app
        self.starter: StartsHere | StartsThere = (
            StartsHere(connections, self.board) if here else StartsThere(connections, self.board, app)
        )
        desk = Desk(self.board, pages, self.hub, Tokens(), who, Audit(connections.settings), login)
        later = Later(desk)
        reading = Reading(desk, later)
        first = [*reading.routes, *later.routes, *Acting(desk, self.starter).routes]
        self._routes = first, reading.last_routes
        self.clocks = [
            Clock(FETCH, self._while_watched(self.board.fetch), tell),
            Clock(FETCH, self.board.look_at_sources, tell),
            Clock(REGISTRY, Sparing(self.board.look_at_registry), tell),
            Clock(HEADS, self.board.by_the_clock, tell),
            Clock(HEADS, self._while_watched(Sparing(self.board.compare, COMPARE)), tell),
        ]
        if isinstance(self.starter, StartsThere):
            self.clocks.append(Clock(PREFECT, self.starter.look, tell))

    def routes(self) -> tuple[list[Route], list[Route]]:
        """Return the board's routes: those that come first, and those that fit nearly every address."""
        return self._routes

    def start(self) -> None:
        """Begin to look."""
        self.board.start()
        for clock in self.clocks:
            clock.start()

    def on_cut_off(self, work: Callable[[], None]) -> None:
        """Call `work` when a run of Prefect's was cancelled or ran out of time."""
        if isinstance(self.starter, StartsThere):
            self.starter.on_cut_off = work

    def heard(self, line: str) -> None:
        """Take in a line that a flow in this process said."""
        if isinstance(self.starter, StartsHere):
            self.starter.heard(line)

    def _while_watched(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return work that is left out while nobody looks: what happens then is told by events, or read on opening."""
        return lambda: work() if self.hub.clients else None

    def leave(self) -> None:
        """Let go of every open board, so that the server can end."""
        self.hub.close()

    def close(self) -> None:
        """Let what runs end, and look no more."""
        for clock in self.clocks:
            clock.stop()
        self.starter.close()
        self.board.close()
