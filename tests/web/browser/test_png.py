"""Pictures are packed: few colours stay exactly as they are, many become the most used of those that are alike."""

from __future__ import annotations

import struct
import zlib
from collections import Counter

import pytest

from tests.web.browser.png import HEAD, packed, palette, read


def picture(colours: list[tuple[int, int, int]], kind: int) -> bytes:
    """Write a picture of one row per colour, with a row's filter."""
    rows, before = b"", bytes(12)
    for colour in colours:
        row = bytes(colour) * 4
        guess = {0: bytes(12), 1: bytes(3) + row[:9], 2: before}[kind]
        rows += bytes([kind]) + bytes((it - other) & 255 for it, other in zip(row, guess, strict=True))
        before = row
    head = struct.pack(">IIBBBBB", 4, len(colours), 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return HEAD + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_what_a_browser_wrote_is_read(kind: int) -> None:
    """The pixels are the same with each filter."""
    colours = [(250, 3, 7), (1, 2, 3), (200, 100, 0)]
    assert read(picture(colours, kind)) == (4, 3, [it for it in colours for _ in range(4)])


def test_few_colours_stay_as_they_are() -> None:
    """The table has exactly the colours of the picture."""
    colours = [(250, 3, 7), (1, 2, 3), (200, 100, 0)]
    made = packed(picture(colours, 1))
    table = made.index(b"PLTE") + 4
    found = made[table : table + 9]
    assert {tuple(found[at : at + 3]) for at in (0, 3, 6)} == set(colours)


def test_many_colours_become_few() -> None:
    """Alike ones share a place, and no colour moves far."""
    groups = palette(Counter((red, green, 0) for red in range(64) for green in range(64)))
    assert len(groups) == 256
    assert max(max(a) - min(a) for group in groups for a in zip(*group, strict=True)) < 5
