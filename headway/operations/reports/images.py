"""Images in reports: short in tables, which pages and forms cut off where they are wide, and in full below."""

from __future__ import annotations

from collections.abc import Iterable

from headway.domain.images.reference import Image
from headway.domain.releases.message import short_tag
from headway.domain.text.markdown import fence

FULL = "images"
"""The language of the block that has images in full; a terminal shows it with `-o wide` only."""


def in_full(images: Iterable[tuple[str, Image | str]]) -> str:
    """Return a block with the whole references of images, each with what it is of; nothing where none is longer."""
    rows = {name: str(image) for name, image in images}
    lines = [f"{name}  {it}" for name, it in rows.items() if it and it != short_tag(it)]
    return f"Images in full:\n\n{fence(lines, FULL)}" if lines else ""
