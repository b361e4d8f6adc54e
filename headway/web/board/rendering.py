"""The board as HTML. A cell is rendered once, however many look at it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from headway.domain.board.filters import CHIPS
from headway.domain.board.times import duration
from headway.domain.board.values import WORDS, Cell, Grid, Head, Row
from headway.domain.text.visible import visible

HERE = Path(__file__).parent
STATIC = HERE / "static"
SCRIPTS = ("vendor/htmx-2.0.11.min.js", "vendor/htmx-ext-sse-2.2.4.min.js", "board.js")
KEPT = 20_000
"""So many rendered cells are kept; a board of 1,000 services in 5 environments has a quarter of that."""
WIDEST = 12
"""So many columns the style sheet knows; more environments share its widest."""


class Pages:
    """The templates, with what every one of them needs."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC), prefect: str = "") -> None:
        """`prefect` is the address of the Prefect server's pages, empty where there is none."""
        self._now = now
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            # Other people's words turn no text around and hide nothing.
            finalize=lambda it: visible(it) if isinstance(it, str) and not isinstance(it, Markup) else it,
        )
        self._environment.globals.update(
            asset=asset, words=WORDS, chips=CHIPS, scripts=SCRIPTS, now=now, widest=WIDEST, prefect=prefect
        )
        self._environment.filters.update(ago=self.ago, utc=_utc)
        self._cell = self._environment.get_template("cell.html")
        self._row = self._environment.get_template("row.html")
        self._service = self._environment.get_template("row_head.html")
        self._head = self._environment.get_template("head.html")
        self._cells: dict[tuple[Cell, str, bool], str] = {}
        self._rows: dict[str, tuple[Row, tuple[str, ...], str]] = {}

    def page(self, name: str, **values: Any) -> str:
        """Return a page or a part of one."""
        return self._environment.get_template(name).render(**values)

    def cell(self, it: Cell, column: int, *, swapped: bool = False) -> str:
        """Return a cell; `swapped` for one that takes the place of another on a page that is open."""
        key = (it, f"{column} {self.ago(it.since)}", swapped)
        found = self._cells.get(key)
        if found is None:
            if len(self._cells) >= KEPT:
                self._cells.clear()
            found = self._cells[key] = self._cell.render(cell=it, column=column, swapped=swapped)
        return found

    def row(self, it: Row) -> str:
        """Return a row with its cells."""
        ages = tuple(self.ago(each.since) for each in it.cells)
        known = self._rows.get(it.service)
        if known is not None and known[0] is it and known[1] == ages:
            return known[2]
        cells = Markup("".join(self.cell(each, at) for at, each in enumerate(it.cells)))
        html = self._row.render(row=it, head=self.service(it), cells=cells)
        if len(self._rows) >= KEPT:
            self._rows.clear()
        self._rows[it.service] = it, ages, html
        return html

    def service(self, it: Row, *, swapped: bool = False) -> Markup:
        """Return the head of a row; `swapped` as of a cell."""
        return Markup(self._service.render(row=it, swapped=swapped))

    def head(
        self,
        it: Head,
        column: int,
        rights: Collection[str],
        mine: Collection[str] = (),
        *,
        swapped: bool = False,
    ) -> str:
        """Return an environment's head, with the buttons of whoever has these rights; `mine` are runs to answer."""
        return self._head.render(head=it, column=column, rights=rights, mine=mine, swapped=swapped)

    def rows(self, grid: Grid) -> Markup:
        """Return all rows."""
        return Markup("".join(map(self.row, grid.rows)))

    def render_ahead(self, grid: Grid, cells: Collection[str]) -> None:
        """Render what has changed of a board, by the ids of its cells, before anybody asks for it."""
        for it in grid.rows:
            if "*" in cells or f"r-{it.service}" in cells or any(each.id in cells for each in it.cells):
                self.row(it)

    def ago(self, time: datetime | None) -> str:
        """Return how long ago a time is; empty for none."""
        return duration(self._now() - time) if time is not None else ""


def _utc(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


_hashes: dict[str, str] = {}


def asset(name: str) -> str:
    """Return the address of a file that comes with the board, with its hash in it, so that it may be kept for good."""
    if name not in _hashes:
        _hashes[name] = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/-/static/{name}?v={_hashes[name]}"
