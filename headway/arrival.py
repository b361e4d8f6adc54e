"""How a journey to a cluster ended."""

from __future__ import annotations

from typing import Self

from headway.domain.health import Verdict
from headway.errors import FailedError
from headway.systems.apply import Applied
from headway.systems.rollout import Rollout


class Arrival:
    """Where one environment stands after its cluster was made equal to a commit.

    `state` is `live`, `unchanged` (nothing was to do), `superseded` (a newer
    change took over), `failed`, or `rolled-back` (failed, and `back_to` is live again).
    `seconds` counts from the first request to the cluster; `steps` are parts of it, by name.
    """

    __slots__ = (
        "applied",
        "back_to",
        "commit",
        "diagnosis",
        "environment",
        "seconds",
        "state",
        "steps",
        "verdicts",
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
        back_to: str = "",
    ) -> None:
        self.environment = environment
        self.commit = commit
        self.state = state
        self.seconds = seconds
        self.applied = applied
        self.verdicts = verdicts
        self.diagnosis = diagnosis
        self.back_to = back_to
        self.steps: list[tuple[str, float]] = []

    @classmethod
    def of(cls, environment: str, commit: str, rollout: Rollout, seconds: float, applied: Applied) -> Self:
        """Read a rollout's end."""
        state = "superseded" if rollout.superseded else "live" if rollout.live else "failed"
        return cls(
            environment,
            commit,
            state,
            seconds,
            applied=applied,
            verdicts=rollout.verdicts,
            diagnosis="" if rollout.live else rollout.diagnosis,
        )

    def as_dict(self) -> dict[str, object]:
        """Give what `--output json` prints."""
        return {
            "environment": self.environment,
            "commit": self.commit,
            "state": self.state,
            "seconds": round(self.seconds, 3),
            "diagnosis": self.diagnosis,
            "back_to": self.back_to,
        }

    def check(self) -> Self:
        """Raise FailedError unless the environment is where it was asked to be, or on its way in newer hands."""
        if self.state == "failed":
            raise FailedError(
                f"{self.environment}: {self.commit[:9]} failed: {self.diagnosis}",
                hint=f"the cluster is as the failed rollout left it; `headway rollback {self.environment}` goes back",
            )
        if self.state == "rolled-back":
            raise FailedError(
                f"{self.environment}: {self.commit[:9]} failed and was taken back: {self.diagnosis}",
                hint=f"{self.environment} runs what was live at {self.back_to[:9]} again, in the repo too",
            )
        return self
