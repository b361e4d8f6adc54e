"""Notices that are not delivered yet, on disk: what could not be delivered is delivered later, by whoever comes next.

Several processes share the file; each takes what it delivers for a minute, so that two never deliver
the same. It can be lost: then what was not delivered never is, but for what Slack's own marks and
the config repo's notes put right.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from headway.domain.notifications.notices import IN_PLACE, SETTLED, UNDER_WAY, Notice, Recipient
from headway.errors import FailedError
from headway.systems.machine.sqlite_file import CacheFile, Database

CLAIM = 60.0
KEPT = 14 * 86_400.0
"""Seconds after which what could not be delivered is given up, and what was delivered is forgotten."""
EVERYBODY = "prefect:events"
"""The target of events that are sent once to whoever listens, and never delivered again."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS notices (
  target TEXT NOT NULL, release TEXT NOT NULL, state TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1, told INTEGER NOT NULL DEFAULT 0,
  not_before REAL NOT NULL, written REAL NOT NULL,
  PRIMARY KEY (target, release, state)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS due ON notices (told, not_before);
CREATE INDEX IF NOT EXISTS of_release ON notices (release);
CREATE TABLE IF NOT EXISTS held (
  target TEXT NOT NULL, release TEXT NOT NULL, until REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (target, release)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
  target TEXT NOT NULL, release TEXT NOT NULL, part TEXT NOT NULL, mark TEXT NOT NULL, written REAL NOT NULL,
  PRIMARY KEY (target, release, part)
) WITHOUT ROWID;
"""
# What is held, because it is being delivered or is to be tried later, is one release's of one target, or all of a
# target, which has no release. Quiet hours are no such thing: they are each notice's own `not_before`.
_WAITING = """
(SELECT target, release, min(not_before) AS due, min(seq) AS first,
        max(CASE WHEN not_before <= :now THEN seq END) AS upto
 FROM notices WHERE told = 0 GROUP BY target, release) AS n
LEFT JOIN held AS h ON h.target = n.target AND h.release = n.release
LEFT JOIN held AS t ON t.target = n.target AND t.release = ''
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The notices of one release that are due for one target, the oldest first, with each one's version."""

    target: str
    release: str
    notices: tuple[tuple[Notice, int], ...]
    attempts: int

    @property
    def newest(self) -> Notice:
        """Return what was written down last."""
        return self.notices[-1][0]


class Outbox:
    """The file. Safe to use from several threads and processes."""

    def __init__(self, file: Path) -> None:
        self._file = CacheFile(file, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def put(self, notice: Notice, recipients: Iterable[Recipient]) -> None:
        """Write a notice down for its recipients, unless it is no news; raise FailedError where the disk takes nothing.

        The same state with other words replaces the notice that there was of it.
        """
        rows = list(recipients)

        def write(database: Database) -> None:
            database.execute("BEGIN IMMEDIATE")
            with database:
                for each in rows:
                    own = replace(notice, buttons=each.buttons)
                    _put(database, each.target, own, each.after.timestamp())
                _forget_old(database)

        if not self._file.use(write):
            raise FailedError("a notice could not be written down", hint="see whether the disk is full")

    def first(self, notice: Notice) -> bool:
        """Note that an event is sent to everybody who listens; return False where the same was sent before."""
        found: list[bool] = []

        def write(database: Database) -> None:
            database.execute("BEGIN IMMEDIATE")
            with database:
                found.append(_put(database, EVERYBODY, notice, 0.0, told=1))

        return not self._file.use(write) or found[0]

    def supersede_buttons(self, notice: Notice) -> None:
        """Write down that the messages of an environment's earlier releases have no buttons any more."""

        def write(database: Database) -> None:
            database.execute("BEGIN IMMEDIATE")
            with database:
                rows = database.execute(
                    "SELECT target, body FROM notices AS n WHERE release <> ? AND body LIKE '%\"buttons\": true%' AND"
                    " seq = (SELECT max(seq) FROM notices WHERE target = n.target AND release = n.release)",
                    (notice.release,),
                ).fetchall()
                for target, body in rows:
                    last = Notice.from_json(body)
                    if (last.app, last.environment) == (notice.app, notice.environment) and last.commit:
                        _put(database, target, last.without_buttons(notice.at), time.time())

        self._file.use(write)

    def take(self) -> Delivery | None:
        """Take what is due for one target and release, for a minute; None where nothing is.

        What is due takes along what came before it, so that a failure at night shows the whole release.
        """
        now, found = time.time(), list[Delivery]()

        def read(database: Database) -> None:
            database.execute("BEGIN IMMEDIATE")
            with database:
                row = database.execute(
                    "SELECT n.target, n.release, n.upto, coalesce(h.attempts, 0) AS attempts"
                    f" FROM {_WAITING} WHERE n.due <= :now AND coalesce(h.until, 0) <= :now"
                    # What was never tried goes first: no delivery that is refused again and again keeps others back.
                    " AND coalesce(t.until, 0) <= :now ORDER BY attempts, n.first LIMIT 1",
                    {"now": now},
                ).fetchone()
                if row is None:
                    return
                target, release, upto, attempts = row
                rows = database.execute(
                    "SELECT body, version FROM notices WHERE target = ? AND release = ? AND told = 0 AND seq <= ?"
                    " ORDER BY seq",
                    (target, release, upto),
                ).fetchall()
                _hold(database, target, release, now + CLAIM, 1, "")
                notices = tuple((Notice.from_json(body), version) for body, version in rows)
                found.append(Delivery(str(target), str(release), notices, attempts))

        self._file.use(read)
        return found[0] if found else None

    def next_due(self) -> float | None:
        """Return the seconds until `take` returns something; None where nothing waits."""
        now, found = time.time(), list[float | None]()
        question = f"SELECT min(max(n.due, coalesce(h.until, 0), coalesce(t.until, 0))) FROM {_WAITING}"
        self._file.use(
            lambda database: found.extend(row[0] for row in database.execute(question, {"now": now}))
        )
        return max(0.0, found[0] - now) + 0.01 if found and found[0] is not None else None

    def delivered_one(self, delivery: Delivery, notice: Notice, version: int) -> None:
        """Note that one notice of a delivery got through, and keep the delivery for another minute."""

        def write(database: Database) -> None:
            with database:
                _mark_delivered(database, delivery, [(notice, version)])
                _hold(database, delivery.target, delivery.release, time.time() + CLAIM, 0, "")

        self._file.use(write)

    def delivered(self, delivery: Delivery) -> None:
        """Note that a delivery got through; what changed meanwhile stays to be delivered.

        Now that the target takes something again, what was put off for it is due.
        """

        def write(database: Database) -> None:
            with database:
                _mark_delivered(database, delivery, delivery.notices)
                database.execute(
                    "DELETE FROM held WHERE target = ? AND release IN (?, '')",
                    (delivery.target, delivery.release),
                )
                database.execute(
                    "UPDATE held SET until = 0 WHERE target = ? AND error <> ''", (delivery.target,)
                )
                _forget_old(database)

        self._file.use(write)

    def later(self, delivery: Delivery, seconds: float, error: str, *, target_for: float = 0.0) -> None:
        """Put a delivery off, with the error; send its target nothing at all for `target_for` seconds."""

        def write(database: Database) -> None:
            with database:
                now = time.time()
                _hold(database, delivery.target, delivery.release, now + seconds, 0, error)
                if target_for:
                    _hold(database, delivery.target, "", now + target_for, 0, error)

        self._file.use(write)

    def last(self, release: str) -> Notice | None:
        """Return the last notice of a release, if there was any."""
        found: list[str] = []

        def read(database: Database) -> None:
            rows = database.execute(
                "SELECT body FROM notices WHERE release = ? ORDER BY seq DESC LIMIT 1", (release,)
            )
            found.extend(body for (body,) in rows)

        self._file.use(read)
        return Notice.from_json(found[0]) if found else None

    def knows(self, release: str, state: str) -> bool:
        """Return whether anybody was to be notified of a state of a release."""
        found: list[tuple[int]] = []
        question = "SELECT 1 FROM notices WHERE release = ? AND state = ? LIMIT 1"
        self._file.use(lambda database: found.extend(database.execute(question, (release, state))))
        return bool(found)

    def waiting(self) -> list[tuple[str, str, str]]:
        """Return what is not delivered yet: target, release and why."""
        now, found = time.time(), list[tuple[str, str, str]]()
        why = "coalesce(nullif(h.error, ''), t.error, '')"
        question = f"SELECT n.target, n.release, {why} FROM {_WAITING} ORDER BY n.first"
        self._file.use(lambda database: found.extend(database.execute(question, {"now": now})))
        return found

    def mark(self, target: str, release: str, part: str) -> str:
        """Return the mark of a message that was posted; empty where none is known."""
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

        def write(database: Database) -> None:
            with database:
                database.execute(
                    "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?)",
                    (target, release, part, mark, time.time()),
                )

        self._file.use(write)

    def forget_marks(self, target: str, release: str) -> None:
        """Forget the marks of a release's messages, which are gone."""

        def write(database: Database) -> None:
            with database:
                database.execute("DELETE FROM messages WHERE target = ? AND release = ?", (target, release))

        self._file.use(write)


def _put(database: Database, target: str, notice: Notice, after: float, *, told: int = 0) -> bool:
    """Write a notice down for one target; return False where it is no news."""
    rows = database.execute(
        "SELECT body, seq FROM notices WHERE target = ? AND release = ?", (target, notice.release)
    )
    known = [Notice.from_json(body) for body, _ in sorted(rows, key=lambda it: it[1])]
    if notice.state in UNDER_WAY and any(it.state in SETTLED for it in known):
        return False
    same = next((it for it in known if it.state == notice.state), None)
    if same is not None and same.says(notice):
        in_place = target.partition(":")[0] in IN_PLACE
        if not in_place or known[-1] is same:
            return False
    database.execute(
        "INSERT INTO notices (target, release, state, seq, body, told, not_before, written)"
        " VALUES (?, ?, ?, (SELECT coalesce(max(seq), 0) + 1 FROM notices), ?, ?, ?, ?)"
        " ON CONFLICT (target, release, state) DO UPDATE SET version = version + 1, seq = excluded.seq,"
        " body = excluded.body, told = excluded.told, not_before = excluded.not_before, written = excluded.written",
        (target, notice.release, notice.state, notice.to_json(), told, after, time.time()),
    )
    return True


def _mark_delivered(database: Database, delivery: Delivery, notices: Iterable[tuple[Notice, int]]) -> None:
    database.executemany(
        "UPDATE notices SET told = (version = ?) WHERE target = ? AND release = ? AND state = ?",
        [(version, delivery.target, it.release, it.state) for it, version in notices],
    )


def _hold(database: Database, target: str, release: str, until: float, attempt: int, error: str) -> None:
    database.execute(
        "INSERT INTO held VALUES (?, ?, ?, ?, ?) ON CONFLICT (target, release) DO UPDATE SET"
        " until = excluded.until, attempts = attempts + excluded.attempts, error = excluded.error",
        (target, release, until, attempt, error),
    )


def _forget_old(database: Database) -> None:
    """Forget what is too old, also where nobody takes anything any more."""
    old = (time.time() - KEPT,)
    for question in (
        "DELETE FROM notices WHERE written < ?",
        "DELETE FROM messages WHERE written < ?",
        "DELETE FROM held WHERE until < ?",
    ):
        database.execute(question, old)
