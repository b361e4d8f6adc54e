"""Standard output and standard error that never end a command.

A release must not stop between its commit and its rollout because `| head` has read enough, the
terminal was closed, the disk behind `> file` is full, or a name does not fit the terminal's encoding.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ESHUTDOWN, errno.ECONNRESET})
"""What a write to a pipe or a terminal fails with whose reader is gone: nobody is left to be told."""


class Lasting:
    """A text stream whose writes never raise; `error` is the first that failed, and the rest goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write what can be written."""
        if self.error is None:
            try:
                return self._stream.write(text)
            except UnicodeEncodeError:
                encoding = self._stream.encoding or "ascii"
                return self.write(text.encode(encoding, "backslashreplace").decode(encoding))
            except OSError as error:
                self._lose(error)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write what waits."""
        if self.error is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        self.error = error
        # What is still buffered is flushed when the interpreter ends, which must not fail either.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextlib.contextmanager
def lasting_streams() -> Iterator[Lasting]:
    """Put lasting streams in the place of standard output and standard error; return the one for output."""
    before = sys.stdout, sys.stderr
    with contextlib.ExitStack() as stack:
        # A descriptor that was closed by the caller is None here.
        out, err = (Lasting(it or stack.enter_context(open(os.devnull, "w"))) for it in before)
        sys.stdout, sys.stderr = out, err
        try:
            yield out
        finally:
            out.flush()
            err.flush()
            sys.stdout, sys.stderr = before


def lost(out: Lasting) -> str:
    """Return why a command's data was not written whole; empty where it was, or where its reader had enough."""
    if out.error is None or out.error.errno in GONE:
        return ""
    return f"standard output could not be written: {out.error.strerror}"
