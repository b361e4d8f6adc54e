"""Reads and writes a repo's objects without starting a process for each.

GitPython keeps one `git cat-file --batch` open, which answers whatever Git's packs look like, and gitdb
writes loose objects as Git does. It knows no refs and no remote.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from git.cmd import Git
from gitdb import IStream, LooseObjectDB

from headway.errors import FailedError
from headway.systems.git.client import own_errors

KNOWN = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The empty tree, which Git knows in every repo."""
GONE = (BrokenPipeError, EOFError, ValueError)
"""What GitPython raises where the process has ended."""


class Unreadable(Exception):
    """The repo cannot be read; the mirror turns this into what its user should see."""


class Objects:
    """The objects of the repo in `folder`; safe to use from several threads."""

    def __init__(self, folder: Path, git: Git) -> None:
        self._git = git
        self._store = LooseObjectDB(str(folder / "objects"))
        self._talk = threading.Lock()

    def close(self) -> None:
        """End the reading process; the next question starts another."""
        with self._talk:
            self._git.clear_cache()

    def find(self, name: str) -> tuple[str, str, bytes] | None:
        """Look up one object by any name Git knows: (SHA-1, type, content); None where there is none."""
        with self._talk, own_errors():
            try:
                return self._ask(name)
            except GONE:
                # A process that was killed from outside is no damage; one that dies twice is.
                pass
            try:
                return self._ask(name)
            except GONE as error:
                raise Unreadable(f"git cat-file ended early: {error}") from None

    def find_many(self, names: Sequence[str]) -> Iterator[tuple[str, str, bytes] | None]:
        """Look up objects, in the order given."""
        return map(self.find, names)

    def write(self, kind: str, content: bytes) -> str:
        """Store an object and return its SHA-1; one that is there already stays as it is."""
        try:
            with own_errors():
                stored = self._store.store(IStream(kind.encode(), len(content), BytesIO(content)))
        except OSError as error:
            raise FailedError(
                f"nothing can be written to {self._store.root_path()}: {error.strerror or error}",
                hint="see whether the disk is full and whose the folder is",
            ) from None
        sha: bytes = stored.hexsha
        return sha.decode()

    def _ask(self, name: str) -> tuple[str, str, bytes] | None:
        """Ask once; whatever interrupts that ends the process, whose next answer would be to this question."""
        try:
            try:
                # Annotated as text, given as bytes.
                found: Any = self._git.get_object_data(name)
            except ValueError:
                # It means that there is no such object, or no process any more: this one is always there.
                self._git.get_object_data(KNOWN)
                return None
            sha, kind, size, content = found
            if len(content) != size:
                raise EOFError("half an answer")
        except BaseException:
            self._git.clear_cache()
            raise
        return sha.decode(), kind.decode(), content
