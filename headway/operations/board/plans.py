"""What a button would do: worked out on the config repo as it is now, shown before anything is done.

A plan has a fingerprint. Whoever presses again sends it along, and where it is another one by then,
that one is shown instead of done.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from headway.domain.policy.holds import Lock
from headway.domain.releases.ledger import Entry, short_tag
from headway.errors import UsageError
from headway.operations.approvals import needs_approval
from headway.operations.board.record import Record
from headway.operations.connections import Connections
from headway.operations.gates import blocked_by
from headway.operations.holds import automate, can_be_automatic
from headway.operations.live_images import live_or_applied
from headway.operations.promotion import source_environment
from headway.operations.proposal import Proposal, propose_promotion, propose_rollback
from headway.operations.reports.plan import plan_diff
from headway.operations.targets import rollback_target
from headway.requests import Forcible, PromoteRequest, ReconcileRequest, RollbackRequest

STATES = 8
"""So many earlier states of an environment are offered for a rollback."""


@dataclass(frozen=True, slots=True)
class ChangeShown:
    """One service's image before and after, short and whole."""

    service: str
    old: str
    new: str
    old_image: str
    new_image: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class EarlierState:
    """A state that an environment may be rolled back to."""

    commit: str
    what: str
    when: datetime
    who: str


@dataclass(frozen=True, slots=True)
class Planned:
    """What a button would do. `choices` are the services that may be left out or taken in; `request` starts it.

    `blocked` holds it back unless it is forced; `facts` are sentences that say what happens, where no image changes.
    """

    verb: str
    environment: str
    services: tuple[str, ...]
    fingerprint: str
    changes: tuple[ChangeShown, ...] = ()
    facts: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    approvals: int = 0
    diff: tuple[str, ...] = ()
    states: tuple[EarlierState, ...] = ()
    to: str = ""
    command: str = ""
    needs_reason: bool = False
    request: Forcible | None = None

    @property
    def touched(self) -> tuple[str, ...]:
        """The services that it changes."""
        return tuple(dict.fromkeys(it.service for it in self.changes)) or self.services


def promotion(connections: Connections, name: str, services: Sequence[str], actor: str) -> Planned:
    """Plan a promotion: of some services, or of all that differ."""
    snapshot = connections.at(connections.repo.fetch())
    request = PromoteRequest(environment=name, services=list(services), actor=actor)
    source = source_environment(snapshot.config, request)

    def propose(chosen: Sequence[str]) -> Proposal:
        live = live_or_applied(connections, snapshot, source, chosen)
        return propose_promotion(
            request.model_copy(update={"services": list(chosen)}), source, live, snapshot
        )

    every = propose(())
    proposal = propose(services) if services else every
    words = ["headway", "promote", name, *(it for each in services for it in ("--service", each))]
    choices = tuple(dict.fromkeys(it.service for it in every.plan.changes))
    return _planned(connections, "promote", proposal, request, services, shlex.join(words), choices=choices)


def rollback(
    connections: Connections, record: Record, name: str, services: Sequence[str], to: str, actor: str
) -> Planned:
    """Plan a rollback: to a state that is named, or to the last that was live with other images."""
    snapshot = connections.at(connections.repo.fetch())
    snapshot.rules(name)
    request = RollbackRequest(environment=name, services=list(services), to=to, actor=actor)
    for each in services:
        snapshot.config.service(each)
    states = earlier_states(record, name, services)
    target = rollback_target(connections.repo, snapshot, request)
    request = request.model_copy(update={"to": target})
    proposal = propose_rollback(connections, request, target, snapshot)
    words = ["headway", "rollback", name, *(it for each in services for it in ("--service", each))]
    command = shlex.join([*words, "--to", target[:9]])
    return _planned(connections, "rollback", proposal, request, services, command, states=states, to=target)


def _planned(
    connections: Connections,
    verb: str,
    proposal: Proposal,
    request: Forcible,
    services: Sequence[str],
    command: str,
    *,
    choices: tuple[str, ...] = (),
    states: tuple[EarlierState, ...] = (),
    to: str = "",
) -> Planned:
    plan = proposal.plan
    changes = tuple(
        ChangeShown(it.service, short_tag(it.old), short_tag(it.new), str(it.old), str(it.new), it.why)
        for it in plan.changes
    )
    return Planned(
        verb,
        proposal.environment,
        tuple(services),
        plan.fingerprint if plan else "",
        changes,
        choices=choices,
        notes=(*proposal.notes, *plan.warnings),
        blocked=tuple(map(str, blocked_by(connections, proposal))),
        approvals=proposal.rules.approvals if plan and needs_approval(proposal, request) else 0,
        diff=tuple(plan_diff(plan, connections.repo.read, proposal.files)) if plan else (),
        states=states,
        to=to,
        command=command,
        request=request.model_copy(update={"plan": plan.fingerprint}) if plan else None,
    )


def earlier_states(record: Record, name: str, services: Sequence[str]) -> tuple[EarlierState, ...]:
    """Return the commits of an environment that were live before the newest, of some services or of any."""
    facts, wanted = record.environments[name], set(services)
    found = [
        EarlierState(it.commit, it.what, it.time, it.actor)
        for it in facts.entries
        if "live" in it.states and it.kind not in ("lock", "policy") and _about(it, wanted)
    ]
    return tuple(found[1 : STATES + 1])


def _about(entry: Entry, services: set[str]) -> bool:
    return not services or entry.record is None or any(it in services for it, _, _ in entry.record.changes)


def locking(connections: Connections, names: Sequence[str], service: str) -> Planned:
    """Plan a lock of a service, of an environment, or of several environments."""
    return _holding(connections, "lock", names, service, "is locked: nobody releases it without force")


def unlocking(connections: Connections, names: Sequence[str], service: str) -> Planned:
    """Plan to take a lock away."""
    return _holding(connections, "unlock", names, service, "may be released again")


def _holding(connections: Connections, verb: str, names: Sequence[str], service: str, what: str) -> Planned:
    head = connections.repo.fetch()
    config = connections.config(head)
    if service:
        config.service(service)
    holds, facts, mark = connections.holds(head).at(datetime.now(UTC)), [], [verb]
    for name in names:
        config.environment(name)
        mine = next((it for it in holds.locks if it == Lock(name, service)), None)
        where = f"{service} in {name}" if service else name
        facts.append(f"{where} {what}")
        if mine is not None:
            facts.append(f"now it is {mine}")
        elif verb == "unlock":
            facts.append("it is not locked now")
        mark.append(f"{name} {service} {(mine.by, mine.at, mine.until) if mine else ''}")
    place = names[0] if len(names) == 1 else "ENVIRONMENT"
    command = shlex.join(["headway", verb, place, *([service] if service else []), "--reason", "…"])
    return Planned(
        verb,
        names[0] if len(names) == 1 else "",
        (service,) if service else (),
        _fingerprint(mark),
        facts=tuple(facts),
        command=command,
        needs_reason=True,
    )


def automating(connections: Connections, name: str, service: str) -> Planned:
    """Plan to let automation release a service or an environment, also past what a person's choice holds back."""
    head = connections.repo.fetch()
    config, before = connections.config(head), connections.holds(head)
    if service:
        config.service(service)
    can_be_automatic(config, name, service)
    after = automate(config, name, service, "", "")(before)
    ended = before.choices_on(name, service)
    facts = [
        f"{it.service} {it.tag or it.digest[:19]}, held back by {it.by or 'somebody'}"
        + (f" ({it.why})" if it.why else "")
        + ", may be released automatically again"
        for it in ended
    ]
    what = service or "every service"
    if {(it, it.release) for it in after.overrides} != {(it, it.release) for it in before.overrides}:
        facts.append(f"automation releases {what} in {name}, whatever headway.yaml says")
    elif ended:
        facts.append(f"{what} in {name} is released automatically, as before")
    else:
        facts.append(f"{what} in {name} is released automatically already, and no choice holds it back")
    words = ["headway", "automate", name, *([service] if service else []), "--reason", "…"]
    return Planned(
        "automate",
        name,
        (service,) if service else (),
        _fingerprint(["automate", name, service, str(ended), *map(str, before.overrides)]),
        facts=tuple(facts),
        command=shlex.join(words),
        needs_reason=True,
    )


def reconciling(connections: Connections, name: str, actor: str) -> Planned:
    """Plan a reconcile of an environment."""
    snapshot = connections.at(connections.repo.fetch())
    snapshot.rules(name)
    said = f"the cluster is made equal to {name} at {snapshot.commit[:9]}: drift is corrected, unfinished releases end"
    return Planned(
        "reconcile",
        name,
        (),
        _fingerprint(["reconcile", name, snapshot.folder(name)]),
        facts=(said,),
        command=shlex.join(["headway", "reconcile", name]),
        request=ReconcileRequest(environment=name, actor=actor),
    )


def answering(question_plan: str, decision: str, name: str, run: str) -> Planned:
    """Return the answer to a question as something planned: it is about the plan that waits."""
    if not question_plan:
        raise UsageError("the run does not wait for an approval any more")
    command = shlex.join(["headway", decision, name, "--plan", question_plan])
    return Planned(decision, name, (), question_plan, command=command)


def _fingerprint(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
