"""Who must approve a release, and their answers. Nothing is held while people are asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from headway.domain.policy.approval_proof import Answer, only_there, places, way_of
from headway.domain.policy.people import is_named, same_person
from headway.domain.releases.ledger import APPROVED, new_release_id
from headway.errors import RefusedError, UsageError
from headway.operations.connections import Connections
from headway.operations.notices.plans import notify_superseded
from headway.operations.proposal import Proposal
from headway.requests import Forcible
from headway.runtime.steps import ask, log, run_identity, supersede, warn

Trailers = tuple[tuple[str, str], ...]


def needs_approval(proposal: Proposal, request: Forcible) -> bool:
    """Return whether people must approve this before it is done."""
    forced = request.force and bool(request.reason)
    return bool(proposal.rules.approvals) and not proposal.undo and not forced


def before_asking(connections: Connections, proposal: Proposal, request: Forcible) -> Trailers | None:
    """Check that this may be asked, and end older questions; return trailers where nobody needs to be asked."""
    config, name = proposal.snapshot.config, proposal.environment
    approvals = proposal.rules.approvals
    if not proposal.plan or proposal.undo or not approvals:
        return ()
    if proposal.rules.approve_on and not connections.settings.approval_secret.get_secret_value():
        raise UsageError(
            f"{name} takes approvals {places(proposal.rules.approve_on)} only, and nothing can prove "
            "that they were given there",
            hint="set HEADWAY_APPROVAL_SECRET for `headway serve` and for the workers",
        )
    if request.force and not request.reason:
        raise UsageError(f"{name} requires approvals, and force needs a reason", hint="say why with --reason")
    if not (request.force or is_named(request.actor)):
        raise UsageError(
            f"{name} requires approvals, and the requester is not named",
            hint="fill in `actor`: requesters cannot approve their own release",
        )
    for older in supersede(config.app, name):
        # That run's release has the id that the run would have given it.
        made = new_release_id(datetime.fromisoformat(older.asked), f"{older.run_id} {name}")
        notify_superseded(connections, config, older.release_id or made, name)
    return (("Forced", f"{name} requires {approvals} approvals"),) if request.force else None


def ask_people(proposal: Proposal, request: Forcible, report: str, secret: str = "") -> Trailers:
    """Ask one person after the other, until enough have approved this very plan; return their names for the record.

    `secret` is what the board signs approvals with; without one, where an approval was given is not known.
    """
    name, plan = proposal.environment, proposal.plan
    app, rules = proposal.snapshot.config.app, proposal.rules
    # One span of time for all answers: a run that is restarted after one was to start when it first did.
    until = run_identity()[0] + rules.approval_timeout
    people: list[str] = []
    approved: list[str] = []
    number = 0
    while len(people) < rules.approvals:
        number += 1
        log(f"{name}: waiting for approval {len(people) + 1} of {rules.approvals} of plan {plan.fingerprint}")
        left = (until - datetime.now(UTC)).total_seconds()
        answer: Any = ask(number, app, name, plan.fingerprint, report, max(left, 1.0))
        who = answer.by.strip()
        if answer.decision != "approve":
            raise RefusedError(f"{name}: rejected by {who}" + (f": {answer.reason}" if answer.reason else ""))
        if answer.plan != plan.fingerprint:
            raise plan_changed(name, f"it is now {plan.fingerprint}")
        given = Answer(run_identity()[1], answer.plan, answer.decision, answer.by)
        way = way_of(secret, getattr(answer, "proof", ""), given)
        if why := _counts_not(who, people, request.actor) or _elsewhere(who, name, rules.approve_on, way):
            warn(why)
            continue
        people.append(who)
        # Where the board can prove who approves, the record says of the others that nobody did.
        named = _recorded(who, way, bool(secret))
        approved.append(named + (f" ({answer.reason})" if answer.reason else ""))
        log(f"approved by {approved[-1]}")
    return tuple((APPROVED, who) for who in approved)


def plan_changed(name: str, now: str) -> RefusedError:
    """Return the error that says that another plan was approved than what would be done; `now` says what."""
    return RefusedError(
        f"{name}: the plan that was approved is no longer what would be done; {now}",
        hint="start it again and have the new plan approved",
    )


def _elsewhere(who: str, name: str, wanted: Sequence[str], way: str) -> str:
    """Return that an approval was given where the environment takes none; empty where it takes it."""
    only = only_there(name, wanted, way)
    return f"the approval by {who} does not count: {only}" if only else ""


def _recorded(who: str, way: str, provable: bool) -> str:
    """Return an approver as the commit names them: where they are only said to be somebody, it says so."""
    if way == "slack":
        return f"{who} through Slack"
    return f"through Prefect, named as {who}" if provable and not way else who


def _counts_not(who: str, people: list[str], asked: str) -> str:
    """Return why an approval does not count; empty where it does."""
    if same_person(who, asked):
        return f"the approval by {who} does not count: {asked} requested this; somebody else must approve"
    if any(same_person(who, it) for it in people):
        return f"the approval by {who} does not count twice; somebody else must approve too"
    if not is_named(who):
        return "an approval that names nobody does not count; fill in `by`"
    return ""
