"""From a plan to its arrival: the steps that every release, promotion and rollback shares.

look at what holds it back -> rehearse on the cluster -> ask who must approve -> commit -> reach

Nothing is held while people are asked. After the answer the world is looked at again,
and what was approved is carried out only if it is still the very same plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from headway.domain.policy.gates import Barred
from headway.domain.policy.people import actor_of, is_named, same_person
from headway.domain.releases.ledger import APPROVED, REQUEST, Entry, ReleaseRecord, new_release_id
from headway.domain.releases.plans import Plan
from headway.domain.releases.rehearsal import Rehearsal
from headway.errors import FailedError, HeadwayError, RefusedError, UsageError
from headway.flows.gating import barred_by, passed, refuse_barred
from headway.flows.publishing import publish
from headway.flows.rehearsing import differs, refuse, rehearsed
from headway.flows.road import reach
from headway.operations.connections import Connections
from headway.operations.notices import tell_plan, tell_superseded, told_before
from headway.operations.reports.plan import asked_by, plan_report
from headway.operations.result import Step
from headway.operations.scan import source_of
from headway.requests import Forcible
from headway.runtime.steps import ask, asked_before, log, report, run_identity, supersede, warn

Files = Mapping[str, bytes]
R = TypeVar("R", bound=Forcible)


class Intent:
    """What is to be done: `make` plans it on a head, `also` gives further files of its commit.

    `bars` says what holds back this kind of release besides the gates that all have, `notes` what people should
    know of it before it is done.
    `undo` marks a rollback, which waits for no window and asks for no approval.
    `before` is what took time until it was to be done.
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
        bars: Callable[[str, Plan], list[Barred]] = lambda head, plan: [],
        notes: Callable[[str, Plan], list[str]] = lambda head, plan: [],
        undo: bool = False,
        before: Iterable[Step] = (),
    ) -> None:
        self.kind, self.request, self.environment = kind, request, environment
        self.also, self.trailers, self.bars, self.notes = also, trailers, bars, notes
        self._make, self._made = make, dict[str, Plan]()
        self.reason = request.reason or reason
        self.undo = undo
        self.before = tuple(before)
        # What the cluster made of each plan when it was tried there, by the plan's base.
        self.tried: dict[str, Rehearsal] = {}
        # What people were told of and is not committed yet: the plan, and the release's id.
        self.told: tuple[Plan, str] | None = None

    @property
    def refused(self) -> str:
        """Say why the cluster refused what is planned; empty where it did not, or was not asked yet."""
        last = next(reversed(self.tried.values()), Rehearsal())
        return last.refusal if last.refused and not (last.unable or last.strangers) else ""

    def plan(self, head: str) -> Plan:
        """Plan on a head, once."""
        if head not in self._made:
            self._made[head] = self._make(head)
        return self._made[head]


def identified(request: R, environment: str) -> R:
    """Give a request its release's id: the caller's own, or one that stays the same when this run is tried again."""
    return request.model_copy(update={"release_id": request.release_id or _own_id(environment)})


def _own_id(environment: str) -> str:
    started, run = run_identity()
    # One run may release to several environments, and each is a release of its own.
    return new_release_id(started, f"{run} {environment}")


def committed_before(
    connections: Connections, request: Forcible, environment: str
) -> dict[str, object] | None:
    """Finish a release whose commit is there already, as a run does that is begun anew; None where there is none.

    What was decided before the commit, such as the target of a rollback, is not decided again.
    """
    repo = connections.repo
    found = repo.find_release(request.release_id)
    if found is None or request.dry_run:
        return None
    entry = repo.entry(found)
    if entry.environment != environment:
        raise UsageError(
            f"the release {request.release_id} is one of {entry.environment} already ({found[:9]})",
            hint=f"give the release to {environment} an id of its own",
        )
    _same_request(entry, request)
    log(f"{environment}: this release is commit {found[:9]} already; finishing it")
    arrival = reach(connections, environment)
    ended = repo.entry(found).of(environment)
    if arrival.commit != found and ended.state in ("failed", "rolled-back"):
        back = " and was taken back" if ended.state == "rolled-back" else ""
        raise FailedError(
            f"{environment}: {found[:9]} failed{back}: {ended.diagnosis}",
            hint=f"`headway history {environment}` says what is live now",
        )
    return arrival.check().as_dict()


def _same_request(entry: Entry, request: Forcible) -> None:
    """Refuse a release's id that stands for another request: what is there is not what is asked for."""
    if entry.request and request.mark and entry.request != request.mark:
        raise UsageError(
            f"the release id {request.release_id} stands for another request already: {entry.what} "
            f"in {entry.environment} ({entry.commit[:9]})",
            hint="give each request an id of its own; only a repeated call has the id of the first",
        )


def carry_out(connections: Connections, intent: Intent) -> dict[str, object]:
    """Plan, ask, commit and reach; give how it ended. A dry run only plans."""
    try:
        return _carry_out(connections, intent)
    except HeadwayError as error:
        if intent.told is not None:
            # Whoever heard that it is planned or waits hears that it comes to nothing.
            _tell(connections, intent, *intent.told, "rejected", error.message)
        raise


def _carry_out(connections: Connections, intent: Intent) -> dict[str, object]:
    request, name = intent.request, intent.environment
    head = connections.repo.head
    plan = intent.plan(head)
    release_id = request.release_id or _own_id(name)
    if not request.dry_run and told_before(connections, connections.config(head), release_id):
        intent.told = plan, release_id
    barred = barred_by(connections, intent, head, plan)
    for note in intent.notes(head, plan):
        warn(f"{name}: {note}")
    if request.dry_run:
        return _only_told(connections, intent, plan, barred)
    refuse_barred(intent, barred)
    began = time.monotonic()
    forced = refuse(name, _tried(connections, intent, plan, head), request)
    rehearsal: Step = ("rehearse", time.monotonic() - began)
    approved = _approvals(connections, intent, plan, release_id)
    steps = [*intent.before, rehearsal]
    if any(name == APPROVED for name, _ in approved):
        # The run began anew when the answer came, and knows when it was first to start.
        steps.append(("wait for approval", (datetime.now(UTC) - run_identity()[0]).total_seconds()))

    def again(newer: str) -> Plan:
        """Plan on the head that is about to be built on, and see that it may still be done."""
        nonlocal barred, forced
        now = intent.plan(newer)
        if newer != head:
            barred = barred_by(connections, intent, newer, now)
            refuse_barred(intent, barred)
            if differs(connections, name, head, newer):
                forced = refuse(name, _tried(connections, intent, now, newer), request)
            # Also where there was nothing to approve before: what nobody has seen is not carried out.
            if now and now.fingerprint != plan.fingerprint and _asks(connections, intent, newer):
                raise _changed(name, plan, now)
        return now

    if plan:
        _tell(connections, intent, plan, release_id, "planned")
    began = time.monotonic()
    published = publish(
        connections,
        again,
        lambda it: ReleaseRecord(
            id=release_id,
            environment=name,
            kind=intent.kind,
            changes=it.triples,
            actor=actor_of(request.actor),
            reason=intent.reason,
            why={change.service: change.why for change in it.changes},
            trailers=(
                *intent.trailers(),
                *_sources(connections, it),
                *passed(barred),
                *forced,
                *approved,
                (REQUEST, request.mark),
            ),
        ),
        release_id,
        intent.also,
        lambda it: intent.tried.get(it.base, intent.tried.get(head)),
    )
    steps.append(("commit", time.monotonic() - began))
    if published is not None and published.already:
        # Somebody else's call with the same id came between.
        _same_request(connections.repo.entry(published.commit), request)
    if published is None:
        log(f"{name}: the config repo names these images already")
        if intent.told is not None:
            cause = "the config repo names these images already"
            _tell(connections, intent, *intent.told, "superseded", cause)
    intent.told = None
    pushed = published.head if published is not None else None
    past = request.reason if request.force else ""
    return reach(connections, name, pushed, steps, past).check().as_dict()


def _only_told(
    connections: Connections, intent: Intent, plan: Plan, barred: list[Barred]
) -> dict[str, object]:
    """Tell what would be done, in the config repo and in the cluster, and what stands against it."""
    cluster = _tried(connections, intent, plan, plan.base)
    report(f"plan-{plan.environment}", _plan_report(connections, intent, plan, barred))
    held = [*map(str, barred), *(f"the cluster would refuse it: {it}" for it in cluster.against)]
    for each in held:
        log(f"held back: {each}")
    notes = intent.notes(plan.base, plan)
    return {**plan.as_dict(), "held_back": held, "cluster": cluster.as_dict(), "notes": notes}


def _tried(connections: Connections, intent: Intent, plan: Plan, head: str) -> Rehearsal:
    """Try a plan on its cluster; where people read it before it is done, also look what would be deleted."""
    whole = intent.request.dry_run or _asks(connections, intent, head)
    intent.tried[plan.base] = rehearsed(connections, plan, intent.request, whole=whole)
    return intent.tried[plan.base]


def _plan_report(connections: Connections, intent: Intent, plan: Plan, barred: Iterable[Barred] = ()) -> str:
    who = actor_of(intent.request.actor)
    also = intent.also(plan.base, plan) if plan else {}
    cluster, notes = intent.tried.get(plan.base), intent.notes(plan.base, plan)
    return plan_report(
        plan, connections.repo.read, asked_by(who, intent.reason), also, map(str, barred), cluster, notes
    )


def _sources(connections: Connections, plan: Plan) -> list[tuple[str, str]]:
    config = connections.config(plan.base)
    brought = dict.fromkeys((it.service, it.new) for it in plan.changes)
    found = ((service, source_of(connections, config, service, new)) for service, new in brought)
    return [("Source", f"{name} {it[0]} {it[1]:%Y-%m-%dT%H:%M:%SZ}") for name, it in found if it]


def _asks(connections: Connections, intent: Intent, head: str) -> bool:
    """Say whether people must approve this before it is done."""
    place = connections.config(head).environments[intent.environment]
    forced = intent.request.force and bool(intent.request.reason)
    return bool(place.approvals) and not intent.undo and not forced


def _tell(
    connections: Connections, intent: Intent, plan: Plan, release_id: str, state: str, cause: str = ""
) -> None:
    intent.told = plan, release_id
    tell_plan(
        connections,
        plan,
        release_id,
        intent.kind,
        state,
        actor=actor_of(intent.request.actor),
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
    if not (request.force or is_named(request.actor)):
        raise UsageError(
            f"{name} asks for approvals, and nobody is named who asks for this",
            hint="fill in `actor`: whoever asks cannot approve",
        )
    config = connections.config(plan.base)
    for older in supersede(config.app, name):
        # That run's release has the id that the run would have given it.
        made = new_release_id(datetime.fromisoformat(older.asked), f"{older.run_id} {name}")
        tell_superseded(connections, config, older.release_id or made, name)
    if request.force:
        return [("Forced", f"{name} asks for {place.approvals} approvals")]
    text = _plan_report(connections, intent, plan)
    report(f"plan-{name}", text)
    if not asked_before():
        _tell(connections, intent, plan, release_id, "waiting")
    return _asked(connections, intent, plan, text)


def _asked(connections: Connections, intent: Intent, plan: Plan, text: str) -> list[tuple[str, str]]:
    """Ask one person after the other."""
    name, request = intent.environment, intent.request
    config = connections.config(plan.base)
    app, place = config.app, config.environments[name]
    # One span of time for all answers: a run that begins anew after one was to start when it first did.
    until = run_identity()[0] + place.approval_timeout
    people: list[str] = []
    approved: list[str] = []
    number = 0
    while len(people) < place.approvals:
        number += 1
        log(f"{name}: waiting for approval {len(people) + 1} of {place.approvals} of plan {plan.fingerprint}")
        left = (until - datetime.now(UTC)).total_seconds()
        answer: Any = ask(number, app, name, plan.fingerprint, text, max(left, 1.0))
        who = answer.by.strip()
        if answer.decision != "approve":
            raise RefusedError(f"{name}: rejected by {who}" + (f": {answer.reason}" if answer.reason else ""))
        if answer.plan != plan.fingerprint:
            raise _changed(name, plan, None)
        if same_person(who, request.actor):
            warn(
                f"the approval by {who} does not count: {request.actor} asked for this; somebody else must approve"
            )
        elif any(same_person(who, it) for it in people):
            warn(f"the approval by {who} does not count twice; somebody else must approve too")
        elif not is_named(who):
            warn("an approval that names nobody does not count; fill in `by`")
        else:
            people.append(who)
            approved.append(who + (f" ({answer.reason})" if answer.reason else ""))
            log(f"approved by {approved[-1]}")
    return [(APPROVED, who) for who in approved]


def _changed(name: str, plan: Plan, now: Plan | None) -> RefusedError:
    newer = f"; it would now be {now.fingerprint}" if now is not None else f"; it is now {plan.fingerprint}"
    return RefusedError(
        f"{name}: the plan that was approved is no longer what would be done{newer}",
        hint="start it again and have the new plan approved",
    )
