"""The board: what is read from each system, put together, and told on when it changes.

Nothing is kept that cannot be read again. Each source has an age and an error of its own, and one that is
down takes nothing from the others: what it said last stands, and the board says since when.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from headway.domain.board.facts import Candidate, Question, Run, Source, Workload
from headway.domain.board.grid import Facts, alike, column, grid, head, same_rows
from headway.domain.board.values import Cell, Grid, Head
from headway.domain.policy.holds import Holds, Lock
from headway.errors import HeadwayError, explained
from headway.operations.board.clusters import Clusters
from headway.operations.board.record import Record
from headway.operations.board.sources import candidates_of, drifted_in, subjects_of
from headway.operations.connections import Connections
from headway.operations.snapshot import Snapshot

Changed = Callable[[Grid, frozenset[str], frozenset[str]], None]
"""Called with a new board, and the ids of the cells and the environments of the heads that changed; WHOLE: all.

Among the cells is `r-SERVICE` where the head of a row is another.
"""
WHOLE = frozenset({"*"})


class Board:
    """Everything that the board shows. Safe to use from several threads; `grid` is the newest."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self._lock = threading.RLock()
        self._record = Record(connections)
        self._clusters = Clusters(connections, self._standing)
        self._holds, self._holds_problem = Holds(), ""
        self._workloads: dict[str, dict[str, tuple[Workload, ...]]] = {}
        self._drifted: dict[str, frozenset[str]] = {}
        self._candidates: dict[str, Candidate] = {}
        self._subjects: dict[str, str] = {}
        self._questions: tuple[Question, ...] = ()
        self._runs: tuple[Run, ...] = ()
        self._sources: dict[str, Source] = {}
        self._columns: dict[str, dict[str, Cell]] = {}
        self._heads: dict[str, Head] = {}
        self._holding: frozenset[Lock] = frozenset()
        self._listeners: list[Changed] = []
        self.grid = Grid("", "")

    # --- listeners ---

    def listen(self, changed: Changed) -> None:
        """Call `changed` whenever the board is another one."""
        self._listeners.append(changed)

    @property
    def snapshot(self) -> Snapshot:
        """The config repo as the board shows it; it is read where that was not done yet."""
        with self._lock:
            if self._record.snapshot is None:
                self.read_repo()
            assert self._record.snapshot is not None
            return self._record.snapshot

    # --- looking ---

    def fetch(self) -> None:
        """Look at the config repo's remote, and read what is new."""
        try:
            self.connections.repo.fetch()
        except HeadwayError as error:
            self._failed("Git", error)
            return
        self.read_repo(seen=True)

    def read_repo(self, *, seen: bool = False) -> None:
        """Read what is new in the config repo's mirror."""
        with self._lock:
            try:
                is_new = self._record.read()
                snapshot = self._record.snapshot
                assert snapshot is not None
                if is_new:
                    self._read_holds(snapshot)
            except Exception as error:  # noqa: BLE001 - what was read before stands, and the board says what is wrong
                self._failed("Git", error)
                return
            if seen or "Git" not in self._sources or self._sources["Git"].error:
                self._answered("Git", self._holds_problem)
            if is_new:
                self._clusters.follow(snapshot)
                self.put_together()

    def start(self) -> None:
        """Begin to follow the clusters."""
        self._clusters.begin()
        self._clusters.follow(self.snapshot)

    def look_at_registry(self) -> None:
        """Ask the registries what each rule would take now."""
        try:
            found, error = candidates_of(self.connections, self.snapshot)
        except Exception as problem:  # noqa: BLE001 - the board goes on without
            self._failed("Registry", problem)
            return
        with self._lock:
            names = found.keys() | self._candidates.keys()
            changed = {it for it in names if found.get(it) != self._candidates.get(it)}
            self._candidates = found
            self._answered("Registry", error)
            self.put_together((), rows=changed)

    def look_at_sources(self) -> None:
        """Read the subjects of the source commits that images were built from, where they are not known yet."""
        images = {it for column in self._columns.values() for it in (each.image for each in column.values())}
        found = subjects_of(self.connections, self.snapshot, images - self._subjects.keys())
        with self._lock:
            self._subjects |= found
            if found:
                self.put_together()

    def compare(self) -> None:
        """Ask the clusters how they differ from the repo."""
        for name in list(self._columns):
            try:
                found = drifted_in(self.connections, self.snapshot, name)
            except Exception as error:  # noqa: BLE001 - the board goes on without
                self._failed(f"Drift in {name}", error)
                continue
            with self._lock:
                self._sources.pop(f"Drift in {name}", None)
                if found != self._drifted.get(name, frozenset()):
                    self._drifted[name] = found
                    self.put_together([name])

    def set_runs(self, runs: Iterable[Run]) -> None:
        """Take in what is under way."""
        found = tuple(runs)
        with self._lock:
            if found != self._runs:
                touched = {it.environment for it in (*found, *self._runs)}
                self._runs = found
                self.put_together(touched & self._columns.keys())

    def set_questions(self, questions: Iterable[Question]) -> None:
        """Take in what waits for an approval, as the Prefect server tells it."""
        found = tuple(questions)
        with self._lock:
            self._answered("Prefect")
            if found != self._questions:
                touched = {it.environment for it in (*found, *self._questions)}
                self._questions = found
                self.put_together(touched & self._columns.keys())

    def prefect_failed(self, error: Exception) -> None:
        """Note that the Prefect server cannot be asked."""
        self._failed("Prefect", error)

    def by_the_clock(self) -> None:
        """Work out again what goes by the clock: windows and soaks in the heads, and locks that end."""
        with self._lock:
            holding = frozenset(self._holds.at(datetime.now(UTC)).locks)
            ended = {it.environment for it in self._holding - holding}
            self.put_together(ended & self._columns.keys(), heads=True)

    @property
    def runs(self) -> tuple[Run, ...]:
        """What is under way."""
        return self._runs

    @property
    def record(self) -> Record:
        """The config repo's history as the board knows it."""
        return self._record

    @property
    def questions(self) -> tuple[Question, ...]:
        """What waits for an approval."""
        return self._questions

    def facts(self) -> Facts:
        """Return everything that is known now."""
        with self._lock:
            environments = {
                name: replace(
                    it,
                    workloads=self._workloads.get(name),
                    drifted=self._drifted.get(name, frozenset()),
                )
                for name, it in self._record.environments.items()
            }
            return Facts(
                self.snapshot.config,
                self._holds,
                self.snapshot.commit,
                environments,
                self._candidates,
                self._subjects,
                self._runs,
                self._questions,
                tuple(self._sources.values()),
            )

    # --- putting together ---

    def put_together(
        self,
        names: Collection[str] | None = None,
        *,
        services: Collection[str] | None = None,
        rows: Collection[str] = (),
        heads: bool = False,
    ) -> None:
        """Work the board out again, of the named environments or of all, and tell what is another.

        `services` are those of them that may have changed, where not all; `rows` are services whose candidate is
        another. With `heads` all heads are worked out, and else those of the named environments.
        """
        with self._lock:
            facts = self.facts()
            now = datetime.now(UTC)
            known = facts.config.environments
            every = names is None or not self._columns
            chosen = set(known) if every or names is None else set(names)
            self._holding = frozenset(facts.holds.at(now).locks)
            changed = {f"r-{it}" for it in rows}
            for name in chosen:
                found = column(facts, name, now, None if every else services)
                self._columns[name] = _kept(
                    self._columns.get(name, {}), found, changed, is_whole=every or services is None
                )
            self._columns = {name: self._columns[name] for name in known}
            self._heads = {
                name: head(facts, name, self._columns[name], now)
                if heads or name in chosen or name not in self._heads
                else self._heads[name]
                for name in known
            }
            before = self.grid
            self.grid = same_rows(before, grid(facts, self._columns, list(self._heads.values())))
            if not alike(before, self.grid):
                cells, others = WHOLE, WHOLE
            else:
                was = {it.environment: it for it in before.heads}
                cells = frozenset(changed)
                others = frozenset(it.environment for it in self.grid.heads if was.get(it.environment) != it)
            if cells or others or _told_of(before) != _told_of(self.grid):
                for listener in self._listeners:
                    listener(self.grid, cells, others)

    def _read_holds(self, snapshot: Snapshot) -> None:
        try:
            self._holds, self._holds_problem = snapshot.holds, ""
        except HeadwayError as error:
            self._holds_problem = error.message

    def _standing(self, name: str, workloads: Mapping[str, tuple[Workload, ...]], error: str) -> None:
        with self._lock:
            self._answered(f"Cluster of {name}", error)
            before = self._workloads.get(name)
            if not error:
                self._workloads[name] = dict(workloads)
            if name in self._columns:
                self.put_together([name], services=_changed(before, self._workloads.get(name)))

    def _answered(self, source: str, error: str = "") -> None:
        before = self._sources.get(source)
        seen = before.seen if before is not None and error else datetime.now(UTC).replace(microsecond=0)
        self._sources[source] = Source(source, seen, error)

    def _failed(self, source: str, problem: Exception) -> None:
        with self._lock:
            before = self._sources.get(source)
            error = explained(problem).message
            self._sources[source] = Source(source, before.seen if before else None, error)
            if self._columns and (before is None or before.error != error):
                self.put_together(())

    def close(self) -> None:
        """End what follows the clusters."""
        self._clusters.close()


def _changed(
    before: Mapping[str, tuple[Workload, ...]] | None, now: Mapping[str, tuple[Workload, ...]] | None
) -> set[str] | None:
    """Return the services whose workloads are not as before; None where any may be."""
    if before is None or now is None:
        return None
    return {it for it in before.keys() | now.keys() if before.get(it) != now.get(it)}


def _told_of(board: Grid) -> tuple[object, ...]:
    """Return what the top of a page says; when a source that is well answered last is no news."""
    return (board.commit, *(it for it in board.sources if it.error))


def _kept(
    old: Mapping[str, Cell], new: Mapping[str, Cell], changed: set[str], *, is_whole: bool
) -> dict[str, Cell]:
    """Return new cells, but the very old ones where nothing of them has changed; note which have.

    Cells that are not among the new ones stay, unless these are the whole.
    """
    found: dict[str, Cell] = {} if is_whole else dict(old)
    for service, cell in new.items():
        before = old.get(service)
        if before is None or before != cell:
            changed.add(cell.id)
            found[service] = cell
        else:
            found[service] = before
    return found
