"""How a journey to a cluster ended."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Set
from typing import Self

from headway.domain.health.verdict import Verdict, not_run
from headway.errors import FailedError
from headway.systems.cluster.apply import Applied
from headway.systems.cluster.rollout import Rollout

Step = tuple[str, float]
"""A part of a journey, and its seconds."""


class Arrival:
    """Where one environment stands after its cluster was made equal to a commit.

    `state` is `live`, `applied` (the cluster holds back what should run: paused, no replicas),
    `unchanged` (nothing was to do), `superseded` (a newer change took over),
    `failed`, or `rolled-back` (failed, and `back_to` is live again).
    One that failed and has a `back_to` was taken back, and that did not become live either.
    `undone` names the other commits that went with it, a line each.
    `back_by` is the commit that took it back, `back` how the workloads were after that,
    `vetoed` says that this commit holds the failure against images, `blames` that the failure speaks of
    them: a shortage or an outage does not.
    `refused` are the objects that the cluster refused.
    `versions` are those of the services at its commit, and before.
    `untouched` says that it failed before anything in the cluster was changed.
    `seconds` counts from the first request to the cluster; `steps` are parts of it, by name.
    """

    __slots__ = (
        "applied",
        "back",
        "back_by",
        "back_to",
        "blames",
        "commit",
        "diagnosis",
        "environment",
        "refused",
        "seconds",
        "state",
        "steps",
        "undone",
        "untouched",
        "verdicts",
        "versions",
        "vetoed",
    )

    def __init__(
        self,
        environment: str,
        commit: str,
        state: str,
        seconds: float,
        *,
        applied: Applied | None = None,
        verdicts: tuple[Verdict, ...] = (),
        diagnosis: str = "",
        steps: Iterable[Step] = (),
        untouched: bool = False,
    ) -> None:
        self.environment = environment
        self.commit = commit
        self.state = state
        self.seconds = seconds
        self.applied = applied
        self.verdicts = verdicts
        self.diagnosis = diagnosis
        self.steps = list(steps)
        self.untouched = untouched
        self.refused: frozenset[Hashable] = frozenset()
        self.back_to = self.back_by = ""
        self.back: tuple[Verdict, ...] = ()
        self.vetoed = False
        self.undone: tuple[str, ...] = ()
        self.versions: list[dict[str, str]] = []
        failed = [it for it in verdicts if it.changed and it.status == "failed"]
        self.blames = not failed or any(it.blames for it in failed)

    @classmethod
    def of(
        cls,
        environment: str,
        commit: str,
        rollout: Rollout,
        seconds: float,
        applied: Applied,
        steps: Iterable[Step] = (),
        ran: Set[str] = frozenset(),
    ) -> Self:
        """Read a rollout's end; `ran` are the images that ran here before."""
        state, diagnosis = "failed", rollout.diagnosis
        if rollout.superseded:
            state = "superseded"
        elif rollout.done:
            idle = not_run(rollout.verdicts, ran)
            state, diagnosis = "applied" if idle else "live", "\n".join(map(str, idle))
        return cls(
            environment,
            commit,
            state,
            seconds,
            applied=applied,
            verdicts=rollout.verdicts,
            diagnosis=diagnosis,
            steps=steps,
        )

    def taken_back(self, to: str, by: str, back: Arrival, seconds: float, *, vetoed: bool) -> Arrival:
        """Give how it ended after commit `by` put the environment back to `to`: `back` is how that arrived."""
        again = back.state in ("live", "unchanged", "applied")
        steps = [*self.steps, *((f"going back: {name}", took) for name, took in back.steps)]
        ended = Arrival(
            self.environment,
            self.commit,
            "rolled-back" if again else "failed",
            self.seconds + seconds,
            applied=self.applied,
            verdicts=self.verdicts,
            diagnosis=self.diagnosis,
            steps=steps,
        )
        ended.back_to, ended.back_by, ended.vetoed = to, by, vetoed
        ended.blames = self.blames
        ended.back = back.verdicts
        if back.state == "applied":
            ended.diagnosis += f"\nwhat it went back to is {back.diagnosis or 'applied, not running'}"
        if not again:
            ended.diagnosis += (
                f"\ngoing back to {to[:9]} did not become live either: {back.diagnosis or back.state}"
            )
        return ended

    def as_dict(self) -> dict[str, object]:
        """Give what `--output json` prints."""
        return {
            "environment": self.environment,
            "commit": self.commit,
            "state": self.state,
            "seconds": round(self.seconds, 3),
            "diagnosis": self.diagnosis,
            "back_to": self.back_to,
            "undone": list(self.undone),
            "versions": self.versions,
        }

    @property
    def advice(self) -> str:
        """Say how things are now and what to do next; nothing where the environment is where it should be."""
        if self.state == "applied":
            return (
                "the repo and the cluster's objects are as asked, and no pod runs it; once it runs, the next "
                f"`headway reconcile {self.environment}` records it as live"
            )
        if self.state == "rolled-back":
            return f"{self.environment} runs what was live at {self.back_to[:9]} again, in the repo too"
        if self.state == "failed" and self.back_to:
            return (
                f"the repo is back at what was live; see the cluster, then run `headway reconcile "
                f"{self.environment}`"
            )
        if self.state == "failed" and self.untouched:
            return (
                "nothing was changed in the cluster; correct what was refused and push it, or "
                f"`headway rollback {self.environment}` goes back"
            )
        if self.state == "failed":
            return (
                "the cluster is as the failed rollout left it; "
                f"`headway rollback {self.environment}` goes back"
            )
        return ""

    def check(self) -> Self:
        """Raise FailedError unless the environment is where it was asked to be, or on its way in newer hands."""
        if self.state in ("failed", "rolled-back"):
            back = " and was taken back" if self.state == "rolled-back" else ""
            raise FailedError(
                f"{self.environment}: {self.commit[:9]} failed{back}: {self.diagnosis}", hint=self.advice
            )
        return self
