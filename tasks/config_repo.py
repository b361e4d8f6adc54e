"""Steps that write to the config repo."""

from __future__ import annotations

from collections.abc import Callable

from headway.domain.releases.ledger import Outcome
from headway.operations.connections import Connections
from headway.runtime.steps import task
from headway.systems.git.config_repo import Draft, Published


@task(name="commit to the config repo", run_name="commit to the config repo", timeout=600)
def publish(
    connections: Connections, draft: Callable[[str], Draft | None], release_id: str
) -> Published | None:
    """Push a commit made from the newest head; the same release id lands once."""
    return connections.repo.publish(draft, release_id=release_id)


@task(name="record the outcome", run_name="record {environment}: {outcome.state}", timeout=600)
def record(
    connections: Connections,
    environment: str,
    commit: str,
    outcome: Outcome,
    live: str | None,
    seen: str,
    held: Callable[[], None],
) -> None:
    """Append an outcome to a commit's note, and say which commit is live, if the environment is still held."""
    connections.repo.record(environment, commit, outcome, live=live, seen=seen, held=held)
