"""From a plan to its arrival: the steps that every release, promotion and rollback shares.

look at what holds it back -> ask who must approve -> commit -> reach

Nothing is held while people are asked. After the answer the world is looked at again,
and what was approved is carried out only if it is still the very same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flows.road import publish, reach
from flows.telling import tell_plan, tell_superseded
from headway.connections import Connections
from headway.domain.gates import Barred, gates
from headway.domain.history import ReleaseRecord, new_release_id
from headway.domain.plans import Plan
from headway.errors import RefusedError, UsageError
from headway.requests import Forcible
from headway.steps import ask, log, report, run_identity, supersede
from headway.story import asked_by, plan_report
from headway.watching import source_of

Files = Mapping[str, bytes]


class Intent:
    """What is to be done: `make` plans it on a head, `also` gives further files of its commit.

    `undo` marks a rollback, which waits for no window and asks for no approval.
    """

    def __init__(
        self,
        kind: str,
        request: Forcible,
        environment: str,
        make: Callable[[str], Plan],
        *,
        reason: str = "",
        also: Callable[[str, Plan], Files] = lambda head, plan: {},
        trailers: Callable[[], tuple[tuple[str, str], ...]] = tuple,
        undo: bool = False,
    ) -> None:
        self.kind, self.request, self.environment = kind, request, environment
        self.also, self.trailers = also, trailers
        self._make, self._made = make, dict[str, Plan]()
        self.reason = request.reason or reason
        self.undo = undo

    def plan(self, head: str) -> Plan:
        """Plan on a head, once."""
        if head not in self._made:
            self._made[head] = self._make(head)
        return self._made[head]


def carry_out(connections: Connections, intent: Intent) -> dict[str, object]:
    """Plan, ask, commit and reach; give how it ended. A dry run only plans."""
    request, name = intent.request, intent.environment
    head = connections.repo.head
    plan = intent.plan(head)
    barred = _barred(connections, intent, head, plan)
    if request.dry_run:
        report("plan", plan_report(plan, connections.repo.read))
        for each in barred:
            log(f"held back: {each}")
        return {**plan.as_dict(), "held_back": [str(it) for it in barred]}
    _refuse(intent, barred)
    started, run = run_identity()
    # One run may release to several environments, and each is a release of its own.
    release_id = request.release_id or new_release_id(started, f"{run} {name}")
    approved = _approvals(connections, intent, plan, release_id)

    def again(newer: str) -> Plan:
        """Plan on the head that is about to be built on, and see that it may still be done."""
        nonlocal barred
        now = intent.plan(newer)
        if newer != head:
            barred = _barred(connections, intent, newer, now)
            _refuse(intent, barred)
            # Also where there was nothing to approve before: what nobody has seen is not carried out.
            if now and now.fingerprint != plan.fingerprint and _asks(connections, intent, newer):
                raise _changed(name, plan, now)
        return now

    if plan:
        _tell(connections, intent, plan, release_id, "planned")
    published = publish(
        connections,
        again,
        lambda it: ReleaseRecord(
            id=release_id,
            environment=name,
            kind=intent.kind,
            changes=it.triples,
            actor=request.actor or connections.settings.who(),
            reason=intent.reason,
            why={change.service: change.why for change in it.changes},
            trailers=(*intent.trailers(), *_sources(connections, it), *_passed(barred), *approved),
        ),
        release_id,
        intent.also,
    )
    if published is None:
        log(f"{name}: the config repo names these images already")
    return reach(connections, name, published.head if published is not None else None).check().as_dict()


def _barred(connections: Connections, intent: Intent, head: str, plan: Plan) -> list[Barred]:
    if not plan:
        return []
    config, holds = connections.config(head), connections.holds(head)
    rule = config.environments[intent.environment].verify
    if rule is not None and rule.job and connections.repo.read(head, rule.job) is None:
        line, column = config.locate("environments", intent.environment, "verify", "job")
        raise UsageError(f"{config.file}:{line}:{column}: {rule.job} is not a file at {head[:9]}")
    return gates(config, holds, intent.environment, plan.changes, datetime.now(UTC), undo=intent.undo)


def _refuse(intent: Intent, barred: list[Barred]) -> None:
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


def _passed(barred: list[Barred]) -> list[tuple[str, str]]:
    return [("Forced", str(it)) for it in barred]


def _sources(connections: Connections, plan: Plan) -> list[tuple[str, str]]:
    config = connections.config(plan.base)
    found = ((it.service, source_of(connections, config, it.service, it.new)) for it in plan.changes)
    return [("Source", f"{name} {it[0]} {it[1]:%Y-%m-%dT%H:%M:%SZ}") for name, it in found if it]


def _asks(connections: Connections, intent: Intent, head: str) -> bool:
    """Say whether people must approve this before it is done."""
    place = connections.config(head).environments[intent.environment]
    forced = intent.request.force and bool(intent.request.reason)
    return bool(place.approvals) and not intent.undo and not forced


def _tell(
    connections: Connections, intent: Intent, plan: Plan, release_id: str, state: str, cause: str = ""
) -> None:
    tell_plan(
        connections,
        plan,
        release_id,
        intent.kind,
        state,
        actor=intent.request.actor or connections.settings.who(),
        reason=intent.reason,
        cause=cause,
    )


def _approvals(
    connections: Connections, intent: Intent, plan: Plan, release_id: str
) -> list[tuple[str, str]]:
    """Ask until enough people have approved this very plan; give their names for the record."""
    name, request = intent.environment, intent.request
    place = connections.config(plan.base).environments[name]
    if not plan or intent.undo or not place.approvals:
        return []
    if request.force and not request.reason:
        raise UsageError(f"{name} asks for approvals, and force needs a reason", hint="say why with --reason")
    config = connections.config(plan.base)
    for older in supersede(config.app, name):
        # That run's release has the id that the run would have given it.
        gone = new_release_id(datetime.fromisoformat(older.asked), f"{older.run_id} {name}")
        tell_superseded(connections, config, gone, name)
    if request.force:
        return [("Forced", f"{name} asks for {place.approvals} approvals")]
    who = request.actor or connections.settings.who()
    text = plan_report(plan, connections.repo.read, asked_by(who, intent.reason))
    report("plan", text)
    _tell(connections, intent, plan, release_id, "waiting")
    try:
        return _asked(connections, intent, plan, text)
    except RefusedError as error:
        _tell(connections, intent, plan, release_id, "rejected", error.message)
        raise


def _asked(connections: Connections, intent: Intent, plan: Plan, text: str) -> list[tuple[str, str]]:
    """Ask one person after the other."""
    name, request = intent.environment, intent.request
    config = connections.config(plan.base)
    app, place = config.app, config.environments[name]
    asker = (request.actor or connections.settings.who()).strip().lower()
    people: dict[str, str] = {}
    for number in range(1, 5 * place.approvals + 1):
        if len(people) >= place.approvals:
            return [("Approved-By", who) for who in people.values()]
        log(f"{name}: waiting for approval {len(people) + 1} of {place.approvals} of plan {plan.fingerprint}")
        answer: Any = ask(number, app, name, plan.fingerprint, text, place.approval_timeout.total_seconds())
        who = answer.by.strip()
        if answer.decision != "approve":
            raise RefusedError(f"{name}: rejected by {who}" + (f": {answer.reason}" if answer.reason else ""))
        if answer.plan != plan.fingerprint:
            raise _changed(name, plan, None)
        if who.lower() == asker:
            log(f"{who} asked for it; somebody else must approve")
        elif who.lower() in people:
            log(f"{who} has approved it already; somebody else must approve too")
        else:
            people[who.lower()] = who + (f" ({answer.reason})" if answer.reason else "")
            log(f"approved by {people[who.lower()]}")
    raise RefusedError(f"{name}: not enough people approved plan {plan.fingerprint}")


def _changed(name: str, plan: Plan, now: Plan | None) -> RefusedError:
    newer = f"; it would now be {now.fingerprint}" if now is not None else f"; it is now {plan.fingerprint}"
    return RefusedError(
        f"{name}: the plan that was approved is no longer what would be done{newer}",
        hint="start it again and have the new plan approved",
    )
