"""How commands print: data on standard output, the story on standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

from headway.domain.text.visible import visible, visible_json
from headway.errors import HeadwayError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


WHOLE = 10_000
"""Columns of what is no terminal: more than any row has."""


class Output(StrEnum):
    """How a command prints its data."""

    table = "table"
    json = "json"


def out() -> Console:
    """Return the console for data. It has colours on a terminal only, and never with NO_COLOR."""
    return _console(sys.stdout)


def err() -> Console:
    """Return the console for progress and errors."""
    return _console(sys.stderr)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    class Plain(Console):
        """A console that shows what a terminal would obey: only its own styles reach it as such."""

        def print(self, *objects: Any, **options: Any) -> None:
            super().print(*(visible(it) if isinstance(it, str) else it for it in objects), **options)

    return Plain(file=stream, highlight=False, soft_wrap=not stream.isatty())


def waits_for_server(line: str) -> None:
    """Say that a server keeps the command waiting."""
    err().print(line, style="yellow", markup=False)


def print_json(data: object) -> None:
    """Print data for a program to read."""
    print(visible_json(json.dumps(data, indent=2, ensure_ascii=False)))


def styled(text: str, style: str) -> Text:
    """Return a cell in a colour."""
    from rich.text import Text

    return Text(visible(text), style)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "nothing") -> None:
    """Print rows for a person to read; `empty` stands for no rows at all. A cell is text, or a `styled` one."""
    if not rows:
        out().print(empty, style="dim")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # As they are: a rule such as `regex:v[a-z]+` is no markup.
        table.add_row(*(cell if isinstance(cell, Text) else Text(visible(str(cell))) for cell in row))
    console = out()
    if console.is_terminal:
        console.print(table)
        return
    # A file or a pipe has no width: a row stays one line, for grep and for CI's log.
    console.width = WHOLE
    with console.capture() as written:
        console.print(table)
    print("\n".join(line.rstrip() for line in written.get().splitlines()))


def print_error(error: HeadwayError) -> None:
    """Say what happened, where, and the next thing to do."""
    console = err()
    console.print("error:", style="bold red", end=" ")
    console.print(error.message, markup=False)
    if error.hint:
        console.print(error.hint, style="dim", markup=False)


class Teller:
    """Prints what flows say while they run: log lines with the time since the start, and reports."""

    def __init__(self) -> None:
        self._console = err()
        self._began = time.monotonic()

    def __call__(self, kind: str, key: str, text: str) -> None:
        """Print one thing that a flow said."""
        if kind == "report" and self._console.is_terminal:
            # Imported when it is needed: it takes as long as everything else of a start.
            from rich.markdown import Markdown

            self._console.print(Markdown(visible(text)))
        elif kind == "report":
            self._console.print(text, markup=False)
        else:
            self._console.print(f"{time.monotonic() - self._began:7.2f}s", style="dim", end="  ")
            self._console.print(text, markup=False)
