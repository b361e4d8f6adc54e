"""From facts to the whole board: heads of environments, rows of services, those that need somebody first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from headway.domain.board.cells import cell
from headway.domain.board.facts import Candidate, EnvironmentFacts, Question, Run, Source
from headway.domain.board.times import duration, moment, window_words
from headway.domain.board.values import RANK, WORDS, Cell, Grid, Head, Last, Mark, Row, State
from headway.domain.config.reading import Config
from headway.domain.policy.gates import is_automatic
from headway.domain.policy.holds import Holds, Lock
from headway.domain.policy.until import zone_of
from headway.domain.releases.ledger import Entry


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a board is made of. `subjects` are the subjects of source commits, by image."""

    config: Config
    holds: Holds
    commit: str
    environments: Mapping[str, EnvironmentFacts]
    candidates: Mapping[str, Candidate] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    runs: Sequence[Run] = ()
    questions: Sequence[Question] = ()
    sources: Sequence[Source] = ()


def column(
    facts: Facts, name: str, now: datetime, services: Collection[str] | None = None
) -> dict[str, Cell]:
    """Return the cells of an environment by service, in the order of headway.yaml: all, or those of some services."""
    here, config, holds = facts.environments[name], facts.config, facts.holds.at(now)
    source = config.environments[name].promote_from
    before = facts.environments.get(source) if source else None
    runs = [it for it in facts.runs if it.environment == name and not it.error]
    questions = [it for it in facts.questions if it.environment == name]
    return {
        service: cell(
            here,
            service,
            holds,
            before,
            runs,
            questions,
            facts.subjects.get(str(next(iter(here.images.get(service, ())), "")), ""),
        )
        for service in config.services
        if services is None or service in services
    }


def head(facts: Facts, name: str, cells: Mapping[str, Cell], now: datetime) -> Head:
    """Return the head of an environment's column."""
    here, config, rules = facts.environments[name], facts.config, facts.config.environments[name]
    there = [it for it in cells.values() if it.state != "absent"]
    questions = tuple(it for it in facts.questions if it.environment == name)
    state, word = _overall(there, bool(questions))
    holds = facts.holds.at(now)
    lock = next((it for it in holds.locks if (it.environment, it.service) == (name, "")), None)
    window, is_open = window_words(rules.windows, rules.freezes, now)
    newest = next((it for it in here.entries if it.kind not in ("lock", "policy")), None)
    return Head(
        name,
        state,
        word,
        source=rules.promote_from or "",
        last=_last(newest),
        window=window,
        is_open=is_open,
        soak=_soak(facts, name, now),
        lock=_lock_mark(lock, [*rules.windows, *rules.freezes], now) if lock is not None else None,
        approvals=rules.approvals,
        behind=sum(it.behind != 0 for it in there),
        automatic=any(is_automatic(config, facts.holds, name, it) for it in config.services),
        runs=tuple(it for it in facts.runs if it.environment == name),
        questions=questions,
        problems=(here.problem,) if here.problem else (),
    )


def grid(facts: Facts, columns: Mapping[str, Mapping[str, Cell]], heads: Sequence[Head]) -> Grid:
    """Return the board; services of which something failed or waits come first, in the order of headway.yaml else."""
    rows = [
        Row(
            service,
            definition.owner,
            facts.candidates.get(service),
            tuple(columns[name][service] for name in facts.config.environments),
        )
        for service, definition in facts.config.services.items()
    ]
    urgent = RANK.index("rolling")
    rows.sort(key=lambda row: min(min((it.rank for it in row.cells), default=urgent), urgent))
    return Grid(facts.config.app, facts.commit, tuple(heads), tuple(rows), tuple(facts.sources))


def alike(one: Grid, other: Grid) -> bool:
    """Return whether two boards have the same services and environments, in whatever order."""
    return len(one.heads) == len(other.heads) and sorted(it.service for it in one.rows) == sorted(
        it.service for it in other.rows
    )


def same_rows(before: Grid, now: Grid) -> Grid:
    """Return a board with the very rows of the one before where nothing of them has changed."""
    old = {it.service: it for it in before.rows}
    rows = tuple(found if (found := old.get(it.service)) == it else it for it in now.rows)
    return replace(now, rows=tuple(it for it in rows if it is not None))


def _overall(cells: Sequence[Cell], waits: bool) -> tuple[State, str]:
    """Return the worst state of an environment's services, and how many are in it."""
    counted: Counter[State] = Counter(it.state for it in cells)
    if waits and not (counted["failed"] or counted["rolled-back"]):
        return "waiting", "Waits for approval"
    state: State = next((it for it in RANK if counted[it]), "absent")
    if state in ("live", "absent"):
        return state, WORDS["live"] if state == "live" else "Nothing here yet"
    return state, f"{counted[state]} {WORDS[state].lower()}"


def _last(entry: Entry | None) -> Last | None:
    if entry is None:
        return None
    return Last(entry.what, entry.actor, entry.time, entry.reason, entry.state, entry.commit)


def _lock_mark(lock: Lock, windows: Sequence[str], now: datetime) -> Mark:
    end = lock.end
    until = f"until {moment(end, zone_of(windows), now)}" if end is not None else ""
    said = " ".join(filter(None, (f"by {lock.by}" if lock.by else "", until)))
    return Mark("lock", "Locked", ": ".join(filter(None, (said, lock.why))))


def _soak(facts: Facts, name: str, now: datetime) -> str:
    """Return how long the newest live version here must still be live before automation promotes it."""
    soak = facts.config.environments[name].soak
    if soak is None:
        return ""
    newest = next(
        (
            it.at
            for entry in facts.environments[name].entries
            for it in reversed(entry.outcomes)
            if it.state == "live"
        ),
        None,
    )
    left = newest + soak - now if newest is not None else soak
    return f"soaks {duration(left)} more" if left.total_seconds() > 0 else "soaked"
