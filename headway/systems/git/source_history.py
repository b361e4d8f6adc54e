"""The history of a source branch: where a commit stands on it, and when it was made.

Only commits are brought here, no files. A tag is ordered by its commit's place, so that a
rebuild of an old commit is never taken for something new.
"""

from __future__ import annotations

import bisect
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from headway.domain.rules.tags import Refused
from headway.errors import FailedError
from headway.systems.git.mirror import Mirror, seen

AGAIN = 30.0
"""Seconds before a branch is looked at again for a commit that it did not have."""

_SHA = re.compile(r"[0-9a-f]{7,40}")
_FULL = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Line:
    """The commits of a branch; `places` are of those that the branch itself has been at, the first one 0.

    What came by a merge never was the branch's state: it lacks what the branch had by then.
    """

    head: str
    places: dict[str, int]
    times: dict[str, int]
    names: list[str]

    def find(self, sha: str) -> str | Refused:
        """Return the full SHA-1 of a commit by its first 7 digits or more."""
        if sha in self.times:
            return sha
        if not _SHA.fullmatch(sha):
            return Refused("has no SHA-1 in it")
        at = bisect.bisect_left(self.names, sha)
        found = [it for it in self.names[at : at + 2] if it.startswith(sha)]
        if len(found) > 1:
            return Refused(f"{sha} is the beginning of several commits")
        return found[0] if found else Refused(f"{sha} is no commit of the branch")

    def place(self, sha: str) -> int | Refused:
        """Return where the branch was when it was at a commit."""
        found = self.find(sha)
        if isinstance(found, Refused):
            return found
        return self.places.get(
            found, Refused(f"{sha} came by a merge, and lacks what the branch had by then")
        )


_NONE = Line("", {}, {}, [])


class SourceHistory:
    """One branch of one source repo. Safe to use from several threads."""

    def __init__(self, url: str, branch: str, state_dir: Path) -> None:
        """Name a branch; its commits are fetched when one is asked for that is not known."""
        self._mirror = Mirror(url, state_dir / "git", branch, commits_only=True)
        self._branch = branch
        self._line = _NONE
        self._looked = float("-inf")
        self._unknown: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def close(self) -> None:
        """End every process that it started."""
        self._mirror.close()

    def line(self, wanted: set[str]) -> Line:
        """Return the branch's commits, fetched again only where one of the wanted ones is not known.

        Raises UsageError for a repo or branch that is not there, TransientError where it cannot be reached.
        """
        with self._lock:
            if not self._line.head and (self._mirror.folder / "HEAD").exists():
                self._line = self._read()
            unknown = frozenset(it for it in wanted if isinstance(self._line.find(it), Refused))
            asked_lately = unknown <= self._unknown and time.monotonic() - self._looked < AGAIN
            if (unknown and not asked_lately) or not self._line.head:
                self._mirror.fetch()
                self._looked = time.monotonic()
                self._line = self._read()
                self._unknown = frozenset(it for it in unknown if isinstance(self._line.find(it), Refused))
            return self._line

    def subjects(self, shas: Iterable[str]) -> dict[str, str]:
        """Return the subjects of commits that are here already, by their full SHA-1; others are left out."""
        names = [it for it in shas if _FULL.fullmatch(it)]
        if not names or not self._mirror.made:
            return {}
        command = ["log", "--no-walk=unsorted", "--ignore-missing", "--no-show-signature", "--format=%H %s"]
        result = self._mirror.run(*command, "--stdin", stdin="\n".join(names).encode())
        lines = result.stdout.decode("utf-8", "replace").splitlines()
        return {sha: subject for sha, _, subject in (it.partition(" ") for it in lines)}

    def _read(self) -> Line:
        head = self._mirror.seen(f"refs/heads/{self._branch}") or ""
        if not head or head == self._line.head:
            return self._line
        command = ["rev-list", "--parents", "--timestamp", seen(f"refs/heads/{self._branch}")]
        result = self._mirror.run(*command)
        if result.code:
            raise FailedError(f"the history of {self._mirror.url} cannot be read: {result.stderr}")
        times: dict[str, int] = {}
        before: dict[str, str] = {}
        for line in result.stdout.decode().splitlines():
            at, sha, *parents = line.split()
            times[sha] = int(at)
            if parents:
                before[sha] = parents[0]
        trunk = [head]
        while (parent := before.get(trunk[-1])) is not None:
            trunk.append(parent)
        places = {sha: place for place, sha in enumerate(reversed(trunk))}
        return Line(head, places, times, sorted(times))


def time_of(line: Line, sha: str) -> datetime:
    """Return when a commit was committed."""
    return datetime.fromtimestamp(line.times[sha], UTC)
