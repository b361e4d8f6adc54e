"""A file of lines that only grows: each is on the disk when `append` returns, whole or not at all for a reader."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from headway.errors import FailedError
from headway.systems.machine.state_folder import private_folder

LARGEST = 64 * 1024 * 1024
"""Bytes after which the file is set aside as `.1`, in the place of the one before; nothing older is kept."""


class LineFile:
    """One file; safe to use from several threads and processes."""

    def __init__(self, file: Path, largest: int = LARGEST) -> None:
        self._file, self._largest = file, largest

    def append(self, line: str) -> None:
        """Add a line; raise FailedError where it is not on the disk after that."""
        data = line.replace("\n", " ").encode("utf-8", "backslashreplace") + b"\n"
        try:
            private_folder(self._file.parent)
            while not self._write(data):
                pass
        except OSError as error:
            raise FailedError(
                f"{self._file} cannot be written: {error.strerror or error}",
                hint="nothing was done, since nobody could see later who asked for it",
            ) from None

    def _write(self, data: bytes) -> bool:
        """Write to the file that has the name now; return False where another process has just set that one aside."""
        handle = os.open(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            try:
                current = os.stat(self._file)
            except FileNotFoundError:
                return False
            size = os.fstat(handle).st_size
            if (current.st_dev, current.st_ino) != (os.fstat(handle).st_dev, os.fstat(handle).st_ino):
                return False
            if size and size + len(data) > self._largest:
                os.replace(self._file, self._aside)
                return False
            if size and os.pread(handle, 1, size - 1) != b"\n":
                # A line that a full disk cut off must not take this one with it.
                data = b"\n" + data
            if os.write(handle, data) != len(data):
                raise OSError("the disk took only a part of the line")
            os.fsync(handle)
            return True
        finally:
            os.close(handle)

    def lines(self) -> Iterator[str]:
        """Yield the lines, the oldest first."""
        for file in (self._aside, self._file):
            try:
                with file.open(encoding="utf-8", errors="replace") as handle:
                    yield from (it.rstrip("\n") for it in handle)
            except FileNotFoundError:
                continue

    @property
    def _aside(self) -> Path:
        return self._file.with_name(self._file.name + ".1")
