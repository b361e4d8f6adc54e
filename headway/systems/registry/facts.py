"""Remembers what registries said: what cannot change, and how they want to be asked.

Facts of digests, digests of tags that stay, the pace of each registry, and which questions had no
answer the last time. A file that several processes share. It can be lost, and a damaged one is
made again: then the same questions are asked once more. Without a usable disk it only remembers less.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headway.domain.images.facts import USUAL, ImageFacts, from_json, to_json
from headway.systems.machine.sqlite_file import CacheFile, Database, batches, make_room, today

ON_DISK = 200_000
"""Rows of each kind that are kept, the most recently used."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
  digest TEXT NOT NULL, platform TEXT NOT NULL,
  first_seen INTEGER NOT NULL, used INTEGER NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (digest, platform)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tags (
  repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, used INTEGER NOT NULL,
  PRIMARY KEY (repository, tag)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kinds (digest TEXT PRIMARY KEY, what TEXT NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS paces (
  registry TEXT PRIMARY KEY, closed_until REAL NOT NULL, rate REAL NOT NULL, since REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS left_out (question TEXT PRIMARY KEY, place INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Slowed:
    """How a registry wants to be asked: not before a time, and then so many times a second (0: no limit).

    Times are seconds since the epoch; `since` is when the rate was last set.
    """

    closed_until: float
    rate: float
    since: float


class FactStore:
    """Facts by digest, and digests by repository and tag. Safe to use from several threads and processes."""

    def __init__(self, file: Path, *, on_disk: int = ON_DISK) -> None:
        self._cache = CacheFile(file, _SCHEMA)
        self._limit = on_disk
        # What could not be written is known until it can be, or for as long as this process lives.
        self._unwritten = threading.Lock()
        self._facts: dict[tuple[str, str], ImageFacts] = {}
        self._tags: dict[tuple[str, str], str | None] = {}
        self._kinds: dict[str, str] = {}

    def close(self) -> None:
        """Close the file."""
        self._cache.close()

    # --- what cannot change ---

    def facts(self, digests: Iterable[str], platform: str = USUAL) -> dict[str, ImageFacts]:
        """Return the facts that are known of digests; of an index, as the platform's image has them."""
        self._settle()
        wanted = list(dict.fromkeys(digests))
        found: dict[str, ImageFacts] = {}
        for digest in wanted if self._facts else ():
            if known := self._facts.get((digest, "")) or self._facts.get((digest, platform)):
                found[digest] = known

        def read(database: Database) -> None:
            day, stale = today(), []
            for some in batches([it for it in wanted if it not in found]):
                marks = ",".join("?" * len(some))
                rows = database.execute(
                    "SELECT digest, platform, first_seen, used, data FROM images "
                    f"WHERE platform IN ('', ?) AND digest IN ({marks})",
                    [platform, *some],
                )
                for digest, of, first_seen, used, data in rows:
                    with contextlib.suppress(ValueError, TypeError):
                        seen = datetime.fromtimestamp(first_seen, UTC)
                        found[digest] = from_json(digest, data, seen, of)
                        if used < day:
                            stale.append((day, digest, of))
            if stale:
                with database:
                    database.executemany(
                        "UPDATE images SET used = ? WHERE digest = ? AND platform = ?", stale
                    )

        self._cache.use(read)
        return found

    def digests(self, repository: str, tags: Iterable[str]) -> dict[str, str]:
        """Return the digests that are known of a repository's tags."""
        self._settle()
        wanted = list(dict.fromkeys(tags))
        own = {it: self._tags[repository, it] for it in wanted if (repository, it) in self._tags}
        found = {tag: digest for tag, digest in own.items() if digest is not None}

        def read(database: Database) -> None:
            day, stale = today(), []
            for some in batches([it for it in wanted if it not in own]):
                marks = ",".join("?" * len(some))
                rows = database.execute(
                    f"SELECT tag, digest, used FROM tags WHERE repository = ? AND tag IN ({marks})",
                    [repository, *some],
                )
                for tag, digest, used in rows:
                    found[tag] = digest
                    if used < day:
                        stale.append((day, repository, tag))
            if stale:
                with database:
                    database.executemany("UPDATE tags SET used = ? WHERE repository = ? AND tag = ?", stale)

        self._cache.use(read)
        return found

    def kinds(self, digests: Iterable[str]) -> dict[str, str]:
        """Return what digests are known to be: empty for an image, or words for what else it is."""
        self._settle()
        wanted = list(dict.fromkeys(digests))
        found = {it: self._kinds[it] for it in wanted if it in self._kinds}

        def read(database: Database) -> None:
            day, stale = today(), []
            for some in batches([it for it in wanted if it not in found]):
                marks = ",".join("?" * len(some))
                rows = database.execute(
                    f"SELECT digest, what, used FROM kinds WHERE digest IN ({marks})", some
                )
                for digest, what, used in rows:
                    found[digest] = what
                    if used < day:
                        stale.append((day, digest))
            if stale:
                with database:
                    database.executemany("UPDATE kinds SET used = ? WHERE digest = ?", stale)

        self._cache.use(read)
        return found

    def remember(
        self,
        facts: Iterable[ImageFacts] = (),
        tags: Mapping[tuple[str, str], str] | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        """Keep facts, digests of (repository, tag), and what digests are.

        When a digest was first seen is never changed.
        """
        new, named, are = list(facts), dict(tags or {}), dict(kinds or {})
        if not (new or named or are):
            return
        self._settle()
        day = today()

        def write(database: Database) -> None:
            with database:
                self._insert(database, new)
                database.executemany(
                    "INSERT OR REPLACE INTO tags VALUES (?, ?, ?, ?)",
                    [(repository, tag, digest, day) for (repository, tag), digest in named.items()],
                )
                database.executemany(
                    "INSERT OR REPLACE INTO kinds VALUES (?, ?, ?)", [(*it, day) for it in are.items()]
                )
                # Only now: who has read in a transaction may be refused to write in it.
                make_room(database, "images", "digest, platform", self._limit)
                make_room(database, "tags", "repository, tag", self._limit)
                make_room(database, "kinds", "digest", self._limit)

        if not self._cache.use(write):
            with self._unwritten:
                self._facts.update(((it.digest, it.platform), it) for it in new)
                self._tags.update(named)
                self._kinds.update(are)
                _make_room(self._kinds, self._limit)
                _make_room(self._facts, self._limit)
                _make_room(self._tags, self._limit)

    def forget(self, repository: str, tag: str) -> None:
        """Trust a tag's digest no longer."""
        self._settle()

        def write(database: Database) -> None:
            with database:
                database.execute("DELETE FROM tags WHERE repository = ? AND tag = ?", (repository, tag))

        if not self._cache.use(write):
            with self._unwritten:
                self._tags[repository, tag] = None

    def _insert(self, database: Database, facts: Iterable[ImageFacts]) -> None:
        day, now = today(), int(time.time())
        database.executemany(
            "INSERT OR IGNORE INTO images VALUES (?, ?, ?, ?, ?)",
            [(it.digest, it.platform, now, day, to_json(it)) for it in facts],
        )

    def _settle(self) -> None:
        """Write what could not be written before.

        A tag is only unlearned: what another process wrote meanwhile may be newer, and to ask costs one request.
        """
        if not (self._facts or self._tags or self._kinds):
            return

        def write(database: Database) -> None:
            with database:
                self._insert(database, self._facts.values())
                database.executemany("DELETE FROM tags WHERE repository = ? AND tag = ?", list(self._tags))
                database.executemany(
                    "INSERT OR REPLACE INTO kinds VALUES (?, ?, ?)",
                    [(*it, today()) for it in self._kinds.items()],
                )

        with self._unwritten:
            if self._cache.use(write):
                self._facts.clear()
                self._tags.clear()
                self._kinds.clear()

    # --- how registries want to be asked ---

    def pace(self, registry: str) -> Slowed | None:
        """Return how a registry wants to be asked, as any process of this machine was told."""
        found: list[Slowed] = []

        def read(database: Database) -> None:
            for row in database.execute(
                "SELECT closed_until, rate, since FROM paces WHERE registry = ?", [registry]
            ):
                with contextlib.suppress(ValueError, TypeError):
                    found.append(Slowed(*map(float, row)))

        self._cache.use(read)
        return found[0] if found else None

    def slow(self, registry: str, slowed: Slowed) -> None:
        """Keep how a registry wants to be asked; a pause that another process was told is not made shorter."""

        def write(database: Database) -> None:
            with database:
                database.execute(
                    "INSERT INTO paces VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                    "closed_until = max(closed_until, excluded.closed_until), "
                    "rate = excluded.rate, since = excluded.since",
                    (registry, slowed.closed_until, slowed.rate, slowed.since),
                )

        self._cache.use(write)

    def left_out(self) -> list[str]:
        """Return the questions that had no answer the last time, those that wait longest first."""
        found: list[str] = []

        def read(database: Database) -> None:
            found.extend(it for (it,) in database.execute("SELECT question FROM left_out ORDER BY place"))

        self._cache.use(read)
        return found

    def leave_out(self, asked: Iterable[str], unanswered: Iterable[str]) -> None:
        """Keep which of the questions that were asked had no answer, in the order of their turns."""

        def write(database: Database) -> None:
            with database:
                database.executemany("DELETE FROM left_out WHERE question = ?", [(it,) for it in asked])
                database.executemany(
                    "INSERT OR REPLACE INTO left_out VALUES (?, ?)",
                    [(it, place) for place, it in enumerate(unanswered)],
                )

        self._cache.use(write)


def _make_room(known: dict[Any, Any], limit: int) -> None:
    for key in list(known)[: max(len(known) - limit, 0)]:
        del known[key]
