"""Pictures in few bytes: a browser packs for speed, and keeps colours that nobody tells apart."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

HEAD = b"\x89PNG\r\n\x1a\n"
COLOURS = 256
Colour = tuple[int, ...]


def packed(png: bytes) -> bytes:
    """Return the same picture with at most 256 colours, the most used of those that are alike."""
    width, height, pixels = read(png)
    count = Counter(pixels)
    chosen = palette(count)
    index = {it: at for at, alike in enumerate(chosen) for it in alike}
    # Of alike colours the most used stands for all, so that surfaces keep theirs exactly.
    table = b"".join(bytes(max(alike, key=count.__getitem__)) for alike in chosen)
    numbers = bytes(index[it] for it in pixels)
    rows = b"".join(b"\0" + numbers[at : at + width] for at in range(0, len(numbers), width))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", table), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return HEAD + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def palette(count: Counter[Colour]) -> list[list[Colour]]:
    """Divide colours into groups of alike ones: the group that differs most is cut where its range has its middle."""
    groups = [_measured(list(count))]
    while len(groups) < COLOURS:
        spread, channel, alike = max(groups)
        if not spread:
            break
        groups.remove((spread, channel, alike))
        values = [it[channel] for it in alike]
        middle = (min(values) + max(values)) / 2
        groups.append(_measured([it for it in alike if it[channel] <= middle]))
        groups.append(_measured([it for it in alike if it[channel] > middle]))
    return [alike for _, _, alike in groups]


def _measured(alike: list[Colour]) -> tuple[int, int, list[Colour]]:
    spreads = [max(it[at] for it in alike) - min(it[at] for it in alike) for at in range(3)]
    return max(spreads), spreads.index(max(spreads)), alike


def read(png: bytes) -> tuple[int, int, list[Colour]]:
    """Return the width, the height and the pixels of a picture as browsers write it: eight bits, RGB or RGBA."""
    parts = list(_chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", parts[0][1][:10])
    size = {2: 3, 6: 4}[kind]
    if depth != 8:
        raise ValueError(f"a picture of {depth} bits per channel; 8 are understood")
    data = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    above, pixels, stride = bytearray(width * size), list[Colour](), width * size + 1
    for at in range(0, height * stride, stride):
        above = _row(data[at], bytearray(data[at + 1 : at + stride]), above, size)
        pixels += zip(above[0::size], above[1::size], above[2::size], strict=True)
    return width, height, pixels


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(HEAD)
    while place < len(png):
        (size,) = struct.unpack(">I", png[place : place + 4])
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        place += size + 12


def _row(kind: int, row: bytearray, above: bytearray, size: int) -> bytearray:
    """Undo a row's filter."""
    for at in range(len(row) if kind else 0):
        left = row[at - size] if at >= size else 0
        up, corner = above[at], above[at - size] if at >= size else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        else:
            far = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
            guess = left if far[0] == min(far) else up if far[1] == min(far) else corner
        row[at] = (row[at] + guess) & 255
    return row
