"""The time in a tag, read by a declared format and never guessed.

`strptime` takes a single digit where two belong, so that `2026112` is a day to it (which one?).
Here a number that stands beside another has its full width.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

UNIX = {"unix": 1, "unixms": 1000}

_PLAIN = {"%Y": "year", "%m": "month", "%d": "day", "%H": "hour", "%M": "minute", "%S": "second"}
_WIDTHS = {**dict.fromkeys(_PLAIN, 2), "%y": 2, "%I": 2, "%U": 2, "%W": 2, "%j": 3, "%Y": 4, "%G": 4, "%V": 2}
_FRACTION = "%f"
_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)


def time_in(text: str, form: str) -> datetime | None:
    """Return the time that a text names in a format, in UTC where it names no zone; None where it names none."""
    shape, names = _shape(form)
    if shape is None:
        return _parsed(text, form)
    found = shape.fullmatch(text)
    if found is None:
        return None
    if not names:
        return _parsed(text, form)
    values = dict(zip(names, map(int, found.groups()), strict=False))
    values.setdefault("month", 1)
    values.setdefault("day", 1)
    try:
        return datetime(**values, tzinfo=UTC)
    except ValueError:
        return None


@lru_cache
def _shape(form: str) -> tuple[re.Pattern[str] | None, tuple[str, ...]]:
    """Return what a text of a format looks like, and its parts by name where those are plain numbers only."""
    if form in UNIX or form == "rfc3339":
        return None, ()
    parts = re.findall(r"%.|[^%]+", form)
    wide = [part in _WIDTHS or part == _FRACTION for part in parts]
    text = ""
    for place, part in enumerate(parts):
        beside = any(wide[it] for it in (place - 1, place + 1) if 0 <= it < len(parts))
        if part in _WIDTHS:
            width = _WIDTHS[part]
            text += f"([0-9]{{{width}}})" if beside or width == 4 else f"([0-9]{{1,{width}}})"
        elif part == _FRACTION:
            text += "([0-9]{6})" if beside else "([0-9]{1,6})"
        else:
            text += "%" if part == "%%" else ".+?" if part.startswith("%") else re.escape(part)
    used = [part for part in parts if part.startswith("%")]
    names = tuple(_PLAIN.get(part, "") for part in used)
    plain = "year" in names and "" not in names and len(set(names)) == len(names)
    return re.compile(text, re.ASCII | re.DOTALL), names if plain else ()


@lru_cache(maxsize=65_536)
def _parsed(text: str, form: str) -> datetime | None:
    try:
        if form in UNIX:
            # int() also takes underscores, signs and blanks.
            if not _DIGITS.fullmatch(text):
                return None
            return datetime.fromtimestamp(int(text) / UNIX[form], UTC)
        time = datetime.fromisoformat(text) if form == "rfc3339" else datetime.strptime(text, form)
    except (ValueError, OverflowError, OSError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
