"""How making an environment equal to a commit ended."""

from __future__ import annotations

from collections.abc import Hashable, Set
from dataclasses import dataclass, replace
from typing import Literal, Self

from headway.domain.health.cause import NO_CAUSE, Cause
from headway.domain.health.verdict import Verdict, not_run
from headway.domain.objects.applied import Applied
from headway.errors import FailedError, RejectedError
from headway.systems.cluster.apply import Rejected
from headway.systems.cluster.rollout import Rollout

Timed = tuple[str, float]
"""A step, and the seconds that it took."""
Ended = Literal["live", "applied", "unchanged", "superseded", "failed", "rolled-back"]


@dataclass(frozen=True, slots=True)
class Result:
    """Where an environment stands after its cluster was made equal to a commit.

    `state` is `live`, `applied` (the cluster holds back what should run: paused, no replicas),
    `unchanged` (nothing was to do), `superseded` (a newer change took over), `failed`, or `rolled-back`
    (failed, and `back_to` is live again). One that failed and has a `back_to` was rolled back, and that did
    not become live either. `undone` names the other commits that went with it, a line each. `back_by` is the
    commit that rolled it back, `back` how the workloads were after that, `vetoed` says that this commit holds
    the failure against images, `blames` that the failure speaks of them: a shortage or an outage does not.
    `refused` are the objects that the cluster refused. `versions` are those of the services at its commit,
    and before. `untouched` says that it failed before anything in the cluster was changed. `seconds` counts
    from the first request to the cluster; `steps` are parts of it, by name.
    """

    environment: str
    commit: str
    state: Ended
    seconds: float
    applied: Applied | None = None
    verdicts: tuple[Verdict, ...] = ()
    cause: Cause = NO_CAUSE
    steps: tuple[Timed, ...] = ()
    untouched: bool = False
    refused: frozenset[Hashable] = frozenset()
    back_to: str = ""
    back_by: str = ""
    back: tuple[Verdict, ...] = ()
    vetoed: bool = False
    undone: tuple[str, ...] = ()
    versions: tuple[dict[str, str], ...] = ()

    def rolled_out(self, rollout: Rollout, ran: Set[str]) -> Self:
        """Return the result with a rollout's end; `ran` are the images that ran here before."""
        state: Ended = "failed"
        cause = rollout.cause
        if rollout.superseded:
            state = "superseded"
        elif rollout.done:
            idle = not_run(rollout.verdicts, ran)
            state, cause = "applied" if idle else "live", Cause(text="\n".join(map(str, idle)))
        return replace(
            self,
            state=state,
            cause=cause,
            verdicts=rollout.verdicts,
        )

    def rejected(self, error: RejectedError, blames: bool) -> Self:
        """Return the result with the cluster's refusal; `blames` says whether it speaks of an image."""
        untouched = isinstance(error, Rejected) and not error.changed
        return replace(
            self,
            state="failed",
            cause=Cause(text=str(error), blames=blames),
            untouched=untouched,
            refused=error.objects,
        )

    def rolled_back(
        self, to: str, by: str, back: Result, seconds: float, *, vetoed: bool, undone: tuple[str, ...] = ()
    ) -> Self:
        """Return how it ended after commit `by` put the environment back to `to`; `back` is how that ended."""
        again = back.state in ("live", "unchanged", "applied")
        said = self.cause.text
        if back.state == "applied":
            said += f"\nwhat it was rolled back to is {back.cause or 'applied, not running'}"
        if not again:
            said += f"\nrolling back to {to[:9]} did not succeed either: {back.cause or back.state}"
        return replace(
            self,
            state="rolled-back" if again else "failed",
            seconds=self.seconds + seconds,
            cause=self.cause.saying(said),
            steps=(*self.steps, *((f"roll back: {name}", took) for name, took in back.steps)),
            untouched=False,
            refused=frozenset(),
            back_to=to,
            back_by=by,
            back=back.verdicts,
            vetoed=vetoed,
            undone=undone,
        )

    def as_dict(self) -> dict[str, object]:
        """Return what `--output json` prints."""
        return {
            "environment": self.environment,
            "commit": self.commit,
            "state": self.state,
            "seconds": round(self.seconds, 3),
            "diagnosis": str(self.cause),
            "back_to": self.back_to,
            "undone": list(self.undone),
            "versions": list(self.versions),
        }

    @property
    def advice(self) -> str:
        """Return how things are now and what to do next; empty where the environment is where it should be."""
        if self.state == "applied":
            return (
                "the repo and the cluster's objects are as asked, and no pod runs it; once it runs, the next "
                f"`headway reconcile {self.environment}` records it as live"
            )
        if self.state == "rolled-back":
            return f"{self.environment} runs what was live at {self.back_to[:9]} again, in the repo too"
        if self.state == "failed" and self.back_to:
            return (
                "the repo is back at what was live; see the cluster, then run `headway reconcile "
                f"{self.environment}`"
            )
        if self.state == "failed" and self.untouched:
            return (
                "nothing was changed in the cluster; correct what was refused and push it, or "
                f"`headway rollback {self.environment}` rolls back"
            )
        if self.state == "failed":
            return (
                "the cluster is as the failed rollout left it; "
                f"`headway rollback {self.environment}` rolls back"
            )
        return ""

    def check(self) -> Self:
        """Raise FailedError unless the environment is where it was asked to be, or a newer change took over."""
        if self.state in ("failed", "rolled-back"):
            back = " and was rolled back" if self.state == "rolled-back" else ""
            raise FailedError(
                f"{self.environment}: {self.commit[:9]} failed{back}: {self.cause}", hint=self.advice
            )
        return self
