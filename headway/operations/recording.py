"""The end of a rollout: people are notified of it, then the config repo has its record."""

from __future__ import annotations

from headway.domain.releases.ledger import Entry, Outcome
from headway.errors import FailedError, HeadwayError, LostLease
from headway.flows.turn import Held
from headway.flows.undoing import end_undone, pass_over
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.notices import tell_end
from headway.operations.result import Arrival
from headway.runtime.steps import log
from headway.tasks.config_repo import record

_ENDS = {
    "live": "the rollout succeeded, and it is live",
    "applied": "it is applied, not running",
    "superseded": "a newer change took over",
}


def record_end(
    connections: Connections,
    desired: Desired,
    before: Desired | None,
    last: Entry,
    arrival: Arrival,
    held: Held,
    *,
    going_back: bool,
) -> None:
    """Notify of how a commit's rollout ended, and record it, with what becomes of the commits that it touches.

    Where the config repo takes no record, the error says how the rollout ended all the same. A commit that
    failed and is going back goes back without it: the rollback's own commit says why.
    """
    try:
        _record(connections, desired, before, last, arrival, held, going_back=going_back)
    except LostLease:
        raise
    except HeadwayError as error:
        if going_back and isinstance(error, FailedError):
            name = desired.name
            log(f"warning: {name}: that {last.commit[:9]} failed could not be recorded: {error.message}")
            return
        _explain(arrival, error)
        raise


def _record(
    connections: Connections,
    desired: Desired,
    before: Desired | None,
    last: Entry,
    arrival: Arrival,
    held: Held,
    *,
    going_back: bool,
) -> None:
    name, config, there = desired.name, desired.config, arrival.state in ("live", "applied")
    if there and last.undoes:
        end_undone(connections, config, name, last, held)
    if not going_back:
        # What a failed commit carried along is rolled back with it, and said to be.
        pass_over(connections, desired, before, last, held)
    outcome = Outcome.now(arrival.state, arrival.seconds, last.release_id, arrival.diagnosis, arrival.blames)
    # Told before it is recorded: killed in between, it is told again, and nobody hears the same twice.
    tell_end(connections, config, name, last, arrival)
    if there and last.reverts:
        # First the commit that failed, since "live" is what ends this: killed in between, it is done again.
        back = Outcome.now("rolled-back", arrival.seconds)
        record(connections, name, last.reverts, back, None, desired.commit, held)
    live = last.commit if arrival.state == "live" else None
    record(connections, name, last.commit, outcome, live, desired.commit, held)


def _explain(arrival: Arrival, error: HeadwayError) -> None:
    """Put before an error how the rollout ended, of which only the record is missing, and what writes that."""
    name = arrival.environment
    ended = _ENDS.get(arrival.state, f"it failed: {arrival.diagnosis.partition(chr(10))[0]}")
    error.message = (
        f"{name}: {arrival.commit[:9]}: {ended}; only the record of it is missing: {error.message}"
    )
    kept = "nothing is rolled back for it; once the config repo takes the record, "
    error.hint = "; ".join(filter(None, [error.hint, f"{kept}`headway reconcile {name}` writes it"]))
