"""What holds a proposal back before it is committed, and what a person may force."""

from __future__ import annotations

from datetime import UTC, datetime

from headway.domain.health.verification import unaskable
from headway.domain.policy.gates import Blocked, gates
from headway.errors import RefusedError, UsageError
from headway.operations.connections import Connections
from headway.operations.older_push import older_push
from headway.operations.proposal import Proposal
from headway.requests import Forcible
from headway.runtime.steps import log


def blocked_by(connections: Connections, proposal: Proposal) -> list[Blocked]:
    """Return what holds a proposal back: locks, vetoes, windows, rules, and what its kind adds."""
    plan, name = proposal.plan, proposal.environment
    if not plan:
        return []
    snapshot = proposal.snapshot
    for problem in snapshot.unknown_holds:
        log(f"warning: {problem}")
    _check_verification(proposal, connections.settings.prometheus)
    found = gates(snapshot.config, snapshot.holds, name, plan.changes, datetime.now(UTC), undo=proposal.undo)
    if said := older_push(connections.repo, snapshot, name, log, {it.service for it in plan.changes}):
        # It would be applied together with this.
        why = f"held back by a push that reverts images: {said}"
        found.append(Blocked(name, "", "older push", why))
    # A service that ran two images has two changes, which the same thing may hold back.
    return list(dict.fromkeys([*found, *proposal.blocked]))


def _check_verification(proposal: Proposal, prometheus: str) -> None:
    """Refuse what could not be verified once it is out; a rollback waits for no setting."""
    config, rule = proposal.snapshot.config, proposal.rules.verify
    if rule is None:
        return
    job = proposal.snapshot.file(rule.job) if rule.job else None
    missing = unaskable(rule, job, prometheus)
    if missing is None:
        return
    line, column = config.locate("environments", proposal.environment, "verify", missing.key)
    said = f"{config.file}:{line}:{column}: {missing.why}"
    if not proposal.undo:
        raise UsageError(said, hint=missing.hint)
    log(f"this cannot be verified: {said}")


def refuse_blocked(request: Forcible, blocked: list[Blocked]) -> None:
    """Refuse what is held back, unless it was forced with a reason."""
    if not blocked:
        return
    said = "; ".join(map(str, blocked))
    if not request.force:
        raise RefusedError(
            said, hint='override it with --force --reason "…"; `headway status` shows what is waiting'
        )
    if not request.reason:
        raise UsageError(f"{said}, and force needs a reason", hint="say why with --reason; it is recorded")
    log(f"forced: {said}")
