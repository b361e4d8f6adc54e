"""A release before its commit: what is proposed, what holds it back, what the cluster says, who approved it.

Nothing is held while people are asked. After the answer the world is looked at again, and what was approved
is executed only if it is still the very same plan.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from headway.domain.policy.gates import Blocked
from headway.domain.policy.people import actor_of
from headway.domain.releases.ledger import APPROVED, RENDERED, REQUEST, ReleaseRecord, format_message
from headway.domain.releases.rehearsal import Rehearsal
from headway.errors import FailedError, HeadwayError, RefusedError
from headway.operations.approvals import Trailers, ask_people, before_asking, needs_approval, plan_changed
from headway.operations.connections import Connections
from headway.operations.gates import blocked_by, refuse_blocked
from headway.operations.notices.plans import notified_before, notify_plan
from headway.operations.proposal import Proposal, Propose, same_request
from headway.operations.rehearsal import UNCHANGED, Rehearse, differs, refuse_rehearsed, rehearsed
from headway.operations.reports.plan import asked_by, plan_report
from headway.operations.result import Timed
from headway.operations.scan.histories import source_of
from headway.requests import Forcible
from headway.runtime.interruption import note_unfinished
from headway.runtime.steps import asked_before, log, report, run_identity, warn
from headway.systems.git.config_repo import ProposedCommit, Published


class Release:
    """One request on its way to a commit. `request` has the release's id."""

    def __init__(
        self, connections: Connections, request: Forcible, propose: Propose, rehearse: Rehearse
    ) -> None:
        self.connections, self.request = connections, request
        self._propose, self._rehearse = propose, rehearse
        self._proposals: dict[str, Proposal] = {}
        self._rehearsals: dict[str, Rehearsal] = {}
        self._approved: Trailers = ()
        self._forced: Trailers = ()
        self._blocked: list[Blocked] = []
        self._notified: Proposal | None = None
        self._shown: set[str] = set()
        self._pushing = 0.0
        self.first = self.at(connections.repo.head)
        self.name = self.first.environment
        self.steps: list[Timed] = []

    def at(self, head: str) -> Proposal:
        """Return what is proposed on a head; it is worked out once."""
        if head not in self._proposals:
            self._proposals[head] = self._propose(self.connections.at(head))
        return self._proposals[head]

    @property
    def refusal(self) -> str:
        """Why the cluster would refuse the proposal; empty where it would not, or was not asked yet."""
        last = next(reversed(self._rehearsals.values()), Rehearsal())
        return last.refusal if last.refused and not (last.unable or last.strangers) else ""

    # --- before anybody is asked ---

    def preview(self) -> dict[str, object]:
        """Return what would be done, in the config repo and in the cluster, and what stands against it."""
        blocked = blocked_by(self.connections, self.first)
        self._say_notes()
        cluster = self._try(self.first)
        report(f"plan-{self.name}", self._report(self.first, blocked))
        held = [*map(str, blocked), *(f"the cluster would refuse it: {it}" for it in cluster.against)]
        for each in held:
            log(f"held back: {each}")
        notes = list(self.first.notes)
        return {**self.first.plan.as_dict(), "held_back": held, "cluster": cluster.as_dict(), "notes": notes}

    def check(self) -> None:
        """Refuse what is held back, or what the cluster would refuse."""
        self._as_seen(self.first)
        if notified_before(self.connections, self.first.snapshot.config, self.request.release_id):
            self._notified = self.first
        self._blocked = blocked_by(self.connections, self.first)
        self._say_notes()
        refuse_blocked(self.request, self._blocked)
        began = time.monotonic()
        self._forced = tuple(refuse_rehearsed(self.name, self._try(self.first), self.request))
        self.steps.append(("rehearse", time.monotonic() - began))

    def approve(self) -> None:
        """Ask until enough people have approved this very plan."""
        trailers = before_asking(self.connections, self.first, self.request)
        if trailers is None:
            text = self._report(self.first)
            report(f"plan-{self.name}", text)
            if not asked_before():
                self._notify(self.first, "waiting")
            secret = self.connections.settings.approval_secret.get_secret_value()
            trailers = ask_people(self.first, self.request, text, secret)
        self._approved = trailers
        if any(name == APPROVED for name, _ in trailers):
            # The run was restarted when the answer came, and knows when it was first to start.
            waited = (datetime.now(UTC) - run_identity()[0]).total_seconds()
            self.steps.append(("wait for approval", waited))

    # --- the commit ---

    def prepare(self) -> None:
        """Show and notify what is committed next, so that it does not wait for a server while others wait for it."""
        if self.first.plan:
            self._notify(self.first, "planned")
        self.propose_commit(self.connections.repo.head)
        note_unfinished(
            self.name,
            f"{self.name}: the release may be pushed and is not applied; `headway history {self.name}` says whether "
            f"it is in the config repo, and `headway reconcile {self.name}` finishes it",
        )

        self._pushing = time.monotonic()

    def propose_commit(self, head: str) -> ProposedCommit | None:
        """Return the commit on a head, having seen that it may still be done there; None where nothing would change."""
        proposal = self._again(head)
        if not proposal.plan:
            return None
        record = self._record(proposal)
        if proposal.plan.fingerprint not in self._shown:
            self._shown.add(proposal.plan.fingerprint)
            cluster = self._rehearsals.get(proposal.base, self._rehearsals.get(self.first.base))
            asked = asked_by(record.actor, record.reason)
            read = self.connections.repo.read
            report(
                f"plan-{self.name}", plan_report(proposal.plan, read, asked, proposal.files, cluster=cluster)
            )
        files = {**proposal.plan.files, **proposal.files}
        return ProposedCommit(files=files, message=format_message(record), author=record.actor)

    def committed(self, published: Published | None) -> str | None:
        """Return what was committed; return the branch's head where it is known."""
        if published is not None and published.already:
            # Somebody else's call with the same id came between.
            same_request(self.connections.repo.entry(published.commit), self.request)
        self.steps.append(("commit", time.monotonic() - self._pushing))
        note_unfinished(self.name, "" if published is None else _not_applied(self.name, published.commit))
        if published is None:
            cause = "the config repo names these images already"
            log(f"{self.name}: {cause}")
            if self._notified is not None:
                self._notify(self._notified, "superseded", cause)
        else:
            already = " (it was there already)" if published.already else ""
            log(f"the release is commit {published.commit[:9]} of the config repo{already}")
        self._notified = None
        return published.head if published is not None else None

    @contextlib.contextmanager
    def ends_with_notice(self) -> Iterator[None]:
        """Notify whoever knows that it is planned or waits, where it comes to nothing."""
        try:
            yield
        except BaseException as error:
            note_unfinished(self.name, "")
            if self._pushing and isinstance(error, FailedError) and UNCHANGED not in error.message:
                error.hint = "; ".join(filter(None, [error.hint, UNCHANGED]))
            if self._notified is not None and isinstance(error, HeadwayError):
                self._notify(self._notified, "rejected", error.message)
            raise

    def _again(self, head: str) -> Proposal:
        """Return the proposal on the head that is about to be built on, having seen that it may still be done."""
        proposal, first = self.at(head), self.first
        if head == first.base:
            return proposal
        self._as_seen(proposal)
        self._blocked = blocked_by(self.connections, proposal)
        refuse_blocked(self.request, self._blocked)
        if differs(self.name, first.snapshot, proposal.snapshot):
            self._forced = tuple(refuse_rehearsed(self.name, self._try(proposal), self.request))
        # Also where there was nothing to approve before: what nobody has seen is not executed.
        other = proposal.plan and proposal.plan.fingerprint != first.plan.fingerprint
        if other and needs_approval(proposal, self.request):
            raise plan_changed(self.name, f"it would now be {proposal.plan.fingerprint}")
        return proposal

    def _as_seen(self, proposal: Proposal) -> None:
        """Refuse a plan that is another one than whoever asks has seen."""
        seen, now = self.request.plan, proposal.plan.fingerprint
        if seen and proposal.plan and now != seen:
            raise RefusedError(
                f"{self.name}: the plan {seen} is no longer what would be done; it would now be {now}",
                hint="look at the new plan, and start it again",
            )

    def _record(self, proposal: Proposal) -> ReleaseRecord:
        plan, desired = proposal.plan, proposal.snapshot.environment(self.name)
        return ReleaseRecord(
            id=self.request.release_id,
            environment=self.name,
            kind=proposal.kind,
            changes=plan.triples,
            actor=actor_of(self.request.actor),
            reason=proposal.reason,
            why={change.service: change.why for change in plan.changes},
            trailers=(
                *proposal.trailers,
                *self._sources(proposal),
                *((RENDERED, it) for it in desired.tools),
                *(("Chart", it) for it in desired.charts),
                *(("Forced", str(it)) for it in self._blocked),
                *self._forced,
                *self._approved,
                (REQUEST, self.request.mark),
            ),
        )

    def _sources(self, proposal: Proposal) -> Iterator[tuple[str, str]]:
        config = proposal.snapshot.config
        for service, new in dict.fromkeys((it.service, it.new) for it in proposal.plan.changes):
            if found := source_of(self.connections, config, service, new):
                yield "Source", f"{service} {found[0]} {found[1]:%Y-%m-%dT%H:%M:%SZ}"

    def _try(self, proposal: Proposal) -> Rehearsal:
        """Try a plan on its cluster; where people read it before it is done, also look what would be deleted."""
        whole = self.request.dry_run or needs_approval(proposal, self.request)
        found = rehearsed(self.connections, proposal, self.request, self._rehearse, whole=whole)
        self._rehearsals[proposal.base] = found
        return found

    def _report(self, proposal: Proposal, blocked: Iterable[Blocked] = ()) -> str:
        asked = asked_by(actor_of(self.request.actor), proposal.reason)
        cluster = self._rehearsals.get(proposal.base)
        read, files = self.connections.repo.read, proposal.files
        return plan_report(proposal.plan, read, asked, files, map(str, blocked), cluster, proposal.notes)

    def _say_notes(self) -> None:
        for note in self.first.notes:
            warn(f"{self.name}: {note}")

    def _notify(self, proposal: Proposal, state: str, cause: str = "") -> None:
        self._notified = proposal
        notify_plan(
            self.connections,
            proposal.snapshot,
            proposal.plan,
            self.request.release_id,
            proposal.kind,
            state,
            actor=actor_of(self.request.actor),
            reason=proposal.reason,
            cause=cause,
        )


def _not_applied(name: str, commit: str) -> str:
    return f"{name}: commit {commit[:9]} is pushed and not applied; `headway reconcile {name}` finishes it"
