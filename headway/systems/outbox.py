"""What is still to be told, on disk: a message that could not be delivered is delivered later, by whoever comes next.

Several processes share the file; each takes what it delivers for a minute, so that two never tell
the same. It can be lost: then what was not told stays untold, and Slack's own marks say what was.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from headway.domain.notices import Heard, Notice
from headway.systems.cache_file import CacheFile

CLAIM = 60.0
KEPT = 14 * 86_400.0
"""Seconds after which what could not be delivered is given up, and what was delivered is forgotten."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS notices (
  target TEXT NOT NULL, release TEXT NOT NULL, state TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1, told INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
  not_before REAL NOT NULL, claimed_until REAL NOT NULL DEFAULT 0, written REAL NOT NULL,
  error TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (target, release, state)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS due ON notices (told, not_before);
CREATE TABLE IF NOT EXISTS messages (
  target TEXT NOT NULL, release TEXT NOT NULL, part TEXT NOT NULL, mark TEXT NOT NULL, written REAL NOT NULL,
  PRIMARY KEY (target, release, part)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Parcel:
    """All that one target is still to be told of one release, the oldest first, with each one's version."""

    target: str
    release: str
    notices: tuple[tuple[Notice, int], ...]
    attempts: int


class Outbox:
    """The file. Safe to use from several threads and processes."""

    def __init__(self, file: Path) -> None:
        self._file = CacheFile(file, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def put(self, notice: Notice, heard: Iterable[Heard]) -> None:
        """Write down what is to be told. The same state again replaces what was to be told of it."""
        rows, now = list(heard), time.time()

        def write(database: sqlite3.Connection) -> None:
            with database:
                for each in rows:
                    database.execute(
                        "INSERT INTO notices (target, release, state, seq, body, not_before, written)"
                        " VALUES (?, ?, ?, (SELECT coalesce(max(seq), 0) + 1 FROM notices), ?, ?, ?)"
                        " ON CONFLICT (target, release, state) DO UPDATE SET"
                        " version = version + 1, told = 0, body = excluded.body, seq = excluded.seq,"
                        " not_before = max(not_before, excluded.not_before)"
                        " WHERE body <> excluded.body",
                        (
                            each.target,
                            notice.release,
                            notice.state,
                            notice.to_json(),
                            each.after.timestamp(),
                            now,
                        ),
                    )

        self._file.use(write)

    def take(self) -> Parcel | None:
        """Take what is due for one target and release, for a minute; None where nothing is."""
        now, found = time.time(), list[Parcel]()

        def read(database: sqlite3.Connection) -> None:
            database.execute("BEGIN IMMEDIATE")
            with database:
                row = database.execute(
                    "SELECT target, release FROM notices AS n WHERE told = 0 AND not_before <= ? AND NOT EXISTS"
                    " (SELECT 1 FROM notices AS o WHERE o.target = n.target AND o.release = n.release"
                    "  AND o.told = 0 AND (o.claimed_until > ? OR o.not_before > ?)) ORDER BY seq LIMIT 1",
                    (now, now, now),
                ).fetchone()
                if row is None:
                    return
                rows = database.execute(
                    "SELECT body, version, attempts FROM notices WHERE target = ? AND release = ? AND told = 0"
                    " ORDER BY seq",
                    row,
                ).fetchall()
                database.execute(
                    "UPDATE notices SET claimed_until = ?, attempts = attempts + 1"
                    " WHERE target = ? AND release = ? AND told = 0",
                    (now + CLAIM, *row),
                )
                notices = tuple((Notice.from_json(body), version) for body, version, _ in rows)
                attempts = max(it for _, _, it in rows)
                found.append(Parcel(str(row[0]), str(row[1]), notices, attempts))

        self._file.use(read)
        return found[0] if found else None

    def next_due(self) -> float | None:
        """Give the seconds until something is to be told; None where nothing is."""
        found: list[float | None] = []
        question = "SELECT min(max(not_before, claimed_until)) FROM notices WHERE told = 0"
        self._file.use(lambda database: found.extend(row[0] for row in database.execute(question)))
        return max(0.0, found[0] - time.time()) + 0.01 if found and found[0] is not None else None

    def told(self, parcel: Parcel) -> None:
        """Note that a parcel was delivered; what changed meanwhile stays to be told."""

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany(
                    "UPDATE notices SET claimed_until = 0, told = (version = ?), error = ''"
                    " WHERE target = ? AND release = ? AND state = ?",
                    [(version, parcel.target, it.release, it.state) for it, version in parcel.notices],
                )
                for table in ("notices", "messages"):
                    database.execute(f"DELETE FROM {table} WHERE written < ?", (time.time() - KEPT,))

        self._file.use(write)

    def later(self, parcel: Parcel, seconds: float, error: str) -> None:
        """Put a parcel back for later, with the reason."""

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.execute(
                    "UPDATE notices SET claimed_until = 0, not_before = ?, error = ?"
                    " WHERE target = ? AND release = ? AND told = 0",
                    (time.time() + seconds, error, parcel.target, parcel.release),
                )

        self._file.use(write)

    def last(self, release: str) -> Notice | None:
        """Give what was last to be told of a release, if anything is known of it."""
        found: list[str] = []

        def read(database: sqlite3.Connection) -> None:
            rows = database.execute(
                "SELECT body FROM notices WHERE release = ? ORDER BY seq DESC LIMIT 1", (release,)
            )
            found.extend(body for (body,) in rows)

        self._file.use(read)
        return Notice.from_json(found[0]) if found else None

    def waiting(self) -> list[tuple[str, str, str]]:
        """List what is not told yet: target, release and why."""
        found: list[tuple[str, str, str]] = []
        self._file.use(
            lambda database: found.extend(
                database.execute("SELECT target, release, error FROM notices WHERE told = 0 ORDER BY seq")
            )
        )
        return found

    def mark(self, target: str, release: str, part: str) -> str:
        """Give the mark of a message that was posted; empty where none is known."""
        found: list[str] = []
        question = "SELECT mark FROM messages WHERE target = ? AND release = ? AND part = ?"
        self._file.use(
            lambda database: found.extend(
                mark for (mark,) in database.execute(question, (target, release, part))
            )
        )
        return found[0] if found else ""

    def set_mark(self, target: str, release: str, part: str, mark: str) -> None:
        """Remember the mark of a message that was posted."""

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.execute(
                    "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?)",
                    (target, release, part, mark, time.time()),
                )

        self._file.use(write)
