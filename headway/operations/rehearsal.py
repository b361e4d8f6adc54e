"""Try a plan on its cluster before it is committed: what would be refused there is not committed at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headway.domain.releases.rehearsal import Rehearsal
from headway.errors import FailedError, RefusedError, RejectedError, UsageError, explained
from headway.operations.connections import CONFIG_FILE, Connections
from headway.operations.desired import Desired
from headway.operations.proposal import Proposal
from headway.operations.snapshot import Snapshot
from headway.requests import Forcible
from headway.runtime.steps import log

UNCHANGED = "nothing was committed"


Rehearse = Callable[[Connections, Desired, Mapping[str, bytes], bool], Rehearsal]
"""The step that tries files of an environment on its cluster, with its retries."""


def rehearsed(
    connections: Connections, proposal: Proposal, request: Forcible, rehearse: Rehearse, *, whole: bool
) -> Rehearsal:
    """Return what the cluster would make of a plan; `whole`: also what would be deleted.

    Where the cluster cannot be asked, a dry run and a forced release say why, and others get the error.
    """
    plan = proposal.plan
    if not plan:
        return Rehearsal()
    try:
        desired = proposal.snapshot.environment(plan.environment)
        return rehearse(connections, desired, plan.files, whole)
    except Exception as problem:  # noqa: BLE001 - whatever it is, nothing was committed
        error = explained(problem)
        said = f"the cluster could not be asked: {error.message}"
        if request.dry_run and isinstance(error, FailedError | RefusedError):
            # It was asked, and the answer is no: objects of another application, an account that may not look.
            return Rehearsal(unable=(error.message,))
        if request.dry_run or (_forced(request) and not isinstance(error, UsageError | RefusedError)):
            return Rehearsal(unasked=said)
        error.hint = "; ".join(filter(None, [error.hint, UNCHANGED]))
        raise error from None


def refuse_rehearsed(name: str, rehearsal: Rehearsal, request: Forcible) -> list[tuple[str, str]]:
    """Stop a release that its cluster would refuse, unless it is forced; return what goes on record then."""
    for note in rehearsal.notes:
        log(f"{name}: {note}")
    for warning in rehearsal.warnings:
        log(f"{name}: warning: {warning}")
    against = rehearsal.refusal or rehearsal.unasked
    if not against:
        return []
    if rehearsal.strangers:
        # Applying them is refused as well, by force too.
        raise RefusedError(
            f"{name}: {UNCHANGED}:\n{against}",
            hint=f"`headway diff {name}` shows what would change; `headway reconcile {name} --adopt` takes these "
            "objects over: from then on they are as the repo says, and go when they leave it",
        )
    if _forced(request):
        log(f"{name}: forced: {against}")
        return [("Forced", f"the rehearsal said: {against.partition(chr(10))[0]}")]
    if request.force:
        raise UsageError(f"{against}, and force needs a reason", hint="say why with --reason; it is recorded")
    raise RejectedError(
        f"{name}: the cluster would refuse this, so {UNCHANGED}:\n{against}",
        hint='correct it in the config repo or in the cluster; --force --reason "…" commits it all the same',
    )


def differs(name: str, old: Snapshot, new: Snapshot) -> bool:
    """Return whether an environment is another on a newer head, so that it must be tried again."""
    return old.file(CONFIG_FILE) != new.file(CONFIG_FILE) or old.folder(name) != new.folder(name)


def _forced(request: Forcible) -> bool:
    return request.force and bool(request.reason)
