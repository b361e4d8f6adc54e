"""What open boards are told, and what one costs that never listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from headway.domain.board.values import Cell, Grid, Head, Row
from headway.domain.config.model import Role
from headway.domain.policy.roles import person
from headway.operations.board.gathering import WHOLE
from headway.web.board.live import MANY, Hub
from headway.web.board.rendering import Pages
from headway.web.board.rights import Visitor

ANN = Visitor(person("ann", way_in="local"), None)
NAMES = ("staging", "production")


def grid(services: int = 3, version: str = "1.0.0") -> Grid:
    """Return a board whose services have a version everywhere."""
    rows = tuple(
        Row(f"s{at}", "", None, tuple(Cell(name, f"s{at}", "live", version=version) for name in NAMES))
        for at in range(services)
    )
    return Grid("shop", "c" * 40, tuple(Head(name, "live", "Live") for name in NAMES), rows)


async def events_of(hub: Hub, visitor: Visitor | None, version: str = "") -> AsyncIterator[tuple[str, str]]:
    async def known() -> Visitor | None:
        return visitor

    async for it in hub.follow(known, grid(), version or hub.version):
        yield it


async def begun(hub: Hub, stream: AsyncIterator[tuple[str, str]]) -> asyncio.Task[tuple[str, str]]:
    """Begin to listen; return what waits for the first message."""
    waiting = asyncio.ensure_future(anext(stream))
    while not hub.clients and not waiting.done():
        await asyncio.sleep(0)
    return waiting


def changed(services: int = 3) -> tuple[Grid, frozenset[str]]:
    now = grid(services, "2.0.0")
    return now, frozenset(it.id for it in now.cells())


def test_a_cell_is_told_and_nothing_else() -> None:
    async def test() -> None:
        hub = Hub(Pages())
        stream = events_of(hub, ANN)
        waiting = await begun(hub, stream)
        now, _ = changed()
        hub.changed(now, frozenset({"c-staging--s1"}), frozenset())
        event, html = await waiting
        assert event == "cells"
        assert 'id="c-staging--s1"' in html
        assert "2.0.0" in html
        assert "c-staging--s0" not in html
        assert "h-staging" not in html

    asyncio.run(test())


def test_a_page_of_another_version_loads_the_grid_once() -> None:
    async def test() -> None:
        hub = Hub(Pages())
        stream = events_of(hub, ANN, "older")
        assert (await anext(stream))[0] == "stale"
        waiting = asyncio.ensure_future(anext(stream))
        hub.changed(changed()[0], frozenset({"c-staging--s1"}), frozenset())
        assert (await waiting)[0] == "cells"

    asyncio.run(test())


def test_who_never_listens_costs_a_set_of_names() -> None:
    """However much happens, nothing but names waits for a client, and beyond some hundred not even these."""

    async def test() -> None:
        hub = Hub(Pages())
        stream = events_of(hub, ANN)
        waiting = await begun(hub, stream)
        (client,) = hub.clients
        now, ids = changed(400)
        for at in range(50):
            hub._take(replace(now, commit=f"{at}"), ids, frozenset(NAMES))
            assert len(client.cells) + len(client.heads) <= MANY + len(NAMES)
        assert (await waiting)[0] == "stale"

    asyncio.run(test())


def test_new_rows_or_columns_load_the_grid() -> None:
    async def test() -> None:
        hub = Hub(Pages())
        waiting = await begun(hub, events_of(hub, ANN))
        hub.changed(grid(4), WHOLE, WHOLE)
        assert (await waiting)[0] == "stale"

    asyncio.run(test())


def test_nobody_is_told_nothing() -> None:
    async def test() -> None:
        hub = Hub(Pages())
        assert [it async for it in events_of(hub, None)] == []
        assert not hub.clients

    asyncio.run(test())


def test_what_somebody_may_not_see_is_not_sent() -> None:
    async def test() -> None:
        roles = {"devs": Role(people=["ann"], may=["promote"], environments=["staging"], services=["s1"])}
        hub = Hub(Pages())
        waiting = await begun(hub, events_of(hub, Visitor(ANN.who, roles)))
        now, ids = changed()
        hub.changed(now, ids, frozenset(NAMES))
        _, html = await waiting
        assert "c-staging--s1" in html
        assert "c-staging--s0" not in html
        assert "production" not in html.replace("of production", "")

    asyncio.run(test())


def test_the_head_of_a_row_is_told_to_who_may_see_it() -> None:
    """A newer image in the registry is news of one service, and no reason to load the grid."""

    async def test() -> None:
        hub = Hub(Pages())
        roles = {"devs": Role(people=["ann"], may=["promote"], environments=["staging"], services=["s1"])}
        waiting = await begun(hub, events_of(hub, Visitor(ANN.who, roles)))
        hub.changed(grid(), frozenset({"r-s0", "r-s1"}), frozenset())
        event, html = await waiting
        assert event == "cells"
        assert 'id="r-s1"' in html
        assert 'id="r-s0"' not in html

    asyncio.run(test())


def test_the_connections_end_with_the_server() -> None:
    async def test() -> None:
        hub = Hub(Pages())
        waiting = await begun(hub, events_of(hub, ANN))
        hub.close()
        try:
            await waiting
        except StopAsyncIteration:
            return
        raise AssertionError("it was told something")

    asyncio.run(test())
