"""Edits by span: the value changes, and not one byte beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from headway.domain.manifests.image_sites import DIGEST, TAG, ImageSite, Part
from headway.domain.text.yaml_values import plain_value

_PLAIN_IS_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+-]*(?::[A-Za-z0-9._/@+-]+)*")
_READ_OTHERWISE = re.compile(
    r"[0-9]+(?:_?[0-9]+)*(?::[0-5]?[0-9])+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\S*|0o[0-7]+|="
)
"""Text to kubectl that other readers of YAML take for a number in base 60, a date, or a number in base 8."""


class AsWritten(str):
    """A scalar's text as it stood in the file, quotes included."""

    __slots__ = ()


def splice(data: bytes, edits: Iterable[tuple[ImageSite | Part, str]]) -> bytes:
    """Replace scalars of a UTF-8 file, each in the style it was written in.

    Raises ValueError for edits that overlap or do not fit the file they are for.
    """
    text = data.decode("utf-8")
    out: list[str] = []
    position = 0
    for site, value in sorted(edits, key=lambda it: it[0].start):
        if site.start < position or site.end > len(text):
            raise ValueError("edits overlap or lie outside the file")
        as_text = isinstance(site, Part) and site.role in (TAG, DIGEST)
        old = text[site.start : site.end]
        new = value if isinstance(value, AsWritten) else token(old, value, as_text=as_text)
        out += (text[position : site.start], new)
        position = site.end
    out.append(text[position:])
    return "".join(out).encode("utf-8")


def token(old: str, value: str, *, as_text: bool = False) -> str:
    """Return a scalar in the style of the one that it replaces, in quotes where it would not be read as text."""
    if old.startswith("'"):
        return "'" + value.replace("'", "''") + "'"
    plain = _PLAIN_IS_SAFE.fullmatch(value) and not (as_text and _is_no_text(value))
    if old.startswith('"') or not plain:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value


def _is_no_text(value: str) -> bool:
    try:
        return not isinstance(plain_value(value), str) or bool(_READ_OTHERWISE.fullmatch(value))
    except ValueError:
        return True
