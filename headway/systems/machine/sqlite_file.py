"""A SQLite file that several processes share and that may be lost at any time.

A damaged one is thrown away and made again. It never keeps anything from being done:
where the disk is not usable it says so, and the caller goes on without it. Nobody but its user may
read it: what is in it is other people's manifests, messages and addresses.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from headway.systems.machine.state_folder import private_folder

Database = sqlite3.Connection
"""An open database, as it is handed to who uses it."""
BATCH = 500
"""How many values one question names."""

_DAY = 86_400
_log = logging.getLogger("headway.cache")


class CacheFile:
    """One file with a schema; `clean` is run on it whenever it is opened. Safe to use from several threads."""

    def __init__(
        self,
        file: Path,
        schema: str,
        clean: Callable[[sqlite3.Connection], None] = lambda database: None,
    ) -> None:
        self._file, self._schema, self._clean = file, schema, clean
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None
        self._usable = True

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            database, self._database = self._database, None
            if database is not None:
                with contextlib.suppress(sqlite3.Error):
                    database.close()

    def use(self, work: Callable[[sqlite3.Connection], None]) -> bool:
        """Do something with the database; return False where it could not be done."""
        with self._lock:
            for attempt in (1, 2):
                if not self._usable:
                    return False
                try:
                    work(self._open())
                    return True
                except sqlite3.OperationalError as error:
                    # Locked for too long, read-only, disk full: go on without it.
                    _log.info("%s is not usable: %s", self._file.name, error)
                    self.close()
                    self._usable = "locked" in str(error)
                    return False
                except sqlite3.DatabaseError as error:
                    _log.warning("%s was damaged (%s) and is made again", self._file.name, error)
                    self.close()
                    self._usable = attempt == 1
                    for suffix in ("", "-wal", "-shm"):
                        with contextlib.suppress(OSError):
                            Path(f"{self._file}{suffix}").unlink()
        return False

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            try:
                private_folder(self._file.parent)
                _make_private(self._file)
            except OSError as error:
                raise sqlite3.OperationalError(str(error)) from None
            self._database = sqlite3.connect(self._file, timeout=5, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(self._schema)
            self._clean(self._database)
        return self._database


def _make_private(file: Path) -> None:
    """Make a file that its owner alone may read; the log beside it is made by SQLite with the same rights."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    for each in (file, *(Path(f"{file}{suffix}") for suffix in ("-wal", "-shm"))):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if each.stat().st_mode & 0o077:
                each.chmod(0o600)


def today() -> int:
    """Return the day, for when a row was used last: counted so, a row is written once a day at most."""
    return int(time.time()) // _DAY


def make_room(database: sqlite3.Connection, table: str, key: str, limit: int) -> None:
    """Remove the rows that were not used for the longest time where a table has more than `limit`."""
    (count,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    if count > limit:
        # A tenth more than must go, so that not every write has to make room.
        surplus = count - limit + limit // 10
        database.execute(
            f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} ORDER BY used LIMIT ?)",
            [surplus],
        )


def batches(items: list[str]) -> Iterator[list[str]]:
    """Cut a list into questions of a bearable length."""
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
