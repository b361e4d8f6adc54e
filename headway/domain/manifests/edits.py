"""Edits by span: the value changes, and not one byte beside it."""

from __future__ import annotations

from collections.abc import Iterable

from headway.domain.manifests.image_sites import DIGEST, TAG, ImageSite, Part
from headway.domain.text.yaml_tokens import token


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


def restored(now: bytes, then: bytes, part: Part, value: str) -> str:
    """Return a value as it was written in an older content of the file, where the rest of its line is the same.

    A part that is not shown in a rendering gets whatever stood there.
    """
    lines = then.decode("utf-8").split("\n")
    if part.line > len(lines):
        return value
    text, old = now.decode("utf-8"), lines[part.line - 1]
    before = text[text.rfind("\n", 0, part.start) + 1 : part.start]
    after = text[part.end :].partition("\n")[0]
    middle = old[len(before) : len(old) - len(after)]
    same = len(old) > len(before) + len(after) and old.startswith(before) and old.endswith(after)
    return AsWritten(middle) if same and (not part.shown or middle.strip("'\"") == value) else value
