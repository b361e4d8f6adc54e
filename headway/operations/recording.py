"""The end of a rollout: people are notified of it, then the config repo has its record."""

from __future__ import annotations

from headway.domain.releases.ledger import Entry, Outcome
from headway.errors import FailedError, HeadwayError, LostLease, TransientError
from headway.operations.connections import Connections
from headway.operations.deployment_lock import Held
from headway.operations.desired import Desired
from headway.operations.notices.commits import notify_end
from headway.operations.result import Result
from headway.operations.superseded import end_undone, pass_over
from headway.runtime.steps import log

_ENDS = {
    "live": "the rollout succeeded, and it is live",
    "applied": "it is applied, not running",
    "superseded": "a newer change took over",
}


def record_outcome(
    connections: Connections,
    desired: Desired,
    live: Desired | None,
    last: Entry,
    result: Result,
    held: Held,
    *,
    rolls_back: bool,
) -> None:
    """Notify of how a commit's rollout ended, and record it, with what becomes of the commits that it touches.

    Where the config repo takes no record, the error says how the rollout ended all the same. A commit that
    failed and is rolled back next needs none: the rollback's own commit says why.
    """
    back = rolls_back and result.state == "failed"
    try:
        _record(connections, desired, live, last, result, held, back=back)
    except (LostLease, TransientError):
        raise
    except HeadwayError as error:
        if back and isinstance(error, FailedError):
            name = desired.name
            log(f"warning: {name}: that {last.commit[:9]} failed could not be recorded: {error.message}")
            return
        only_unrecorded(result, error)
        raise


def _record(
    connections: Connections,
    desired: Desired,
    live: Desired | None,
    last: Entry,
    result: Result,
    held: Held,
    *,
    back: bool,
) -> None:
    name, config, repo = desired.name, desired.config, connections.repo
    succeeded = result.state in ("live", "applied")
    if succeeded and last.undoes:
        end_undone(connections, config, name, last, held)
    if not back:
        # What a failed commit took along is rolled back with it, and recorded as that.
        pass_over(connections, desired, live, last, held)
    outcome = Outcome.now(result.state, result.seconds, last.release_id, result.cause)
    notify_end(connections, config, name, last, result)
    if succeeded and last.reverts:
        # First the commit that failed, since "live" is what ends this: killed in between, it is done again.
        rolled_back = Outcome.now("rolled-back", result.seconds)
        repo.record(name, last.reverts, rolled_back, live=None, seen=desired.commit, held=held)
    commit = last.commit if result.state == "live" else None
    repo.record(name, last.commit, outcome, live=commit, seen=desired.commit, held=held)


def only_unrecorded(result: Result, error: HeadwayError) -> None:
    """Put before an error how the rollout ended, of which only the record is missing, and what writes that."""
    name = result.environment
    ended = _ENDS.get(result.state, f"it failed: {result.cause.text.partition(chr(10))[0]}")
    error.message = f"{name}: {result.commit[:9]}: {ended}; only the record of it is missing: {error.message}"
    kept = "nothing is rolled back for it; once the config repo takes the record, "
    error.hint = "; ".join(filter(None, [error.hint, f"{kept}`headway reconcile {name}` writes it"]))
