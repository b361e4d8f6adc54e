"""What holds a plan back before it is committed, and what a person may force."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from headway.domain.config.reading import Config
from headway.domain.health.verification import unaskable
from headway.domain.policy.gates import Barred, gates
from headway.domain.releases.plans import Plan
from headway.errors import RefusedError, UsageError
from headway.operations.connections import Connections
from headway.operations.older_push import older_push
from headway.runtime.steps import log

if TYPE_CHECKING:
    from headway.flows.carrying import Intent


def barred_by(connections: Connections, intent: Intent, head: str, plan: Plan) -> list[Barred]:
    """Return what holds a plan back on a head: locks, vetoes, windows, rules, and what its kind adds."""
    if not plan:
        return []
    config, holds = connections.config(head), connections.holds(head)
    for problem in connections.unknown_holds(head):
        log(f"warning: {problem}")
    _verifiable(connections, intent, head, config)
    barred = gates(config, holds, intent.environment, plan.changes, datetime.now(UTC), undo=intent.undo)
    if said := older_push(connections, intent.environment, head, log, {it.service for it in plan.changes}):
        # It would be applied together with this.
        why = f"held back by a push that takes images back: {said}"
        barred.append(Barred(intent.environment, "", "older push", why))
    # A service that ran two images has two changes, which the same thing may hold back.
    return list(dict.fromkeys([*barred, *intent.bars(head, plan)]))


def _verifiable(connections: Connections, intent: Intent, head: str, config: Config) -> None:
    """Refuse what could not be verified once it is out; going back waits for no setting."""
    rule = config.environments[intent.environment].verify
    if rule is None:
        return
    job = connections.repo.read(head, rule.job) if rule.job else None
    missing = unaskable(rule, job, connections.settings.prometheus)
    if missing is None:
        return
    line, column = config.locate("environments", intent.environment, "verify", missing.key)
    said = f"{config.file}:{line}:{column}: {missing.why}"
    if not intent.undo:
        raise UsageError(said, hint=missing.hint)
    log(f"this cannot be verified: {said}")


def refuse_barred(intent: Intent, barred: list[Barred]) -> None:
    """Refuse what is held back, unless it was forced with a reason."""
    if not barred:
        return
    said = "; ".join(map(str, barred))
    if not intent.request.force:
        raise RefusedError(
            said, hint='people go past it with --force --reason "…"; `headway status` says what waits'
        )
    if not intent.request.reason:
        raise UsageError(f"{said}, and force needs a reason", hint="say why with --reason; it is recorded")
    log(f"going past it by force: {said}")


def passed(barred: list[Barred]) -> list[tuple[str, str]]:
    """Return the trailers that say what force went past."""
    return [("Forced", str(it)) for it in barred]
