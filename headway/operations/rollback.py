"""The commit of an automatic rollback: the folder as it was live, and vetoes for what failed."""

from __future__ import annotations

from dataclasses import dataclass

from headway.domain.policy.holds import FILE as HOLDS
from headway.domain.releases.ledger import REVERTS, Entry, ReleaseRecord, derived_id, format_message
from headway.domain.releases.plans import image_changes
from headway.operations.connections import Connections
from headway.operations.deployment_lock import Held
from headway.operations.desired import Desired
from headway.operations.restoring import restored
from headway.operations.result import Result
from headway.operations.superseded import lines, named, undone_with
from headway.operations.vetoes import blamed, vetoed
from headway.runtime.steps import log
from headway.systems.git.config_repo import ProposedCommit, Published


@dataclass(frozen=True, slots=True)
class Restoration:
    """A pushed rollback: whether it vetoes what failed, and a line for each other commit that it undoes."""

    published: Published
    vetoed: bool
    undone: tuple[str, ...]


def restore(
    connections: Connections, desired: Desired, live: Desired, failed: Entry, result: Result, held: Held
) -> Restoration | None:
    """Put an environment's folder back to what was live, in the repo; None where something newer changed it.

    It lands once, however often it is tried: its id follows from the failed commit.
    """
    name, place = desired.name, desired.place
    release_id = derived_id(failed.commit, failed.time)
    cause = result.cause.text.partition("\n")[0]
    log(f"{name}: rolling {failed.commit[:9]} back to {live.commit[:9]}, which was live: {cause}")
    others = undone_with(connections, desired, live, failed)
    for line in lines(others):
        log(f"{name}: this goes with it: {line}")
    why = f"{failed.commit[:9]} failed: {result.cause}"
    record = ReleaseRecord(
        id=release_id,
        environment=name,
        kind="rollback",
        changes=image_changes(desired.config, desired.indexes, live.indexes),
        actor="headway",
        reason=why,
        trailers=((REVERTS, failed.commit), *named(others)),
    )
    guilty = (
        blamed(desired, failed, record.changes, result.verdicts, result.refused)
        if result.cause.blames
        else []
    )

    def propose(head: str) -> ProposedCommit | None:
        held()
        if connections.repo.last_change(name, place, head).commit != failed.commit:
            return None
        elsewhere = restored(connections.repo, desired, live, head)
        if elsewhere is None:
            return None
        files, trees = elsewhere
        holds = vetoed(connections, head, name, guilty, why, "headway")
        message = format_message(record)
        trees[desired.environment.path] = live.tree
        return ProposedCommit(files={**files, **holds}, trees=trees, message=message, author="headway")

    published = connections.repo.publish(propose, release_id=release_id)
    if published is None:
        return None
    return Restoration(published, _writes_holds(connections, published.commit), lines(others))


def _writes_holds(connections: Connections, commit: str) -> bool:
    repo = connections.repo
    parent = repo.entry(commit).parents[0]
    return repo.own_file(commit, HOLDS) != repo.own_file(parent, HOLDS)
