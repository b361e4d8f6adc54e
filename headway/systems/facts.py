"""Remembers what registries said that cannot change: facts of digests, and digests of tags that stay.

A file that several processes share. It can be lost, and a damaged one is made again: then
the same questions are asked once more. Without a usable disk it only remembers less.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from headway.domain.facts import ImageFacts, from_json, to_json
from headway.systems.cache_file import CacheFile, batches, make_room, today

ON_DISK = 200_000
"""Rows of each kind that are kept, the most recently used."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (
  digest TEXT PRIMARY KEY, first_seen INTEGER NOT NULL, used INTEGER NOT NULL, data TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tags (
  repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, used INTEGER NOT NULL,
  PRIMARY KEY (repository, tag)
) WITHOUT ROWID;
"""


class FactStore:
    """Facts by digest, and digests by repository and tag. Safe to use from several threads and processes."""

    def __init__(self, file: Path, *, on_disk: int = ON_DISK) -> None:
        self._cache = CacheFile(file, _SCHEMA)
        self._limit = on_disk
        # What could not be written is known for as long as this process lives.
        self._facts: dict[str, ImageFacts] = {}
        self._tags: dict[tuple[str, str], str] = {}

    def close(self) -> None:
        """Close the file."""
        self._cache.close()

    def facts(self, digests: Iterable[str]) -> dict[str, ImageFacts]:
        """Give the facts that are known of digests."""
        wanted = list(dict.fromkeys(digests))
        found = {it: self._facts[it] for it in wanted if it in self._facts}

        def read(database: sqlite3.Connection) -> None:
            day, stale = today(), []
            for some in batches([it for it in wanted if it not in found]):
                marks = ",".join("?" * len(some))
                rows = database.execute(
                    f"SELECT digest, first_seen, used, data FROM facts WHERE digest IN ({marks})", some
                )
                for digest, first_seen, used, data in rows:
                    with contextlib.suppress(ValueError, TypeError):
                        found[digest] = from_json(digest, data, datetime.fromtimestamp(first_seen, UTC))
                        if used < day:
                            stale.append((day, digest))
            if stale:
                with database:
                    database.executemany("UPDATE facts SET used = ? WHERE digest = ?", stale)

        self._cache.use(read)
        return found

    def digests(self, repository: str, tags: Iterable[str]) -> dict[str, str]:
        """Give the digests that are known of a repository's tags."""
        wanted = list(dict.fromkeys(tags))
        found = {it: self._tags[repository, it] for it in wanted if (repository, it) in self._tags}

        def read(database: sqlite3.Connection) -> None:
            day, stale = today(), []
            for some in batches([it for it in wanted if it not in found]):
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

    def remember(
        self, facts: Iterable[ImageFacts] = (), tags: Mapping[tuple[str, str], str] | None = None
    ) -> None:
        """Keep facts, and digests of (repository, tag). When a digest was first seen is never changed."""
        day, now = today(), int(time.time())
        new, named = list(facts), dict(tags or {})
        if not (new or named):
            return

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany(
                    "INSERT OR IGNORE INTO facts VALUES (?, ?, ?, ?)",
                    [(it.digest, now, day, to_json(it)) for it in new],
                )
                database.executemany(
                    "INSERT OR REPLACE INTO tags VALUES (?, ?, ?, ?)",
                    [(repository, tag, digest, day) for (repository, tag), digest in named.items()],
                )
                make_room(database, "facts", "digest", self._limit)
                make_room(database, "tags", "repository, tag", self._limit)

        if not self._cache.use(write):
            self._facts.update((it.digest, it) for it in new)
            self._tags.update(named)

    def forget(self, repository: str, tag: str) -> None:
        """Trust a tag's digest no longer."""
        self._tags.pop((repository, tag), None)

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.execute("DELETE FROM tags WHERE repository = ? AND tag = ?", (repository, tag))

        self._cache.use(write)
