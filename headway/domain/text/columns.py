"""How wide each column of a table is, so that the whole of it fits a terminal; or that it cannot be a table there."""

from __future__ import annotations

from collections.abc import Sequence

from headway.domain.text.widths import columns_of

GAP = 2
"""Columns of a terminal between two of a table."""
KEPT = 20
"""A column that needs no more than this is wrapped only in a tight table."""
BROKEN = 32
"""A longer word, such as the path of a file, is broken in a tight table; a column of it is that wide at least."""
TALLEST = 6
"""Lines that a cell may be wrapped to; beyond that, a record reads better than a row."""


def widths(rows: Sequence[Sequence[str]], width: int, *, tight: bool = False) -> tuple[int, ...] | None:
    """Return the width of each column, where no word has to be broken; None where there is no such table.

    `rows` begin with the names of the columns. `tight` wraps narrow columns too, and breaks the longest words.
    """
    by_column = [[line for cell in column for line in cell.split("\n")] for column in zip(*rows, strict=True)]
    wanted = [max(map(columns_of, it), default=0) for it in by_column]
    words = [max((columns_of(word) for line in it for word in line.split()), default=0) for it in by_column]
    room = width - GAP * (len(wanted) - 1)
    if tight:
        kept = [min(it, BROKEN) for it in words]
    else:
        kept = [min(it, max(word, KEPT)) for it, word in zip(wanted, words, strict=True)]
    found = _shrunk(wanted, kept, room)
    return found if found is not None and _height(rows, found) <= TALLEST else None


def _shrunk(wanted: Sequence[int], least: Sequence[int], room: int) -> tuple[int, ...] | None:
    """Take from the widest columns first until all of them fit; None where they cannot be so narrow."""
    made = list(wanted)
    while (over := sum(made) - room) > 0:
        free = [it for it in range(len(made)) if made[it] > least[it]]
        if not free:
            return None
        widest = max(free, key=lambda it: made[it])
        below = max((made[it] for it in free if made[it] < made[widest]), default=0)
        made[widest] -= min(over, made[widest] - max(least[widest], below, 1)) or 1
    return tuple(made)


def _height(rows: Sequence[Sequence[str]], made: Sequence[int]) -> int:
    """Return how many lines the tallest cell takes."""
    return max(
        (wrapped(cell, width) for row in rows for cell, width in zip(row, made, strict=True)), default=0
    )


def wrapped(text: str, width: int) -> int:
    """Return how many lines a text takes when it is wrapped between its words."""
    lines = 0
    for each in text.split("\n"):
        lines, used = lines + 1, 0
        for word in each.split():
            size = columns_of(word)
            if size > width:
                more = -(-size // max(width, 1))
                lines, used = lines + more - (0 if used else 1), size - (more - 1) * width
            elif used and used + 1 + size > width:
                lines, used = lines + 1, size
            else:
                used += size + (1 if used else 0)
    return lines
