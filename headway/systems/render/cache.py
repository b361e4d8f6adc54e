"""Remembers renderings by what they follow from, in memory and on disk; a failed one in memory alone.

A rendering is a function of its sources and the tools' versions, so nothing here can be out of date. One with a
Secret's values in it is never written to disk.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from pathlib import Path

from headway.errors import Problem
from headway.systems.machine.sqlite_file import CacheFile, Database, make_room, today

IN_MEMORY = 2_000
ON_DISK = 10_000
FORMAT = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rendering (
  key TEXT NOT NULL, format INTEGER NOT NULL, used INTEGER NOT NULL, raw BLOB NOT NULL, PRIMARY KEY (key, format)
) WITHOUT ROWID;
"""


class RenderingCache:
    """What tools wrote, by the key of what they read; several processes may share one file."""

    def __init__(self, file: Path, *, in_memory: int = IN_MEMORY, on_disk: int = ON_DISK) -> None:
        self._cache = CacheFile(file, _SCHEMA)
        self._limits = (in_memory, on_disk)
        self._known: OrderedDict[str, bytes | tuple[Problem, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file; what is in memory stays."""
        self._cache.close()

    def find(self, key: str) -> bytes | tuple[Problem, ...] | None:
        """Return what was written for a key, or what was wrong; None where it was never rendered."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        found = self._load(key)
        if found is not None:
            self._keep(key, found)
        return found

    def put(self, key: str, found: bytes | tuple[Problem, ...], *, secret: bool) -> None:
        """Remember a rendering, or why there is none."""
        self._keep(key, found)
        if secret or not isinstance(found, bytes):
            return
        packed = zlib.compress(found, 1)

        def store(database: Database) -> None:
            with database:
                row = (key, FORMAT, today(), packed)
                database.execute("INSERT OR REPLACE INTO rendering VALUES (?, ?, ?, ?)", row)
                make_room(database, "rendering", "key, format", self._limits[1])

        self._cache.use(store)

    def _load(self, key: str) -> bytes | None:
        found: list[bytes] = []

        def load(database: Database) -> None:
            ask = "SELECT used, raw FROM rendering WHERE key = ? AND format = ?"
            for used, packed in database.execute(ask, [key, FORMAT]).fetchall():
                try:
                    found.append(zlib.decompress(packed))
                except zlib.error:
                    continue
                if used < today():
                    with database:
                        database.execute("UPDATE rendering SET used = ? WHERE key = ?", [today(), key])

        self._cache.use(load)
        return found[0] if found else None

    def _keep(self, key: str, found: bytes | tuple[Problem, ...]) -> None:
        with self._lock:
            self._known[key] = found
            self._known.move_to_end(key)
            while len(self._known) > self._limits[0]:
                self._known.popitem(last=False)
