"""Steps that read and write the config repo: each is tried again as a whole, and lands once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from headway.domain.config.reading import Config
from headway.domain.releases.undone import Undone
from headway.operations import undone_by_people
from headway.operations.connections import Connections
from headway.operations.reconciliation import Reconciliation
from headway.operations.snapshot import Snapshot
from headway.runtime.steps import reading, task
from headway.systems.git.config_repo import ProposedCommit, Published


@task(name="fetch the config repo", run_name="fetch the config repo")
def fetch_head(connections: Connections) -> str:
    """Return the branch's newest commit, as the remote has it now."""
    return connections.repo.fetch()


@task(name="commit to the config repo", run_name="commit to the config repo", timeout=600)
def publish(
    connections: Connections, propose: Callable[[str], ProposedCommit | None], release_id: str
) -> Published | None:
    """Push a commit made from the newest head; the same release id lands once."""
    return connections.repo.publish(propose, release_id=release_id)


@reading(name="confirm the commit")
def confirm(work: Reconciliation) -> Reconciliation:
    """See that the branch still has the commit."""
    return work.confirm()


@task(name="record the outcome", run_name="record {work.name}: {work.state}", timeout=600)
def record(work: Reconciliation) -> Reconciliation:
    """Notify people of the outcome, and append it to the commit's note."""
    return work.record()


@task(name="roll back", run_name="roll {work.name} back in the config repo", timeout=600)
def roll_back(work: Reconciliation) -> Reconciliation:
    """Push a commit that restores what was live, and vetoes what failed."""
    return work.roll_back()


@task(name="read the newest commit", run_name="look what {work.name} should be now")
def look_again(work: Reconciliation) -> Reconciliation:
    """Start again with the branch's newest commit."""
    return work.look_again()


@task(name="look for a rewritten branch", run_name="see whether the branch was rewritten", timeout=600)
def hold_rewritten(connections: Connections, snapshot: Snapshot) -> None:
    """Notify people that the branch lost commits, and hold back what went with them."""
    undone_by_people.hold_rewritten(connections, snapshot)


@task(name="look what was undone", run_name="see what people undid in {name}", timeout=600)
def hold_pushed(connections: Connections, snapshot: Snapshot, name: str) -> None:
    """Hold back what a person's push undid, so that automation does not bring it again."""
    undone_by_people.hold_pushed(connections, snapshot, name)


@task(name="hold back what was undone", run_name="hold back what was undone in {name}", timeout=600)
def hold_undone(
    connections: Connections, config: Config, name: str, found: Mapping[str, Iterable[Undone]]
) -> None:
    """Veto what people undid."""
    undone_by_people.hold_undone(connections, config, name, found)
