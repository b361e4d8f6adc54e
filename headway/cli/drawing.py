"""Draw on a terminal, with rich: lines, tables and reports that fit its width.

The only module that imports rich, and it is imported only where something is drawn. What is drawn is decided
elsewhere (`headway.domain.text`); nothing here reads markup, so that `[red]` in a commit's subject is just that.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TextIO

from rich.cells import chop_cells
from rich.console import Console
from rich.style import Style
from rich.table import Table as Rows
from rich.text import Text

from headway.cli.terminal import HEIGHT, Manner, manner_of, width_of
from headway.domain.text.columns import GAP, widths
from headway.domain.text.document import Block, Fence, Heading, Item, Line, Paragraph, Span, Table, text_of
from headway.domain.text.shortened import STEPS, short
from headway.domain.text.visible import visible

WHOLE = 10_000
"""Columns of what is no terminal: more than any row has."""
LOOKS = {"code": "cyan"}
DIFF = {"+": "green", "-": "red", "@": "cyan"}
FULL = "images"
"""The fence that has images in full, for whoever asks for everything; the line before it says so."""
COMMANDS = ("headway ", "kubectl ", "git ", "docker ")
COPIED = ("sh", FULL)
"""Fences that are there to be copied from."""
Shorten = Callable[[str], str]


def whole(text: str) -> str:
    """Return a text as it is: the version of it that is not short."""
    return text


class Drawing:
    """Draws on one stream; `wide` leaves nothing out."""

    def __init__(self, stream: TextIO, *, wide: bool = False, manner: Manner | None = None) -> None:
        self.manner = manner or manner_of(stream)
        self._stream = stream
        coloured = self.manner.colour
        self._console = Console(
            file=stream,
            force_terminal=not self.manner.plain,
            # The eight colours that every terminal has; bold and dim without any where it is NO_COLOR.
            color_system="standard" if coloured or self.manner.live else None,
            no_color=not coloured,
            width=width_of(stream) if self.manner.drawn else WHOLE,
            height=HEIGHT,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )
        self._wide = wide or not self.manner.drawn

    @property
    def width(self) -> int:
        """Return how many columns there are."""
        return self._console.width

    def print(self, text: str, *, style: str = "") -> None:
        """Print a text, wrapped between its words; what is wrapped begins where its line does."""
        for line in visible(text).split("\n"):
            said = line.lstrip(" ")
            self._hanging(Text(said, style), Text(" " * (len(line) - len(said))))

    def labelled(self, label: str, text: str, *, style: str = "bold") -> None:
        """Print a text behind a label; what is wrapped stays right of it."""
        self._hanging(Text(visible(self._short(text))), Text(visible(label), style))

    def line(self, line: Line, margin: str = "") -> None:
        """Print a line of spans behind a margin; what is wrapped stays right of it."""
        self._hanging(_text(line, self._short), Text(margin, "dim"))

    def rendered(self, lines: Iterable[Line], margin: str) -> str:
        """Return lines behind a margin as they are sent to the terminal."""
        with self._console.capture() as written:
            for line in lines:
                self.line(line, margin)
        return written.get()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Line]]) -> None:
        """Print a table in the longest version that fits; as a record for each row where none does."""
        made = [tuple(rows_line) for rows_line in rows]
        steps: tuple[Shorten, ...] = (whole,) if self._wide else STEPS
        for tight, shorten in itertools.product((False, True), steps):
            cells = [[_text(cell, shorten) for cell in row] for row in made]
            texts = [list(columns), *([cell.plain for cell in row] for row in cells)]
            if (fitting := widths(texts, self._console.width, tight=tight)) is not None:
                self._rows(columns, cells, fitting)
                return
        self._records(columns, [[_text(cell, steps[0]) for cell in row] for row in made])

    def document(self, blocks: Sequence[Block]) -> None:
        """Print a report, with empty lines around it and between its blocks."""
        # In one piece, so that lines in place are not drawn anew for each of it.
        with self._console.capture() as written:
            before: Block | None = None
            for block in blocks if self._wide else _without_full(blocks):
                if not (isinstance(block, Item) and isinstance(before, Item)):
                    self._print(Text())
                self._block(block)
                before = block
            self._print(Text())
        self._stream.write(written.get())
        self._stream.flush()

    def _block(self, block: Block) -> None:
        if isinstance(block, Heading):
            self._print(_text(block.line, self._short, "bold"))
        elif isinstance(block, Paragraph):
            self._print(_text(_quoted(block.line), self._short))
        elif isinstance(block, Item):
            self.line(_quoted(block.line), f"{'  ' * block.depth}- ")
        elif isinstance(block, Table):
            self.table([text_of(it) for it in block.columns], block.rows)
        else:
            self._fence(block)

    def _fence(self, block: Fence) -> None:
        for line in block.lines:
            if block.language in COPIED:
                # In one piece, though it may be longer than the terminal is wide: it is there to be copied.
                self._console.print(Text(visible(line)), soft_wrap=True)
                continue
            style = DIFF.get(line[:1], "") if block.language == "diff" else "dim"
            for part in chop_cells(visible(self._short(line)).expandtabs(), self._console.width) or [""]:
                self._print(Text(part, style))

    def _rows(self, columns: Sequence[str], rows: Sequence[Sequence[Text]], fitting: Sequence[int]) -> None:
        table = Rows(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for name, width in zip(columns, fitting, strict=True):
            table.add_column(Text(name), width=width, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._console.print(table, crop=False)

    def _records(self, columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
        """Print each row as its first cell, and below it a line for each other cell that says something."""
        names = max((len(it) for it in columns[1:]), default=0)
        for row in rows:
            self._print(Text.assemble(row[0], style="bold"))
            for name, cell in zip(columns[1:], row[1:], strict=True):
                if cell.plain.strip():
                    self._hanging(cell, Text(f"  {name:{names}}  ", "dim"))

    def _hanging(self, text: Text, label: Text) -> None:
        room = max(1, self._console.width - label.cell_len)
        parts = text.wrap(self._console, room, overflow="fold") if self.manner.drawn else [text]
        for at, part in enumerate(parts or [Text()]):
            self._print(Text.assemble(" " * label.cell_len if at else label, part))

    @property
    def _short(self) -> Shorten:
        return whole if self._wide else short

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=not self.manner.drawn, overflow="fold")


def _without_full(blocks: Sequence[Block]) -> list[Block]:
    """Leave out what has images in full, and the line that says so."""
    full = {n for n, it in enumerate(blocks) if isinstance(it, Fence) and it.language == FULL}
    return [it for n, it in enumerate(blocks) if n not in full and n + 1 not in full]


def _quoted(line: Line) -> Line:
    """Keep the backticks around commands: where they begin and end must be seen without colours, too."""
    return tuple(
        replace(it, text=f"`{it.text}`") if it.look == "code" and it.text.startswith(COMMANDS) else it
        for it in line
    )


def _text(line: Line | Iterable[Span], shorten: Shorten, style: str = "") -> Text:
    made = Text(style=style)
    for it in line:
        look = LOOKS.get(it.look, it.look)
        link = it.link if it.link.startswith(("https://", "http://")) and visible(it.link) == it.link else ""
        made.append(visible(shorten(it.text)), Style.parse(look) + Style(link=link) if link else look)
    return made
