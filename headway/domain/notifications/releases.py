"""What people are notified of a release, from its plan, its commit and how it ended: no clock, nobody is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from headway.domain.health.cause import NO_CAUSE, Cause
from headway.domain.health.verdict import Verdict
from headway.domain.images.reference import NOWHERE, Image
from headway.domain.notifications.notices import FAILURES, Notice, Recipient, stamp
from headway.domain.releases.ledger import Entry
from headway.domain.releases.message import Triple
from headway.domain.releases.plans import Plan

AUTOMATIC = ("watch-registry", "headway")
OVERDUE = timedelta(minutes=10)
"""How long a change waits for a system that may answer in a moment before people are notified."""
KINDS = {"promote": "promotion", "rollback": "rollback"}
"""A flow's kind of release, where it is no plain one."""


def of_plan(
    app: str, plan: Plan, release: str, kind: str, state: str, *, actor: str, reason: str, cause: str
) -> Notice:
    """Return the notice of a release that is not in the config repo yet."""
    return Notice(
        release=release,
        app=app,
        environment=plan.environment,
        kind=kind,
        state=state,
        changes=plan.triples,
        actor=actor,
        reason=reason,
        cause=Cause(text=cause),
        automatic=actor in AUTOMATIC,
    )


def of_commit(app: str, environment: str, entry: Entry, state: str) -> Notice:
    """Return the notice of what a commit changes in an environment, be it a release or a person's push."""
    record = entry.record
    # A commit may change several environments: each has a notice of its own.
    own = entry.release_id if entry.environment == environment else ""
    return Notice(
        release=own or f"{entry.release_id or entry.commit[:12]}-{environment}",
        app=app,
        environment=environment,
        kind=entry.kind or "commit",
        state=state,
        changes=record.changes if record else (),
        actor=entry.actor,
        reason=entry.reason or ("" if record else entry.subject),
        commit=entry.commit,
        automatic=entry.actor in AUTOMATIC,
    )


def of_request(
    app: str, environment: str, release: str, flow: str, asked: Mapping[str, Any], state: str, cause: str
) -> Notice:
    """Return the notice of what a run was asked for and made no commit of."""
    return Notice(
        release=release,
        app=app,
        environment=environment,
        kind=KINDS.get(flow, "release"),
        state=state,
        changes=tuple((it["service"], NOWHERE, Image(it["image"])) for it in asked.get("images", ())),
        actor=str(asked.get("actor") or ""),
        reason=str(asked.get("reason") or ""),
        cause=Cause(text=cause),
    )


def of_push(
    app: str,
    environment: str,
    what: str,
    *,
    commit: str,
    about: str,
    cause: str,
    changes: tuple[Triple, ...],
) -> Notice:
    """Return the notice of something that others did in the config repo."""
    return Notice(
        release=push_id(about, commit, environment),
        app=app,
        environment=environment,
        kind="push",
        state="noticed",
        changes=changes,
        reason=what,
        cause=Cause(text=cause),
        commit=commit,
    )


def push_id(about: str, commit: str, environment: str) -> str:
    """Return the id under which something that others did is notified once."""
    return f"{about or 'noticed'}-{commit[:12]}-{environment}"


def as_known(known: Notice, new: Notice) -> Notice:
    """Return the new state of a release with what an earlier notice of it says besides."""
    return dataclasses.replace(
        known, state=new.state, cause=new.cause, at=new.at, progress="", corrects=False
    )


def with_end(notice: Notice, notified: Entry) -> Notice:
    """Return the notice of a commit as its recorded outcome ended it, to correct what was shown before."""
    ended = notified.outcomes[-1]
    cause = notified.cause if notified.state in FAILURES else NO_CAUSE
    return dataclasses.replace(
        notice, cause=cause, seconds=round(ended.seconds, 1), at=stamp(ended.at), corrects=True
    )


def end_of(last: Entry, notified: Entry, state: str, cause: Cause) -> tuple[str, Cause] | None:
    """Return the state and the cause that people are notified of; None where its end is no news.

    The end of a rollback (`last`) is also the end of the release that it rolls back, which they know (`notified`).
    """
    if notified is last:
        return state, cause
    if state == "superseded":
        return None
    if state == "failed":
        again = f"{notified.cause.text}; rolling back did not succeed either: {cause}"
        return "failed", notified.cause.saying(again)
    return "rolled-back", notified.cause


def unfinished_cause(last: Entry, notified: Entry, message: str, hint: str) -> Cause:
    """Return why a change is unfinished, for people: of a rollback, with what it rolls back."""
    cause = "; ".join(filter(None, (message, hint)))
    if notified is last:
        return Cause(text=cause)
    back = f"rolling back to what was live is unfinished: {cause}"
    return notified.cause.saying(f"{notified.cause.text or 'it failed'}; {back}")


def has_its_commit(notice: Notice) -> bool:
    """Return whether a release has just got its commit, so that it is its environment's newest change."""
    return bool(notice.commit) and notice.state in ("releasing", "live") and not notice.progress


def is_overdue(last: Entry, now: datetime) -> bool:
    """Return whether a change has waited so long that people are notified also of what may be over in a moment."""
    return now - last.time >= OVERDUE


def ended_lately(notified: Entry, now: datetime, kept: timedelta) -> bool:
    """Return whether an outcome is recorded that may still have to be corrected in what people were shown."""
    return bool(notified.outcomes) and now - notified.outcomes[-1].at <= kept


def details_of(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """Return the last log lines of what failed, each pod's under its name."""
    failed = [it for it in verdicts if it.status == "failed" and it.logs]
    return tuple(line for it in failed for line in (f"{it.cause.pod}:", *it.logs))


def that_follow(recipients: Iterable[Recipient], notice: Notice) -> list[Recipient]:
    """Return the recipients of a notice; of a rollout's progress, only those whose message changes in its place."""
    return [it for it in recipients if not notice.progress or it.kind == "slack"]
