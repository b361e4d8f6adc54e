"""Reads and writes a repo's objects without starting a process for each.

One `git cat-file --batch` stays open and answers over pipes, whatever Git's packs look
like; loose objects are written here, as Git writes them. It knows no refs and no remote.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tempfile
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from headway.systems.git.command import no_git

PIPELINED = 1 << 14
"""Bytes of requests written before answers are read: below a pipe's capacity, so that neither side waits."""


class Unreadable(Exception):
    """The repo cannot be read; the mirror turns this into what its user should see."""


class Objects:
    """The objects of the repo in `folder`; safe to use from several threads."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._talk = threading.Lock()
        self._cat: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End the reading process; the next question starts another."""
        with self._talk:
            self._stop()

    def find(self, name: str) -> tuple[str, str, bytes] | None:
        """Look up one object by any name Git knows: (SHA-1, type, content); None where there is none."""
        return next(self.find_many([name]))

    def find_many(self, names: Sequence[str]) -> Iterator[tuple[str, str, bytes] | None]:
        """Look up objects, in the order given."""
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
        """Store an object and give its SHA-1; one that is there already stays as it is."""
        raw = b"%s %d\0%s" % (kind.encode(), len(content), content)
        sha = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
        target = self._folder / "objects" / sha[:2] / sha[2:]
        if target.exists():
            return sha
        target.parent.mkdir(exist_ok=True)
        # Git's own name for a half-written object, which its `prune` clears away.
        handle, temporary = tempfile.mkstemp(prefix="tmp_obj_", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(zlib.compress(raw, 1))
                os.fchmod(file.fileno(), 0o444)
            os.rename(temporary, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        return sha

    def _ask(self, requests: list[bytes]) -> list[tuple[str, str, bytes] | None]:
        with self._talk:
            try:
                return self._converse(requests)
            except (OSError, EOFError, ValueError):
                # A process that was killed from outside is no damage; one that dies twice is.
                self._stop()
            try:
                return self._converse(requests)
            except (OSError, EOFError, ValueError) as error:
                self._stop()
                raise Unreadable(f"git cat-file ended early: {error}") from None
            except BaseException:
                self._stop()
                raise

    def _converse(self, requests: list[bytes]) -> list[tuple[str, str, bytes] | None]:
        cat = self._cat or self._start()
        assert cat.stdin is not None
        assert cat.stdout is not None
        cat.stdin.write(b"".join(requests))
        cat.stdin.flush()
        found: list[tuple[str, str, bytes] | None] = []
        for request in requests:
            header = cat.stdout.readline()
            if not header:
                raise EOFError("no answer")
            if header.startswith(request[:-1]) and header.endswith((b" missing\n", b" ambiguous\n")):
                found.append(None)
                continue
            sha, kind, size = header.split()
            content = cat.stdout.read(int(size) + 1)
            if len(content) != int(size) + 1:
                raise EOFError("half an answer")
            found.append((sha.decode(), kind.decode(), content[:-1]))
        return found

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            self._cat = subprocess.Popen(
                ["git", f"--git-dir={self._folder}", "cat-file", "--batch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=dict(self._environment),
                start_new_session=True,
                bufsize=1 << 16,
            )
        except FileNotFoundError:
            raise no_git() from None
        return self._cat

    def _stop(self) -> None:
        cat, self._cat = self._cat, None
        if cat is None:
            return
        cat.kill()
        for pipe in (cat.stdin, cat.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        cat.wait()
