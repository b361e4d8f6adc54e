"""What a search and the chips leave of the board. The page's own script filters by the same rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from headway.domain.board.values import Cell, Grid, Row

CHIPS = {
    "mine": "Waiting for me",
    "rolling": "Rolling out",
    "failed": "Failed",
    "behind": "Behind",
    "drift": "Drift",
    "locked": "Locked",
}
"""The chips, each with its word."""
KEYS = ("env", "svc", "by")


@dataclass(frozen=True, slots=True)
class Search:
    """What somebody typed: plain words, and values by key (`env:`, `svc:`, `by:`); all in lower case."""

    words: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    svc: tuple[str, ...] = ()
    by: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Search:
        """Read a search; a word with an unknown key is a plain word."""
        found: dict[str, list[str]] = {"words": [], "env": [], "svc": [], "by": []}
        for word in text.lower().split():
            key, colon, value = word.partition(":")
            if colon and key in KEYS:
                if value:
                    found[key].append(value)
            else:
                found["words"].append(word)
        return cls(**{key: tuple(it) for key, it in found.items()})

    def takes(self, row: Row, cell: Cell) -> bool:
        """Return whether a cell fits: every word somewhere in it, and every key."""
        text = f"{row.service} {row.owner} {cell.version} {cell.subject} {cell.by}".lower()
        return (
            all(it in text for it in self.words)
            and all(it in cell.environment.lower() for it in self.env)
            and all(it in cell.service.lower() for it in self.svc)
            and all(it in cell.by.lower() for it in self.by)
        )


def filtered(grid: Grid, text: str, chip: str, mine: Iterable[tuple[str, str]] = ()) -> Grid:
    """Return the board with the rows of which a cell fits the search and the chip; `mine` waits for who looks."""
    search, own = Search.of(text), frozenset(mine)

    def fits(row: Row, cell: Cell) -> bool:
        chosen = (cell.environment, cell.service) in own if chip == "mine" else not chip or chip in cell.flags
        return chosen and search.takes(row, cell)

    return replace(grid, rows=tuple(row for row in grid.rows if any(fits(row, it) for it in row.cells)))


def counts(grid: Grid, mine: Iterable[tuple[str, str]] = ()) -> dict[str, int]:
    """Return how many cells each chip leaves."""
    found = dict.fromkeys(CHIPS, 0)
    for cell in grid.cells():
        for flag in cell.flags:
            if flag in found:
                found[flag] += 1
    found["mine"] = len(frozenset(mine))
    return found
