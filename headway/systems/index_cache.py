"""Remembers what was read from manifests, by the hash of their content, in memory and on disk.

A parse is a function of a file's bytes, so nothing here can be out of date; it can be
lost, and a damaged file is thrown away. It never keeps anything from being read anew:
without a usable disk it only remembers less.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from headway.domain import manifests
from headway.domain.manifests import FileIndex, index_file

IN_MEMORY = 20_000
ON_DISK = 100_000
"""Rows that are kept, the most recently used; about 2 kB each."""
BATCH = 500

_DAY = 86_400
_SCHEMA = """
CREATE TABLE IF NOT EXISTS file_index (
  sha TEXT NOT NULL, format INTEGER NOT NULL, used INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (sha, format)
) WITHOUT ROWID
"""
_log = logging.getLogger("headway.index_cache")


class IndexCache:
    """The indexes of manifests by the SHA-1 of their Git blobs; several processes may share one file."""

    def __init__(self, file: Path, *, in_memory: int = IN_MEMORY, on_disk: int = ON_DISK) -> None:
        self._file = file
        self._limits = (in_memory, on_disk)
        self._known: OrderedDict[str, FileIndex] = OrderedDict()
        self._placed: OrderedDict[tuple[str, str], FileIndex] = OrderedDict()
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None
        self._usable = True

    def close(self) -> None:
        """Close the file; what is in memory stays."""
        with self._lock:
            database, self._database = self._database, None
            if database is not None:
                with contextlib.suppress(sqlite3.Error):
                    database.close()

    def indexes(
        self, files: Mapping[str, str], read_many: Callable[[Sequence[str]], Iterator[bytes]]
    ) -> list[FileIndex]:
        """Index files (path → SHA-1), in their order; `read_many` is asked for unknown contents only, in one go."""
        with self._lock:
            unknown = list(dict.fromkeys(sha for sha in files.values() if sha not in self._known))
            if unknown:
                self._learn(unknown, read_many)
            indexes = [self._at(path, sha) for path, sha in files.items()]
            _trim(self._known, max(self._limits[0], len(files)))
            _trim(self._placed, max(self._limits[0], len(files)))
        return indexes

    def _at(self, path: str, sha: str) -> FileIndex:
        key = (path, sha)
        found = self._placed.get(key)
        if found is None:
            found = self._placed[key] = self._known[sha].at(path)
        else:
            self._placed.move_to_end(key)
        return found

    def _learn(self, unknown: list[str], read_many: Callable[[Sequence[str]], Iterator[bytes]]) -> None:
        self._known.update(self._load(unknown))
        missing = [sha for sha in unknown if sha not in self._known]
        fresh = {sha: index_file(data) for sha, data in zip(missing, read_many(missing), strict=True)}
        self._known.update(fresh)
        if fresh:
            self._store(fresh)

    # --- the file ---

    def _load(self, shas: list[str]) -> dict[str, FileIndex]:
        found: dict[str, FileIndex] = {}

        def load(database: sqlite3.Connection) -> None:
            today, stale = int(time.time()) // _DAY, []
            for some in _batches(shas):
                marks = ",".join("?" * len(some))
                rows = database.execute(
                    f"SELECT sha, used, data FROM file_index WHERE format = ? AND sha IN ({marks})",
                    [manifests.FORMAT, *some],
                )
                for sha, used, data in rows:
                    try:
                        found[sha] = FileIndex.from_json(json.loads(data))
                    except (ValueError, TypeError, LookupError):
                        continue
                    if used < today:
                        stale.append((today, sha, manifests.FORMAT))
            if stale:
                with database:
                    database.executemany("UPDATE file_index SET used = ? WHERE sha = ? AND format = ?", stale)

        self._with_database(load)
        return found

    def _store(self, fresh: Mapping[str, FileIndex]) -> None:
        today = int(time.time()) // _DAY
        rows = [
            (
                sha,
                manifests.FORMAT,
                today,
                json.dumps(index.to_json(), separators=(",", ":"), default=str).encode(),
            )
            for sha, index in fresh.items()
        ]

        def store(database: sqlite3.Connection) -> None:
            with database:
                database.executemany("INSERT OR REPLACE INTO file_index VALUES (?, ?, ?, ?)", rows)
                (count,) = database.execute("SELECT count(*) FROM file_index").fetchone()
                if count > self._limits[1]:
                    # A tenth more than must go, so that not every store has to make room.
                    surplus = count - self._limits[1] + self._limits[1] // 10
                    database.execute(
                        "DELETE FROM file_index WHERE (sha, format) IN "
                        "(SELECT sha, format FROM file_index ORDER BY used LIMIT ?)",
                        [surplus],
                    )

        self._with_database(store)

    def _with_database(self, work: Callable[[sqlite3.Connection], None]) -> None:
        if not self._usable:
            return
        for attempt in (1, 2):
            try:
                work(self._open())
                return
            except sqlite3.OperationalError as error:
                # Locked for too long, read-only, disk full: go on without it.
                _log.info("the index cache is not usable: %s", error)
                self.close()
                self._usable = "locked" in str(error)
                return
            except sqlite3.DatabaseError as error:
                _log.warning("the index cache %s was damaged (%s) and is made again", self._file.name, error)
                self.close()
                self._usable = attempt == 1
                for suffix in ("", "-wal", "-shm"):
                    with contextlib.suppress(OSError):
                        Path(f"{self._file}{suffix}").unlink()

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise sqlite3.OperationalError(str(error)) from None
            self._database = sqlite3.connect(self._file, timeout=5, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(_SCHEMA)
        return self._database


def _batches(items: list[str]) -> Iterable[list[str]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _trim(kept: OrderedDict, size: int) -> None:
    while len(kept) > size:
        kept.popitem(last=False)
