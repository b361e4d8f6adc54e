"""Markdown that stays what it is, whatever stands in it: names, reasons and logs are other people's words.

A line of text, a code span, a fence and a table's cell cannot be left by what they hold, and nothing that a
terminal would obey gets through. It is plain enough to be read as it stands, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from headway.domain.text.visible import visible

ROWS = 50
"""A longer table is cut, with a count."""
WIDEST = 500
"""Where a line of a fence is cut, in characters."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)?")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What would begin a list, a heading or a quotation, where it comes first.
_FIRST = re.compile(r"^(?:(?=[#>+=-])|(\d+)(?=[.)]))")
# An underscore in a word and most punctuation mean nothing, and stay readable without a backslash.
_MARKUP = r"[\\`*\[<]|(?<![^\W_])_|_(?![^\W_])|~(?=~)|(?<=~)~|&(?=#?\w+;)"
_MARKUP_BUT_CODE = rf"(`[^`]+`)|{_MARKUP}"


def inline(text: str) -> str:
    """Return a text as one line that says exactly this and is no markup."""
    return _FIRST.sub(r"\1\\", re.sub(_MARKUP, r"\\\g<0>", _one_line(text)))


def prose(text: str) -> str:
    """Return a text of headway's own as one line: what stands between backticks in it stays code."""
    line = re.sub(_MARKUP_BUT_CODE, lambda it: it[1] or f"\\{it[0]}", _one_line(text))
    return _FIRST.sub(r"\1\\", line)


def code(text: str) -> str:
    """Return a text as a code span; nothing for nothing."""
    line = _one_line(text)
    if not line:
        return ""
    if "\\|" in line:
        # No code span in a table can hold this.
        return inline(line)
    bar = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{bar}{pad}{line}{pad}{bar}"


def fence(lines: Iterable[str], language: str = "") -> str:
    """Return lines as a block that shows them as they are; very long ones are cut."""
    text = "\n".join(_cut(visible(_CONTROLS.sub("", _ESCAPES.sub("", line)))) for line in lines)
    bar = "`" * max(3, _longest_run(text) + 1)
    return f"{bar}{language}\n{text}\n{bar}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], most: int = ROWS) -> str:
    """Return a table; its cells are Markdown already. Nothing for no rows; those beyond `most` are counted."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    if not cells:
        return ""
    more = [[f"… and {len(cells) - most} more", *[""] * (len(columns) - 1)]] if len(cells) > most else []
    return "\n".join(_row(it) for it in [columns, ["---"] * len(columns), *cells[:most], *more])


def blocks(parts: Iterable[str]) -> str:
    """Return one text of several blocks, without the empty ones."""
    return "\n\n".join(filter(None, parts)) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _one_line(text: str) -> str:
    return " ".join(visible(_CONTROLS.sub(" ", _ESCAPES.sub("", text))).split())


def _cut(line: str) -> str:
    return line if len(line) <= WIDEST else line[: WIDEST - 1] + "…"


def _longest_run(text: str) -> int:
    return max((len(it) for it in re.findall("`+", text)), default=0)
