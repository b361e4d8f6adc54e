"""Remembers what was read from manifests, by the hash of their content, in memory and on disk.

A parse is a function of a file's bytes and of the fields that headway.yaml names, so nothing
here can be out of date; it can be lost, and a damaged file is thrown away. It never keeps
anything from being read again: without a usable disk it only remembers less. A file with a
Secret's values in it is remembered in memory alone.
"""

from __future__ import annotations

import contextlib
import gc
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from headway.domain.manifests import index as manifests
from headway.domain.manifests.image_fields import KNOWN, ImageFields
from headway.domain.manifests.index import FileIndex, index_file
from headway.systems.machine.sqlite_file import CacheFile, Database, batches, make_room, today

IN_MEMORY = 20_000
ON_DISK = 100_000
"""Rows that are kept, the most recently used; about 2 kB each."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS file_index (
  sha TEXT NOT NULL, format INTEGER NOT NULL, used INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (sha, format)
) WITHOUT ROWID;
"""
_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)
"""Values that were read from text hold no circle: an alias that names what it stands in is a problem."""
_WITH_SECRETS = 1
"""The last format that kept Secrets' values; such rows are wiped out."""


class IndexCache:
    """The indexes of manifests by the SHA-1 of their Git blobs; several processes may share one file.

    What was read by a headway.yaml that names fields of its own is kept by those besides.
    """

    def __init__(self, file: Path, *, in_memory: int = IN_MEMORY, on_disk: int = ON_DISK) -> None:
        self._cache = CacheFile(file, _SCHEMA, clean=_wipe_secrets)
        self._limits = (in_memory, on_disk)
        self._known: OrderedDict[str, FileIndex] = OrderedDict()
        self._placed: OrderedDict[tuple[str, str], FileIndex] = OrderedDict()
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the file; what is in memory stays."""
        self._cache.close()

    def indexes(
        self,
        files: Mapping[str, str],
        read_many: Callable[[Sequence[str]], Iterator[bytes]],
        fields: ImageFields = KNOWN,
    ) -> list[FileIndex]:
        """Index files (path → SHA-1), in their order; `read_many` is asked for unknown contents only, in one go.

        `fields` are those that say images: what was read by others is read again.
        """
        with self._lock:
            keys = {path: _key(sha, fields) for path, sha in files.items()}
            unknown = {keys[path]: sha for path, sha in files.items() if keys[path] not in self._known}
            if unknown:
                self._learn(unknown, read_many, fields)
            indexes = [self._at(path, key) for path, key in keys.items()]
            _trim(self._known, max(self._limits[0], len(files)))
            _trim(self._placed, max(self._limits[0], len(files)))
        return indexes

    def _at(self, path: str, key: str) -> FileIndex:
        place = (path, key)
        found = self._placed.get(place)
        if found is None:
            found = self._placed[place] = self._known[key].at(path)
        else:
            self._placed.move_to_end(place)
        return found

    def _learn(
        self,
        unknown: Mapping[str, str],
        read_many: Callable[[Sequence[str]], Iterator[bytes]],
        fields: ImageFields,
    ) -> None:
        with _without_collector():
            self._known.update(self._load(list(unknown)))
            missing = [key for key in unknown if key not in self._known]
            contents = read_many([unknown[key] for key in missing])
            fresh = {key: index_file(data, fields) for key, data in zip(missing, contents, strict=True)}
        self._known.update(fresh)
        if fresh:
            self._store(fresh)

    # --- the file ---

    def _load(self, keys: list[str]) -> dict[str, FileIndex]:
        found: dict[str, FileIndex] = {}

        def load(database: Database) -> None:
            day, stale = today(), []
            for some in batches(keys):
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
                    if used < day:
                        stale.append((day, sha, manifests.FORMAT))
            if stale:
                with database:
                    database.executemany("UPDATE file_index SET used = ? WHERE sha = ? AND format = ?", stale)

        self._cache.use(load)
        return found

    def _store(self, fresh: Mapping[str, FileIndex]) -> None:
        day = today()
        rows = [
            (
                sha,
                manifests.FORMAT,
                day,
                _ENCODER.encode(index.to_json()).encode(),
            )
            for sha, index in fresh.items()
            if not index.secret
        ]

        def store(database: Database) -> None:
            with database:
                database.executemany("INSERT OR REPLACE INTO file_index VALUES (?, ?, ?, ?)", rows)
                make_room(database, "file_index", "sha, format", self._limits[1])

        self._cache.use(store)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Let Python's collector of circles rest: thousands of values are made, which hold none, and all are kept."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _key(sha: str, fields: ImageFields) -> str:
    return f"{sha} {fields.key}" if fields.key else sha


def _wipe_secrets(database: Database) -> None:
    """Remove what an older headway kept, from the file's free pages and its log too."""
    if database.execute("SELECT 1 FROM file_index WHERE format <= ? LIMIT 1", [_WITH_SECRETS]).fetchone():
        database.execute("PRAGMA secure_delete = ON")
        with database:
            database.execute("DELETE FROM file_index WHERE format <= ?", [_WITH_SECRETS])
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _trim(kept: OrderedDict[Any, Any], size: int) -> None:
    while len(kept) > size:
        kept.popitem(last=False)
