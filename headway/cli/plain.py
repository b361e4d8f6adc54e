"""Write to a pipe or a file: text as it is, a row on one line, without rich.

A file has no width, so nothing is wrapped or shortened: `grep`, a CI's log and a person who reads it later find
everything. What a terminal would obey is shown instead, since the text may end on one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TextIO

from headway.domain.text.columns import GAP
from headway.domain.text.document import Line, text_of
from headway.domain.text.visible import visible
from headway.domain.text.widths import columns_of, padded


class Plain:
    """Writes to one stream; styles are left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def print(self, text: str, *, style: str = "") -> None:
        """Print a text."""
        self._stream.write(visible(text).expandtabs() + "\n")

    def labelled(self, label: str, text: str, *, style: str = "bold") -> None:
        """Print a text behind a label."""
        self._stream.write(visible(label) + visible(text).expandtabs() + "\n")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Line]]) -> None:
        """Print a table, a line for each row; a cell may have several lines."""
        cells = [list(columns), *([visible(text_of(it)) for it in row] for row in rows)]
        made = [[cell.expandtabs().split("\n") for cell in row] for row in cells]
        widths = [
            max(columns_of(line) for cell in column for line in cell) for column in zip(*made, strict=True)
        ]
        for row in made:
            for at in range(max(map(len, row))):
                parts = [cell[at] if at < len(cell) else "" for cell in row]
                line = (" " * GAP).join(padded(it, width) for it, width in zip(parts, widths, strict=True))
                self._stream.write(line.rstrip() + "\n")
