"""How many columns of a terminal a text takes, and how to keep it within some of them."""

from __future__ import annotations

import unicodedata

_NONE = ("Mn", "Me", "Cf")


def columns_of(text: str) -> int:
    """Return how many columns a line takes; wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def clipped(text: str, width: int) -> str:
    """Return a line that takes at most `width` columns; what is cut off is shown by an ellipsis."""
    if columns_of(text) <= width:
        return text
    if width < 1:
        return ""
    kept, used = "", 1
    for each in text:
        used += _columns(each)
        if used > width:
            break
        kept += each
    return kept + "…"


def padded(text: str, width: int) -> str:
    """Return a line with spaces behind it, up to `width` columns."""
    return text + " " * (width - columns_of(text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in _NONE:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
