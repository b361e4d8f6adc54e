"""What open boards are sent: a cell at a time, in as much memory as the board has cells, whoever does not listen.

Nothing is queued for a client but the names of what has changed since it was last told. Who lost the
connection, or has so much to catch up with that the whole is shorter, loads the grid once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from headway.domain.board.filters import counts
from headway.domain.board.values import Cell, Grid
from headway.operations.board.gathering import WHOLE
from headway.web.board.asked import cells_for, runs_for
from headway.web.board.rendering import Pages
from headway.web.board.rights import Visitor

MANY = 300
"""Where more cells than these have changed, the grid is loaded instead."""
TOGETHER = 0.03
"""Seconds in which changes are gathered, so that a burst is one message."""
MOST = 1000
"""So many boards may be open at a time."""
Known = Callable[[], Awaitable[Visitor | None]]


@dataclass(eq=False, slots=True)
class Client:
    """One open board: what has changed since it was last told."""

    person: Visitor
    cells: set[str] = field(default_factory=set)
    heads: set[str] = field(default_factory=set)
    top: bool = False
    stale: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Hub:
    """The open boards of one server, in its event loop."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._boot, self._number = secrets.token_hex(4), 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._grid = Grid("", "")
        self._cells: dict[str, str] = {}
        self._by_id: dict[str, Cell] = {}
        self._counts: dict[str, int] = {}
        self._closed = False
        self.clients: set[Client] = set()

    @property
    def version(self) -> str:
        """The name of the board as it is now: a page that has another one is behind."""
        return f"{self._boot}-{self._number}"

    def changed(self, grid: Grid, cells: frozenset[str], heads: frozenset[str]) -> None:
        """Take in a new board; called in any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, grid, cells, heads)
        else:
            self._number += 1

    def _take(self, grid: Grid, cells: frozenset[str], heads: frozenset[str]) -> None:
        self._number += 1
        self._grid, self._cells, self._by_id, self._counts = grid, {}, {}, {}
        for client in self.clients:
            client.top = True
            client.stale = client.stale or WHOLE in (cells, heads) or len(client.cells) + len(cells) > MANY
            if client.stale:
                client.cells.clear()
                client.heads.clear()
            else:
                client.cells |= cells
                client.heads |= heads
            client.news.set()

    def close(self) -> None:
        """End every open board's connection, so that the server can end; called in any thread."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for client in self.clients:
            client.news.set()

    async def follow(self, known: Known, grid: Grid, version: str) -> AsyncIterator[tuple[str, str]]:
        """Yield (event, HTML) for an open board that shows a version, as long as `known` says who looks at it."""
        person = await known()
        if person is None:
            return
        self._loop = asyncio.get_running_loop()
        self._grid = self._grid if self._grid.commit else grid
        client = Client(person, stale=version != self.version)
        if client.stale:
            client.news.set()
        self.clients.add(client)
        try:
            while not self._closed:
                await client.news.wait()
                client.news.clear()
                await asyncio.sleep(TOGETHER)
                if self._closed:
                    return
                # Nothing more is sent to whose session or right has ended.
                now = await known()
                if now is None:
                    return
                client.person = now
                if client.stale:
                    client.stale, client.top = False, False
                    yield "stale", "-"
                elif html := self._news(client):
                    yield "cells", html
        finally:
            self.clients.discard(client)

    def _news(self, client: Client) -> str:
        grid, found, person = self._grid, list[str](), client.person
        cells, heads = client.cells, client.heads
        client.cells, client.heads = set(), set()
        places = {it.environment: at for at, it in enumerate(grid.heads)}
        if cells:
            self._by_id = self._by_id or {it.id: it for it in grid.cells()}
            for each in sorted(it for it in cells if it.startswith("r-")):
                row = grid.row(each.removeprefix("r-"))
                if row is not None and any(person.sees(it.environment, row.service) for it in row.cells):
                    found.append(self._pages.service(row, swapped=True))
            for each in sorted(cells & self._by_id.keys()):
                it = self._by_id[each]
                if not person.sees(it.environment, it.service):
                    continue
                if each not in self._cells:
                    self._cells[each] = self._pages.cell(it, places[it.environment], swapped=True)
                found.append(self._cells[each])
        for head in grid.heads:
            if head.environment in heads and person.sees(head.environment):
                rights, mine = person.rights(head.environment), runs_for(grid, person)
                found.append(self._pages.head(head, places[head.environment], rights, mine, swapped=True))
        if client.top:
            client.top = False
            self._counts = self._counts or counts(grid)
            counted = {**self._counts, "mine": len(cells_for(grid, person))}
            found.append(self._pages.page("top_news.html", counts=counted, grid=grid))
        return "".join(found)
