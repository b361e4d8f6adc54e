"""One environment on its way to what the branch's newest commit says: what is known of it, and each step's work.

Which step is next is decided in `domain.releases.next_step`. A step is tried again as a whole, so each can be
done twice; and each leaves what it did in Git or in the cluster, where a later run finds it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from headway.domain.objects.identity import ObjectId
from headway.domain.releases.next_step import Facts
from headway.errors import HeadwayError, RejectedError, TransientError
from headway.operations.connections import Connections
from headway.operations.deployment import apply_manifests, verify_release, watch_rollout
from headway.operations.deployment_lock import Held
from headway.operations.desired import Desired
from headway.operations.newer_commit import NewerCommit
from headway.operations.notices.commits import RolloutNotices, notify_entry
from headway.operations.recording import record_outcome
from headway.operations.refused_push import refuse_older_push
from headway.operations.restoring import shared_changes
from headway.operations.result import Ended, Result
from headway.operations.rollback import restore
from headway.operations.superseded import left_the_branch
from headway.operations.undone_by_people import notify_left_out, notify_older
from headway.operations.vetoes import names_an_image
from headway.runtime.interruption import note_unfinished
from headway.runtime.steps import log


@dataclass(frozen=True, slots=True)
class Restored:
    """A failure and the commit that rolls it back: what it restores, since when, and what goes with it."""

    failed: Result
    to: str
    by: str
    began: float
    vetoed: bool
    undone: tuple[str, ...]


class Reconciliation:
    """What is known and what was done; each step returns a new one.

    `desired` is the environment at the branch's newest commit, `live` at the commit that was live last, `last`
    the commit that changed it last. `held` raises once the environment is somebody else's to change.
    `restored` is the failure that the newest commit rolls back, where this run has pushed that.

    Not a dataclass on purpose: Prefect walks into those to look for futures, and an environment may have
    thousands of objects.
    """

    __slots__ = (
        "began",
        "connections",
        "desired",
        "facts",
        "held",
        "last",
        "live",
        "next_head",
        "restored",
        "result",
        "took",
    )

    def __init__(
        self,
        connections: Connections,
        name: str,
        head: str,
        held: Held,
        restored: Restored | None = None,
    ) -> None:
        self.connections, self.held, self.restored = connections, held, restored
        self.desired = connections.at(head).environment(name)
        for problem in self.desired.problems:
            log(f"left out, and nothing is pruned meanwhile: {problem}")
        for doubt in self.desired.doubts:
            log(f"warning: {doubt}")
        notify_left_out(connections, self.desired)
        self.last = connections.repo.last_change(name, self.desired.place, head)
        self.live = _live(connections, self.desired)
        self.facts = Facts(
            recorded=self.last.state,
            live=_same(self.live, self.desired),
            on_failure=self._on_failure(),
            verifies=self.desired.environment.verify is not None,
        )
        if self.last.state == "failed" and self.facts.rolls_back:
            log(f"{name}: {self.last.commit[:9]} is recorded as failed; looking whether it still fails")
        self.result = Result(name, self.last.commit, "unchanged", 0.0)
        self.began = time.monotonic()
        self.took, self.next_head = 0.0, ""

    def _on_failure(self) -> Literal["rollback", "keep"]:
        """Return what is done about a failure: what other environments read too is not rolled back for this one."""
        chosen = self.desired.environment.on_failure
        if (
            chosen == "rollback"
            and self.live is not None
            and (shared := shared_changes(self.connections, self.desired, self.live))
        ):
            log(
                f"{self.name}: if this fails, it is not rolled back by itself: {shared}. Revert the commit that "
                "changed it (`git revert`), or give this environment a copy of its own"
            )
            return "keep"
        return chosen

    @property
    def name(self) -> str:
        """The environment."""
        return self.desired.name

    @property
    def state(self) -> str:
        """Return how it ended, as far as is known."""
        return self.result.state

    def apply(self) -> Self:
        """Make the cluster's objects equal to the manifests."""
        self.held()
        note_unfinished(
            self.name,
            f"{self.name}: commit {self.last.commit[:9]} is being applied, and its outcome is not recorded; "
            f"`headway reconcile {self.name}` finishes it",
        )
        try:
            applied = apply_manifests(self.connections, self.desired, self.held)
        except RejectedError as error:
            return self._rejected(error, "apply")
        facts = replace(self.facts, touched=bool(applied.touched))
        done = self._step("apply", facts, replace(self.result, applied=applied))
        # Where nothing was to do, what it took is no step of a release.
        return done if done.facts.touched or not done.facts.settled else done._with(result=done._timed())

    def watch(self) -> Self:
        """Follow the rollout until each workload is live, or one has certainly failed."""
        touched = frozenset(self.result.applied.touched if self.result.applied else ())
        changed = (
            self.desired.with_readers(touched)
            if self.facts.settled
            else _changed(self.desired, self._since(), touched)
        )
        progress: Callable[[str], None] = log
        if self._is_news():
            notify_older(self.connections, self.desired, self.live, self.last)
            config = self.desired.config
            notify_entry(self.connections, config, self.name, self.last, "releasing")
            progress = RolloutNotices(self.connections, config, self.name, self.last)
        newer = NewerCommit(self.connections, self.desired, self.held)
        try:
            rollout = watch_rollout(self.connections, self.desired, changed, self.held, newer, progress)
        except RejectedError as error:
            return self._rejected(error, "roll out")
        ran = self.live.images if self.live is not None else frozenset[str]()
        result = self.result.rolled_out(rollout, ran)
        return self._step("roll out", self._ended(result.state), result, rollout.seconds)

    def verify(self) -> Self:
        """Let what rolled out prove itself; what does not is a failed release."""
        newer = NewerCommit(self.connections, self.desired, self.held)
        found = verify_release(self.connections, self.desired, self.last.commit, self.held, newer)
        for check in found.checks:
            log(f"verified: {check.said}" if check.ok else f"not verified: {check.said}")
        result = self.result
        if found.superseded:
            result = replace(result, state="superseded")
        elif not found.ok:
            result = replace(
                result, state="failed", cause=found.cause.saying(f"verification: {found.cause.text}")
            )
        return self._step("verify", replace(self._ended(result.state), verified=True), result)

    def confirm(self) -> Self:
        """See that the branch still has the commit: its history may have been rewritten meanwhile."""
        gone = left_the_branch(self.connections, self.last)
        if gone:
            log(
                f"{self.name}: {self.last.commit[:9]} is no longer on the branch: its history was rewritten meanwhile"
            )
        return self._with(facts=replace(self.facts, on_branch=not gone), next_head=self.connections.repo.head)

    def record(self) -> Self:
        """Notify people of the outcome, then record it: killed in between, nobody is notified of anything new."""
        self.held()
        record_outcome(
            self.connections, self.desired, self.live, self.last, self.result, self.held,
            rolls_back=self.facts.rolls_back,
        )  # fmt: skip
        return self._with(facts=replace(self.facts, written=True))

    def roll_back(self) -> Self:
        """Push a commit that restores the folder as it was live; the cluster follows in the next steps."""
        assert self.live is not None, "only what was live can be restored"
        began = time.monotonic()
        self.held()
        note_unfinished(
            self.name,
            f"{self.name}: commit {self.last.commit[:9]} failed and is not rolled back yet; "
            f"`headway reconcile {self.name}` rolls it back",
        )
        done = restore(self.connections, self.desired, self.live, self.last, self.result, self.held)
        if done is None:
            log(f"{self.name}: a newer change has landed meanwhile; going on with that one")
            return self._with(facts=replace(self.facts, pushed=False))
        restored = Restored(
            self.result, self.live.commit, done.published.commit, began, done.vetoed, done.undone
        )
        facts = replace(self.facts, pushed=True)
        return self._with(facts=facts, next_head=done.published.head, restored=restored)

    def look_again(self) -> Reconciliation:
        """Restart with the branch's newest commit, or with the one that this run has pushed."""
        head, restored = self.next_head, self.restored
        if self.facts.pushed is False:
            head, restored = self.connections.repo.fetch(), None
        if not self.facts.pushed:
            refuse_older_push(self.connections.repo, self.connections.at(head), self.name)
        return Reconciliation(self.connections, self.name, head, self.held, restored)

    def ended(self) -> Result:
        """Return how it ended, with the failure that was rolled back where there was one."""
        if (it := self.restored) is None:
            return self.result
        seconds = time.monotonic() - it.began
        return it.failed.rolled_back(it.to, it.by, self.result, seconds, vetoed=it.vetoed, undone=it.undone)

    def _with(self, **changes: Any) -> Self:
        done = copy.copy(self)
        for name, value in changes.items():
            setattr(done, name, value)
        return done

    def _timed(self) -> Result:
        return replace(self.result, seconds=time.monotonic() - self.began, steps=())

    def _step(self, name: str, facts: Facts, result: Result, seconds: float | None = None) -> Self:
        """Return this with what a step did and how long it took."""
        now = time.monotonic() - self.began
        took = now - self.took if seconds is None else seconds
        result = replace(result, seconds=now, steps=(*result.steps, (name, took)))
        return self._with(facts=facts, result=result, took=now)

    def _ended(self, state: Ended) -> Facts:
        assert state in ("live", "applied", "failed", "superseded")
        return replace(self.facts, state=state)

    def _rejected(self, error: RejectedError, step: str) -> Self:
        """Return this as failed: the one error that is a verdict. Who could not see or write knows nothing."""
        result = self.result.rejected(error, names_an_image(self.desired, error.objects))
        return self._step(step, self._ended("failed"), result)

    def _is_news(self) -> bool:
        """Return whether people wait to be notified of this commit's rollout."""
        return not (self.facts.settled or self.last.reverts or self.last.state in ("failed", "applied"))

    def _since(self) -> Desired | None:
        """Return what the cluster may still be: what was live, or, on the way back, what failed."""
        failed = self.last.reverts
        return _at(self.desired, failed) if failed else self.live


def _same(live: Desired | None, desired: Desired) -> Literal["this", "other", "nothing"]:
    if live is None:
        return "nothing"
    return "this" if live.state == desired.state else "other"


def _live(connections: Connections, desired: Desired) -> Desired | None:
    """Return what was live last, read with the configuration of the commit that is to be applied."""
    if stray := connections.repo.stray_live(desired.name):
        log(
            f"warning: {desired.name}: refs/headway/{desired.name}/live names {stray[:9]}, which is no commit of "
            f"{connections.repo.branch}, so it is not believed: the branch was rewritten, or somebody else wrote it"
        )
    commit = connections.repo.live(desired.name)
    return _at(desired, commit) if commit is not None else None


def _at(desired: Desired, commit: str) -> Desired | None:
    """Return the environment as another commit has it; None where that cannot be read."""
    if commit == desired.commit:
        return desired
    try:
        return desired.past(commit)
    except TransientError:
        # What was live would count as nothing, and nothing could be rolled back.
        raise
    except HeadwayError as error:
        log(f"{desired.name}: what it was at {commit[:9]} cannot be read: {error.message}")
        return None


def _changed(
    desired: Desired, since: Desired | None, touched: frozenset[ObjectId]
) -> frozenset[ObjectId] | None:
    """Return the objects that differ or were touched by now; None where all count, since nothing is known.

    Both, since one that was put right was not what it should be, and a run that is restarted touches nothing.
    """
    if since is None:
        return None
    old = since.objects
    changed = {key for key, it in desired.objects.items() if old.get(key) != it}
    return desired.with_readers(touched | changed)
