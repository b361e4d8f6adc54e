"""Edits by span: the value changes, and not one byte beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from headway.domain.manifests.index import ImageSite

_PLAIN_IS_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+-]*(?::[A-Za-z0-9._/@+-]+)*")


def splice(data: bytes, edits: Iterable[tuple[ImageSite, str]]) -> bytes:
    """Replace scalars of a UTF-8 file, each in the style it was written in.

    Raises ValueError for edits that overlap or do not fit the file they are for.
    """
    text = data.decode("utf-8")
    out: list[str] = []
    position = 0
    for site, value in sorted(edits, key=lambda it: it[0].start):
        if site.start < position or site.end > len(text):
            raise ValueError("edits overlap or lie outside the file")
        out += (text[position : site.start], _token(text[site.start : site.end], value))
        position = site.end
    out.append(text[position:])
    return "".join(out).encode("utf-8")


def _token(old: str, value: str) -> str:
    if old.startswith("'"):
        return "'" + value.replace("'", "''") + "'"
    if old.startswith('"') or not _PLAIN_IS_SAFE.fullmatch(value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value
