"""Is a workload live, on its way, or broken, and since when is that certain?

A signal is a sign of trouble with the time that it must last before it counts: a
missing image is certain at once, a registry that does not answer may come back.
`Patience` remembers since when each sign has been there; time is passed in, so
that the whole of it can be tried in a test without waiting.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from headway.domain.objects import ObjectId

Status = Literal["live", "progressing", "failed"]
NEVER = math.inf
"""The grace of a sign that explains a deadline and never proves anything by itself."""
# A kubelet that tries again shows no trouble for a moment; that does not start the clock anew.
_GAP = 10.0


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign of trouble. `grace` is in seconds; `key` tells which sign it is the same as later."""

    reason: str
    message: str
    grace: float
    pod: str = ""
    container: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one look at a workload says: whether it is done, what it waits for, what is wrong.

    `settle` is how many seconds "done" must last, where the pods' own word is worth little.
    """

    done: bool
    message: str
    signals: tuple[Signal, ...] = ()
    settle: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a workload stands, and why.

    `changed` says that this release touched it. `logs` are the container's last lines,
    `events` what the cluster said about the pod or the workload.
    """

    status: Status
    workload: ObjectId
    reason: str = ""
    message: str = ""
    pod: str = ""
    container: str = ""
    logs: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    changed: bool = True

    def __str__(self) -> str:
        cause = ": ".join(part for part in (self.reason, self.message) if part)
        before = "" if self.changed else " (not touched by this release)"
        return f"{self.workload} is {self.status}{before}" + (f": {cause}" if cause else "")

    def with_details(self, logs: Iterable[str], events: Iterable[str]) -> Verdict:
        """Add what was fetched to explain it."""
        return replace(self, logs=tuple(logs), events=tuple(events))


# What explains the most comes first, when several signs are there.
_RANK = (
    "InvalidImageName", "ErrImageNeverPull", "ErrImagePull", "CreateContainerConfigError",
    "RunContainerError", "OOMKilled", "CrashLoopBackOff", "JobFailed", "PodFailed",
    "FailedCreate", "Unschedulable", "CreateContainerError", "DigestDiffers", "BlockedByOldPod", "NotReady",
)  # fmt: skip


def most_useful(signals: Iterable[Signal]) -> Signal | None:
    """Choose the sign that explains the most."""
    ranked = sorted(signals, key=lambda it: _RANK.index(it.reason) if it.reason in _RANK else len(_RANK))
    return ranked[0] if ranked else None


@dataclass(slots=True)
class Patience:
    """Since when each sign has been there, by workload; what goes and comes back at once never went."""

    _first: dict[tuple[ObjectId, str], float] = field(default_factory=dict)
    _gone: dict[tuple[ObjectId, str], float] = field(default_factory=dict)
    _done: dict[ObjectId, float] = field(default_factory=dict)

    def decide(self, workload: ObjectId, judgement: Judgement, now: float) -> tuple[Verdict, float]:
        """Turn a judgement into a verdict; also give when to look again, without news, in the same clock."""
        keys = {(workload, signal.key or signal.reason) for signal in judgement.signals}
        for key in self._first:
            if key[0] == workload and key not in keys:
                self._gone.setdefault(key, now)
        for key in keys:
            if now - self._gone.pop(key, now) > _GAP:
                del self._first[key]
            self._first.setdefault(key, now)
        if judgement.done:
            live_at = self._done.setdefault(workload, now) + judgement.settle
            if live_at <= now:
                return Verdict("live", workload, message=judgement.message), NEVER
            return Verdict("progressing", workload, message=judgement.message), live_at
        self._done.pop(workload, None)
        due = {it: self._first[workload, it.key or it.reason] + it.grace for it in judgement.signals}
        if certain := most_useful(it for it, at in due.items() if at <= now):
            if certain.reason == "ProgressDeadlineExceeded":
                return deadline_verdict(workload, judgement, certain), NEVER
            return _verdict("failed", workload, certain), NEVER
        again = min((at for at in due.values() if at > now), default=NEVER)
        likely = most_useful(judgement.signals)
        if likely is None:
            return Verdict("progressing", workload, message=judgement.message), again
        return _verdict("progressing", workload, replace(likely, message=judgement.message)), again


def deadline_verdict(workload: ObjectId, judgement: Judgement, passed: Signal) -> Verdict:
    """Say that a deadline passed, with the sign that explains it best."""
    cause = most_useful(it for it in judgement.signals if it.reason != passed.reason)
    if cause is None:
        return _verdict("failed", workload, replace(passed, message=f"{passed.message}: {judgement.message}"))
    return _verdict("failed", workload, replace(cause, message=f"{cause.message} ({passed.message})"))


def _verdict(status: Status, workload: ObjectId, signal: Signal) -> Verdict:
    return Verdict(status, workload, signal.reason, signal.message, signal.pod, signal.container)
