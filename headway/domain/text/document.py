"""Reports as data: headway's own Markdown, read back into blocks of spans.

A run on a Prefect server gives its reports as Markdown only, so a terminal draws from what can be read back. Only
what `headway.domain.text.markdown` writes is understood; everything else stays text, as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line; `look` is empty, `code`, `bold`, or a style's name; `link` an address."""

    text: str
    look: str = ""
    link: str = ""


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading."""

    line: Line


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line of text, however long."""

    line: Line


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list; `depth` counts the lists around it."""

    line: Line
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """A table; each row has a cell for each column."""

    columns: tuple[Line, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True, slots=True)
class Fence:
    """Lines that stay as they are: a diff, a log, commands; `language` says which."""

    language: str
    lines: tuple[str, ...]


Block = Heading | Paragraph | Item | Table | Fence

_HEADING = re.compile(r"#{1,6} +(.*)")
_ITEM = re.compile(r"( *)- (.*)")
_FENCE = re.compile(r"(`{3,})([a-z]*)")
_RULE = re.compile(r"\|( -+ \|)+")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_BARS = re.compile(r"`+")
_LINK = re.compile(r"\[((?:\\.|[^\]\\])*)\]\(([^()\s]*)\)")
_BOLD = re.compile(r"\*\*((?:\\.|[^*\\])+)\*\*")


def text_of(line: Iterable[Span]) -> str:
    """Return a line's text."""
    return "".join(it.text for it in line)


def read(markdown: str) -> tuple[Block, ...]:
    """Return the blocks of a report."""
    lines = markdown.splitlines()
    found: list[Block] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if fenced := _FENCE.fullmatch(line):
            end = next((n for n in range(at, len(lines)) if lines[n] == fenced[1]), len(lines))
            found.append(Fence(fenced[2], tuple(lines[at:end])))
            at = end + 1
        elif line.startswith("|") and at < len(lines) and _RULE.fullmatch(lines[at]):
            end = next((n for n in range(at, len(lines)) if not lines[n].startswith("|")), len(lines))
            found.append(_table(line, lines[at + 1 : end]))
            at = end
        elif heading := _HEADING.fullmatch(line):
            found.append(Heading(spans(heading[1])))
        elif item := _ITEM.fullmatch(line):
            found.append(Item(spans(item[2]), len(item[1]) // 2))
        elif line:
            found.append(Paragraph(spans(line)))
    return tuple(found)


def spans(text: str) -> Line:
    """Return the pieces of one line of Markdown."""
    found: list[Span] = []
    plain, at = "", 0
    while at < len(text):
        made, end = _special(text, at)
        if made is None:
            plain += text[at + 1 : end] if end > at + 1 and text[at] == "\\" else text[at:end]
        else:
            found += [*([Span(plain)] if plain else []), *made]
            plain = ""
        at = end
    return (*found, *([Span(plain)] if plain else []))


def _special(text: str, at: int) -> tuple[Sequence[Span] | None, int]:
    """Return what begins at a place, where it is no text, and where it ends."""
    if text[at] == "\\":
        return None, at + (2 if _ESCAPED.match(text, at) else 1)
    if bars := _BARS.match(text, at):
        closing = next((it for it in _BARS.finditer(text, bars.end()) if it[0] == bars[0]), None)
        if closing is None:
            return None, bars.end()
        inside = text[bars.end() : closing.start()]
        if inside[:1] == " " and inside[-1:] == " " and inside.strip():
            inside = inside[1:-1]
        return [Span(inside, "code")], closing.end()
    if bold := _BOLD.match(text, at):
        return [Span(it.text, it.look or "bold", it.link) for it in spans(bold[1])], bold.end()
    if link := _LINK.match(text, at):
        return [Span(it.text, it.look, link[2]) for it in spans(link[1])], link.end()
    return None, at + 1


def _table(head: str, rows: Sequence[str]) -> Table:
    columns = _cells(head)
    made = [_cells(it) for it in rows]
    width = len(columns)
    return Table(columns, tuple((*it[:width], *[()] * (width - len(it))) for it in made))


def _cells(row: str) -> tuple[Line, ...]:
    """Return a row's cells; a pipe with a backslash before it is part of a cell, in code too."""
    inner = row.strip().removeprefix("|").removesuffix("|")
    return tuple(spans(it.replace("\\|", "|").strip()) for it in re.split(r"(?<!\\)\|", inner))
