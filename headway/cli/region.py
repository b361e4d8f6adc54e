"""The last lines of a terminal, replaced in place while something goes on.

What is printed meanwhile comes above them, in whole lines. The cursor is never hidden and no mode of the terminal is
changed, so that nothing has to be put back when a command ends, however it ends. Where something else may have been
written meanwhile, or a resize has wrapped the lines anew, they are left where they are, and are drawn afresh below.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from headway.cli.terminal import size_of

_shown: list[Region] = []


class Region:
    """Lines that stand at the bottom of a terminal. Safe to use from several threads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._lines: Sequence[str] = ()
        self._rows = 0
        self._width = 0
        self._begun = ""
        self._closed = self._left = False

    @property
    def size(self) -> tuple[int, int]:
        """Return the terminal's columns and lines."""
        return size_of(self._stream)

    def show(self, lines: Sequence[str], above: str = "") -> None:
        """Replace the lines by others, each shorter than the terminal is wide, and write whole lines above them."""
        with self._lock:
            if self._closed:
                self._stream.write(above)
            elif lines or above or self._rows:
                self._paint(above, lines)

    def write(self, text: str) -> int:
        """Write above the lines; what is not a whole line yet waits for its end."""
        with self._lock:
            whole, newline, self._begun = (self._begun + text).rpartition("\n")
            if newline:
                self._paint(whole + newline, self._lines)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts above the lines."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Do nothing: each write is whole."""

    def close(self) -> None:
        """Take the lines away, and write what waits."""
        with self._lock:
            if not self._closed:
                self._paint(self._begun, ())
                self._begun, self._closed = "", True

    def leave(self) -> None:
        """Leave the lines where they are. A handler of signals calls this, so nothing is waited for."""
        self._rows, self._left = 0, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _paint(self, text: str, lines: Sequence[str]) -> None:
        width, _ = self.size
        # One write, so that nothing of another program comes in between.
        above = f"\x1b[{self._rows}A\r\x1b[J" if self._rows and width == self._width else ""
        self._rows, self._width, self._lines, self._left = 0, width, lines, False
        # What the terminal's encoding does not have must not take more room than it had.
        encoding = self._stream.encoding or "utf-8"
        shown = "".join(f"{it}\n" for it in lines).encode(encoding, "replace").decode(encoding)
        self._stream.write(above + text + shown)
        self._stream.flush()
        # A signal may have come meanwhile.
        self._rows = 0 if self._left else len(lines)


@contextlib.contextmanager
def region() -> Iterator[Region]:
    """Put a region at the end of standard error, through which all that is written there goes."""
    before = sys.stderr
    made = Region(before)
    sys.stderr = made
    _shown.append(made)
    try:
        yield made
    finally:
        _shown.remove(made)
        sys.stderr = before
        made.close()


def leave_lines() -> None:
    """Leave what is shown in place where it is: something is about to be written below it."""
    for each in _shown:
        each.leave()
