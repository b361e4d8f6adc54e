"""Remembers what registries said that cannot change: facts of digests, and digests of tags that stay.

A file that several processes share. It can be lost, and a damaged one is made again: then
the same questions are asked once more. Without a usable disk it only remembers less.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from headway.domain.facts import ImageFacts, from_json, to_json

ON_DISK = 200_000
"""Rows of each kind that are kept, the most recently used."""
BATCH = 500

_DAY = 86_400
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (
  digest TEXT PRIMARY KEY, first_seen INTEGER NOT NULL, used INTEGER NOT NULL, data TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tags (
  repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, used INTEGER NOT NULL,
  PRIMARY KEY (repository, tag)
) WITHOUT ROWID;
"""
_log = logging.getLogger("headway.facts")


class FactStore:
    """Facts by digest, and digests by repository and tag. Safe to use from several threads and processes."""

    def __init__(self, file: Path, *, on_disk: int = ON_DISK) -> None:
        self._file = file
        self._limit = on_disk
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None
        self._usable = True
        # What could not be written is known for as long as this process lives.
        self._facts: dict[str, ImageFacts] = {}
        self._tags: dict[tuple[str, str], str] = {}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            database, self._database = self._database, None
            if database is not None:
                with contextlib.suppress(sqlite3.Error):
                    database.close()

    def facts(self, digests: Iterable[str]) -> dict[str, ImageFacts]:
        """Give the facts that are known of digests."""
        wanted = list(dict.fromkeys(digests))
        found = {it: self._facts[it] for it in wanted if it in self._facts}

        def read(database: sqlite3.Connection) -> None:
            today, stale = int(time.time()) // _DAY, []
            for some in _batches([it for it in wanted if it not in found]):
                marks = ",".join("?" * len(some))
                rows = database.execute(
                    f"SELECT digest, first_seen, used, data FROM facts WHERE digest IN ({marks})", some
                )
                for digest, first_seen, used, data in rows:
                    with contextlib.suppress(ValueError, TypeError):
                        found[digest] = from_json(digest, data, datetime.fromtimestamp(first_seen, UTC))
                        if used < today:
                            stale.append((today, digest))
            if stale:
                with database:
                    database.executemany("UPDATE facts SET used = ? WHERE digest = ?", stale)

        self._with_database(read)
        return found

    def digests(self, repository: str, tags: Iterable[str]) -> dict[str, str]:
        """Give the digests that are known of a repository's tags."""
        wanted = list(dict.fromkeys(tags))
        found = {it: self._tags[repository, it] for it in wanted if (repository, it) in self._tags}

        def read(database: sqlite3.Connection) -> None:
            today, stale = int(time.time()) // _DAY, []
            for some in _batches([it for it in wanted if it not in found]):
                marks = ",".join("?" * len(some))
                rows = database.execute(
                    f"SELECT tag, digest, used FROM tags WHERE repository = ? AND tag IN ({marks})",
                    [repository, *some],
                )
                for tag, digest, used in rows:
                    found[tag] = digest
                    if used < today:
                        stale.append((today, repository, tag))
            if stale:
                with database:
                    database.executemany("UPDATE tags SET used = ? WHERE repository = ? AND tag = ?", stale)

        self._with_database(read)
        return found

    def remember(
        self, facts: Iterable[ImageFacts] = (), tags: Mapping[tuple[str, str], str] | None = None
    ) -> None:
        """Keep facts, and digests of (repository, tag). When a digest was first seen is never changed."""
        today, now = int(time.time()) // _DAY, int(time.time())
        new, named = list(facts), dict(tags or {})
        if not (new or named):
            return

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany(
                    "INSERT OR IGNORE INTO facts VALUES (?, ?, ?, ?)",
                    [(it.digest, now, today, to_json(it)) for it in new],
                )
                database.executemany(
                    "INSERT OR REPLACE INTO tags VALUES (?, ?, ?, ?)",
                    [(repository, tag, digest, today) for (repository, tag), digest in named.items()],
                )
                self._make_room(database, "facts", "digest")
                self._make_room(database, "tags", "repository, tag")

        if not self._with_database(write):
            self._facts.update((it.digest, it) for it in new)
            self._tags.update(named)

    def forget(self, repository: str, tag: str) -> None:
        """Trust a tag's digest no longer."""
        self._tags.pop((repository, tag), None)

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.execute("DELETE FROM tags WHERE repository = ? AND tag = ?", (repository, tag))

        self._with_database(write)

    def _make_room(self, database: sqlite3.Connection, table: str, key: str) -> None:
        (count,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
        if count > self._limit:
            # A tenth more than must go, so that not every write has to make room.
            database.execute(
                f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} ORDER BY used LIMIT ?)",
                [count - self._limit + self._limit // 10],
            )

    def _with_database(self, work: Callable[[sqlite3.Connection], None]) -> bool:
        with self._lock:
            for attempt in (1, 2):
                if not self._usable:
                    return False
                try:
                    work(self._open())
                    return True
                except sqlite3.OperationalError as error:
                    # Locked for too long, read-only, disk full: go on without it.
                    _log.info("the store of facts is not usable: %s", error)
                    self.close()
                    self._usable = "locked" in str(error)
                    return False
                except sqlite3.DatabaseError as error:
                    _log.warning("the store %s was damaged (%s) and is made again", self._file.name, error)
                    self.close()
                    self._usable = attempt == 1
                    for suffix in ("", "-wal", "-shm"):
                        with contextlib.suppress(OSError):
                            Path(f"{self._file}{suffix}").unlink()
        return False

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise sqlite3.OperationalError(str(error)) from None
            self._database = sqlite3.connect(self._file, timeout=5, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_SCHEMA)
        return self._database


def _batches(items: list[str]) -> Iterator[list[str]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
