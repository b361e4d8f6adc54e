"""How commands print: data on standard output, the story on standard error.

On a terminal it is drawn (headway/cli/drawing.py); in a pipe it is plain text (headway/cli/plain.py), and what draws
is not even imported, which takes as long as everything else of a start.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from headway.cli.plain import Plain
from headway.cli.terminal import manner_of
from headway.domain.text.document import Line, Span, read
from headway.domain.text.visible import visible, visible_json
from headway.errors import HeadwayError

if TYPE_CHECKING:
    from headway.cli.drawing import Drawing


class Output(StrEnum):
    """How a command prints its data: for people, for people with nothing shortened, or for programs."""

    table = "table"
    wide = "wide"
    json = "json"


def out(*, wide: bool = False) -> Plain | Drawing:
    """Return where data is printed; `wide` shortens nothing."""
    return printer(sys.stdout, wide=wide)


def err() -> Plain | Drawing:
    """Return where progress and errors are printed."""
    return printer(sys.stderr)


def printer(stream: TextIO, *, wide: bool = False) -> Plain | Drawing:
    """Return what prints on a stream, by what the stream is."""
    manner = manner_of(stream)
    if manner.plain:
        return Plain(stream)
    from headway.cli.drawing import Drawing

    return Drawing(stream, wide=wide, manner=manner)


def waits_for_server(line: str) -> None:
    """Say that a server keeps the command waiting."""
    err().print(line, style="yellow")


def print_json(data: object) -> None:
    """Print data for a program to read."""
    print(visible_json(json.dumps(data, indent=2, ensure_ascii=False)))


def styled(text: str, style: str) -> Line:
    """Return a cell in a colour."""
    return (Span(text, style),)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "nothing", wide: bool = False
) -> None:
    """Print rows for a person to read; `empty` stands for no rows at all. A cell is text, or a `styled` one."""
    made = [[it if isinstance(it, tuple) else (Span(str(it)),) for it in row] for row in rows]
    if made:
        out(wide=wide).table(columns, made)
    else:
        out().print(empty, style="dim")


def print_report(text: str, *, wide: bool = False) -> None:
    """Print a report, which is Markdown, where progress is printed: drawn on a terminal, as it is in a pipe."""
    if not manner_of(sys.stderr).drawn:
        err().print(text)
        return
    from headway.cli.drawing import Drawing

    Drawing(sys.stderr, wide=wide).document(read(visible(text)))


def print_error(error: HeadwayError) -> None:
    """Say what happened, where, and the next thing to do."""
    # In full: it may name what is to be typed next.
    printed = printer(sys.stderr, wide=True)
    printed.labelled("error: ", error.message, style="bold red")
    if error.hint:
        printed.print(error.hint, style="dim")
