"""Reads and writes a repo's objects without starting a process for each.

GitPython keeps one `git cat-file --batch` open, which answers whatever Git's packs look like, and gitdb
writes loose objects as Git does. It knows no refs and no remote.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from subprocess import PIPE
from typing import Any, BinaryIO

from git.cmd import Git
from gitdb import IStream, LooseObjectDB

from headway.errors import FailedError
from headway.systems.git.client import own_errors

GONE = (BrokenPipeError, EOFError, ValueError)
"""What is raised where the process has ended."""
PIPELINED = 1 << 14
"""Bytes of requests written before answers are read: below a pipe's capacity, so that neither side waits."""


class Unreadable(Exception):
    """The repo cannot be read; the mirror turns this into what its user should see."""


class Objects:
    """The objects of the repo in `folder`; safe to use from several threads."""

    def __init__(self, folder: Path, git: Git) -> None:
        self._git = git
        self._store = LooseObjectDB(str(folder / "objects"))
        self._talk = threading.Lock()
        self._drain: threading.Thread | None = None

    def close(self) -> None:
        """End the reading process; the next question starts another."""
        with self._talk:
            self._end()

    def find(self, name: str) -> tuple[str, str, bytes] | None:
        """Look up one object by any name Git knows: (SHA-1, type, content); None where there is none."""
        return next(self.find_many([name]))

    def find_many(self, names: Sequence[str]) -> Iterator[tuple[str, str, bytes] | None]:
        """Look up objects, in the order given: many are asked for before the first answer is read."""
        requests = [name.encode("utf-8", "surrogateescape") + b"\n" for name in names]
        start = 0
        while start < len(requests):
            end, size = start, 0
            while end < len(requests) and (end == start or size + len(requests[end]) <= PIPELINED):
                size += len(requests[end])
                end += 1
            yield from self._ask(requests[start:end])
            start = end

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

    def _ask(self, requests: Sequence[bytes]) -> list[tuple[str, str, bytes] | None]:
        with self._talk, own_errors():
            try:
                return self._converse(requests)
            except GONE:
                # A process that was killed from outside is no damage; one that dies twice is.
                pass
            try:
                return self._converse(requests)
            except GONE as error:
                raise Unreadable(f"git cat-file ended early: {error}") from None

    def _converse(self, requests: Sequence[bytes]) -> list[tuple[str, str, bytes] | None]:
        """Ask and read; whatever interrupts that ends the process, whose next answers would be to these questions."""
        try:
            cat: Any = self._git.cat_file_all or self._start()
            cat.stdin.write(b"".join(requests))
            cat.stdin.flush()
            return [_answer(cat.stdout, request) for request in requests]
        except BaseException:
            self._end()
            raise

    def _start(self) -> Any:
        """Start the process where GitPython keeps its own, and read what it complains of, or it would wait for that."""
        cat: Any = self._git.cat_file(batch=True, istream=PIPE, as_process=True)
        self._git.cat_file_all = cat
        # From here on its reader alone closes it: GitPython would wait for a read that is under way.
        complaints, cat.proc.stderr = cat.proc.stderr, None
        self._drain = threading.Thread(target=_read_all, args=(complaints,), daemon=True)
        self._drain.start()
        return cat

    def _end(self) -> None:
        self._git.clear_cache()
        drain, self._drain = self._drain, None
        if drain is not None:
            # What the process has started itself may hold the pipe for longer.
            drain.join(timeout=1)


def _read_all(complaints: BinaryIO) -> None:
    with complaints:
        while complaints.read(1 << 16):
            pass


def _answer(answers: BinaryIO, request: bytes) -> tuple[str, str, bytes] | None:
    """Read what `git cat-file --batch` says to one request: (SHA-1, type, content), or None for no such object."""
    header = answers.readline()
    if not header:
        raise EOFError("no answer")
    if header.startswith(request[:-1]) and header.endswith((b" missing\n", b" ambiguous\n")):
        return None
    sha, kind, size = header.split()
    content = answers.read(int(size) + 1)
    if len(content) != int(size) + 1:
        raise EOFError("half an answer")
    return sha.decode(), kind.decode(), content[:-1]
