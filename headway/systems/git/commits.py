"""Reads, writes and walks commits in this process, remembering those it has read."""

from __future__ import annotations

import heapq
import itertools
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from headway.domain.releases.message import parse_message
from headway.errors import UsageError
from headway.systems.git.mirror import Mirror
from headway.systems.git.signing import Signing

KEPT = 20_000
OLD_IN_A_ROW = 64
"""So many commits in a row older than asked for end a walk: one whose clock was wrong ends nothing."""
NEAR = 256
"""So many commits are looked at in this process for an ancestor before Git is asked."""
COMMITTER = "headway <headway@headway.invalid>"
"""The domain is one that never is anybody's (RFC 2606)."""

_PERSON = re.compile(r"(.*?)\s*<[^>]*>\s*(-?\d+)\s*[+-]?\d*")
_LATEST = 253402300799


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit; `time` is when it was committed, which a rebase or a release sets again."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: str
    time: datetime
    message: str
    release_id: str

    @property
    def subject(self) -> str:
        """The message's first line."""
        return self.message.lstrip("\n").partition("\n")[0].strip()


def author_line(name: str, email: str = "") -> str:
    """Write who a commit is by, as Git takes it; without an address one is made that reaches nobody."""
    plain = " ".join(re.sub(r"[\x00-\x1f\x7f<>\ud800-\udfff]", " ", name).split()) or "unknown"
    address = re.sub(r"[\s\x00-\x1f<>\ud800-\udfff]", "", email)
    local = re.sub(r"[^A-Za-z0-9._+-]+", "-", plain).strip("-.") or "unknown"
    return f"{plain} <{address or f'{local}@headway.invalid'}>"


class Commits:
    """The commits of one mirror."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._read: OrderedDict[str, Commit] = OrderedDict()
        self._from: dict[tuple[str, str], bool] = {}
        self._signing = Signing(mirror)

    def get(self, sha: str) -> Commit:
        """Read a commit; raise UsageError where the mirror has none of that name."""
        known = self._read.get(sha)
        if known is None:
            found = self._mirror.find(sha)
            if found is None or found[1] != "commit":
                raise UsageError(
                    f"{self._mirror.url} has no commit {sha[:40]}",
                    hint="`headway history` lists those it has",
                )
            known = self._read[sha] = _parse(found[0], found[2])
            while len(self._read) > KEPT:
                self._read.popitem(last=False)
        return known

    def read_ahead(self, shas: Iterable[str]) -> None:
        """Read commits that are going to be asked for, all at once."""
        unknown = [it for it in dict.fromkeys(shas) if it not in self._read]
        for sha, raw in zip(unknown, self._mirror.read_many(unknown), strict=True):
            self._read[sha] = _parse(sha, raw)

    @property
    def own_user(self) -> tuple[str, str]:
        """Return the name and e-mail of Git's own user here; empty where they are not set."""
        return self._signing.own_user

    def write(self, tree: str, parents: Sequence[str], message: str, author: str, now: datetime) -> str:
        """Store a commit of a tree, committed by headway, written by `author` (an author_line)."""
        when = f"{int(now.timestamp())} +0000"
        text = message.replace("\0", "").rstrip("\n") + "\n"
        if self._signing.wanted:
            return self._signing.commit(tree, parents, text, author, COMMITTER, when)
        lines = [
            f"tree {tree}",
            *(f"parent {parent}" for parent in parents),
            f"author {author} {when}",
            f"committer {COMMITTER} {when}",
        ]
        raw = "\n".join([*lines, "", text]).encode("utf-8", "replace")
        return self._mirror.write("commit", raw)

    def comes_from(self, head: str, commit: str) -> bool:
        """Return whether a commit is another or one of its ancestors."""
        if (known := self._from.get((head, commit))) is None:
            near = itertools.islice(self.newest_first(head, self.get(commit).time), NEAR)
            known = (
                any(it.sha == commit for it in near)
                or not self._mirror.run("merge-base", "--is-ancestor", commit, head).code
            )
            if len(self._from) > NEAR:
                self._from.clear()
            self._from[head, commit] = known
        return known

    def newest_first(self, head: str, oldest: datetime) -> Iterator[Commit]:
        """Walk from a commit through all its parents, as far back as `oldest`, and a little further."""
        seen, heap = {head}, [_rank(self.get(head))]
        older = 0
        while heap and older < OLD_IN_A_ROW:
            _, sha = heapq.heappop(heap)
            commit = self.get(sha)
            older = older + 1 if commit.time < oldest else 0
            yield commit
            for parent in commit.parents:
                if parent not in seen:
                    seen.add(parent)
                    heapq.heappush(heap, _rank(self.get(parent)))


def _rank(commit: Commit) -> tuple[float, str]:
    return -commit.time.timestamp(), commit.sha


def _parse(sha: str, raw: bytes) -> Commit:
    header, _, body = raw.partition(b"\n\n")
    tree, author, parents, time, encoding = "", "", [], 0, "utf-8"
    for line in header.decode("utf-8", "replace").split("\n"):
        name, _, value = line.partition(" ")
        if name == "tree":
            tree = value
        elif name == "parent":
            parents.append(value)
        elif name == "author" and (match := _PERSON.match(value)):
            author = match[1]
        elif name == "committer" and (match := _PERSON.match(value)):
            time = min(max(int(match[2]), 0), _LATEST)
        elif name == "encoding":
            encoding = value
    try:
        message = body.decode(encoding, "replace")
    except LookupError:
        message = body.decode("utf-8", "replace")
    record = parse_message(message)
    when = datetime.fromtimestamp(time, UTC)
    return Commit(sha, tree, tuple(parents), author, when, message, record.id if record else "")
