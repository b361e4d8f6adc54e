"""Progress for people: one line a step with the time it took; colours on a terminal, and never with NO_COLOR."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_COLOURS = {"ok": "32", "no": "31", "dim": "2"}


def colour(text: str, kind: str) -> str:
    """Colour a text for a terminal."""
    if not sys.stderr.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m"


def say(text: str) -> None:
    """Say one line."""
    print(text, file=sys.stderr, flush=True)


def progress(text: str) -> None:
    """Say how far a long step is: in place on a terminal, a line elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K  {text}", end="", file=sys.stderr, flush=True)
    else:
        say(f"  {text}")


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done and how long it took."""
    began = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"{colour('failed', 'no')}  {what}")
        raise
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    say(f"{colour('ok', 'ok')}  {what} {colour(f'({time.monotonic() - began:.1f} s)', 'dim')}")
