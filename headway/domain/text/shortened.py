"""Short versions of what is too long for a terminal's line: digests, commits, references of images, times.

Each step leaves out more than the one before. Nothing that is short already changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

DIGEST, COMMIT = 12, 9
"""Digits that a short digest and a short commit keep."""

_DIGEST = re.compile(rf"(sha256:[0-9a-f]{{{DIGEST}}})(?:[0-9a-f]{{52}}(?![0-9a-f])|[0-9a-f]+…)")
_COMMIT = re.compile(rf"(?<![0-9a-f])([0-9a-f]{{{COMMIT}}})[0-9a-f]{{31}}(?![0-9a-f])")
_SECONDS = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d\b")
_YEAR = re.compile(r"\b\d{4}-(\d\d-\d\d \d\d:\d\d)\b")
_BEGIN, _END = r"(?<![^\s(])", r"(?=[\s,;)]|$)"
_TAG, _SHA = r"([\w.-]+…?)", r"@sha256:[0-9a-f]+…?"
# With a registry's host, so that a file and its line are no image.
_HOSTED = r"(?:localhost|[\w-]+(?:\.[\w-]+)+|[\w-]+(?=:\d))(?::\d+)?/(?:[\w.-]+/)*[\w.-]+"
_NAMED = r"(?:[\w.-]+(?::\d+)?/)*[\w.-]+"
_TAGGED = re.compile(f"{_BEGIN}(?:{_HOSTED}:{_TAG}|{_NAMED}:{_TAG}{_SHA}|{_HOSTED}:{_TAG}{_SHA}){_END}")
_PINNED = re.compile(f"{_BEGIN}{_NAMED}@(sha256:[0-9a-f]+…?){_END}")


def short(text: str) -> str:
    """Return a text in which digests and commits keep their first digits, and times their minutes."""
    text = _COMMIT.sub(r"\1…", _DIGEST.sub(r"\1…", text))
    return _SECONDS.sub(r"\1", text)


def shortest(text: str) -> str:
    """Return a text in which images are only their tags, or else their digests, and times have no year."""
    text = _TAGGED.sub(lambda it: it[it.lastindex or 0], _PINNED.sub(r"\1", short(text)))
    return _YEAR.sub(r"\1", text)


STEPS: tuple[Callable[[str], str], ...] = (short, shortest)
"""The short versions, the longest first."""
