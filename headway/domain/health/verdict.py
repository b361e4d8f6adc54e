"""Is a workload live, on its way, or broken, and since when is that certain?

A signal is a sign of trouble with the time that it must last before it counts: a
missing image is certain at once, a registry that does not answer may come back.
`Patience` remembers since when each sign has been there; time is passed in, so
that the whole of it can be tried in a test without waiting.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace
from typing import Literal

from headway.domain.health.cause import NO_CAUSE, Cause
from headway.domain.objects.identity import ObjectId

Status = Literal["live", "applied", "progressing", "failed"]
"""`applied`: the cluster holds the change back, so that no pod runs it (paused, no replicas, suspended)."""
NEVER = math.inf
"""The grace of a sign that explains a deadline and never proves anything by itself."""
DEADLINE = "ProgressDeadlineExceeded"
"""The code of a Deployment's own deadline."""
# A kubelet that tries again shows no trouble for a moment; that does not restart the clock.
_GAP = 10.0


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign of trouble. `grace` is in seconds; `key` tells which sign it is the same as later."""

    cause: Cause
    grace: float
    key: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """A workload's health at one look: whether it is done, what it waits for (`text`), what is wrong.

    `settle` is how many seconds "done" must last, where the pods' own word is worth little.
    `put_off` says of one that is done that no pod runs it, or not all do, until somebody changes that:
    `idle` where nothing runs at all, `held` where pods of the version before go on.
    """

    done: bool
    text: str
    signals: tuple[Signal, ...] = ()
    settle: float = 0.0
    put_off: Literal["", "idle", "held"] = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a workload stands, and why.

    `changed` says that this release touched it. `logs` are the container's last lines, `events` what the cluster
    said about the pod or the workload. `put_off` and `images` are those of a workload that is done.
    """

    status: Status
    workload: ObjectId
    cause: Cause = NO_CAUSE
    logs: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    changed: bool = True
    put_off: str = ""
    images: frozenset[str] = frozenset()

    def __str__(self) -> str:
        before = "" if self.changed else " (not touched by this release)"
        status = "applied, not running" if self.status == "applied" else self.status
        return f"{self.workload} is {status}{before}" + (f": {self.cause}" if self.cause else "")

    def with_details(self, logs: Iterable[str], events: Iterable[str]) -> Verdict:
        """Add what was fetched to explain it."""
        return replace(self, logs=tuple(logs), events=tuple(events))


# What explains the most comes first, when several signs are there.
_RANK = (
    "InvalidImageName", "ErrImageNeverPull", "ErrImagePull", "CreateContainerConfigError",
    "RunContainerError", "OOMKilled", "CrashLoopBackOff", "JobFailed", "PodFailed", "Degraded",
    "FailedCreate", "Unschedulable", "VolumeNotReady", "CreateContainerError", "DigestDiffers", "BlockedByOldPod",
    "NodeNotReady", "NotReady", "OldPodEnding",
)  # fmt: skip


def most_useful(signals: Iterable[Signal]) -> Signal | None:
    """Choose the sign that explains the most."""
    ranked = sorted(
        signals, key=lambda it: _RANK.index(code) if (code := it.cause.code) in _RANK else len(_RANK)
    )
    return ranked[0] if ranked else None


@dataclass(slots=True)
class Patience:
    """Since when each sign has been there, by workload; what goes and comes back at once never went."""

    _first: dict[tuple[ObjectId, str], float] = field(default_factory=dict)
    _gone: dict[tuple[ObjectId, str], float] = field(default_factory=dict)
    _done: dict[ObjectId, float] = field(default_factory=dict)

    def decide(self, workload: ObjectId, health: Health, now: float) -> tuple[Verdict, float]:
        """Turn a workload's health into a verdict; also return when to look again without an event."""
        keys = {(workload, signal.key or signal.cause.code) for signal in health.signals}
        for key in self._first:
            if key[0] == workload and key not in keys:
                self._gone.setdefault(key, now)
        for key in keys:
            if now - self._gone.pop(key, now) > _GAP:
                del self._first[key]
            self._first.setdefault(key, now)
        if health.done:
            status: Status = "applied" if health.put_off else "live"
            live_at = self._done.setdefault(workload, now) + health.settle
            if live_at <= now:
                return Verdict(status, workload, Cause(text=health.text), put_off=health.put_off), NEVER
            return Verdict("progressing", workload, Cause(text=health.text)), live_at
        self._done.pop(workload, None)
        due = {it: self._first[workload, it.key or it.cause.code] + it.grace for it in health.signals}
        if certain := most_useful(it for it, at in due.items() if at <= now):
            if certain.cause.code != DEADLINE:
                return Verdict("failed", workload, certain.cause), NEVER
            verdict = deadline_verdict(workload, health, certain)
            # A controller's deadline knows nothing of somebody at work to end a shortage; the environment's does.
            if verdict.cause.blames or verdict.cause.code == DEADLINE:
                return verdict, NEVER
        again = min((at for at in due.values() if at > now), default=NEVER)
        likely = most_useful(it for it in health.signals if it.cause.code != DEADLINE)
        if likely is None:
            return Verdict("progressing", workload, Cause(text=health.text)), again
        return Verdict("progressing", workload, likely.cause.saying(_waiting(health))), again


def _waiting(health: Health) -> str:
    """Return what is waited for, with what the cluster lacks in its own words."""
    lacks = dict.fromkeys(it.cause.text for it in health.signals if not it.cause.blames)
    said = "; ".join(list(lacks)[:2])
    return f"{health.text}; waiting: {said}" if said else health.text


def deadline_verdict(workload: ObjectId, health: Health, passed: Signal) -> Verdict:
    """Return the verdict that a deadline passed, with the sign that explains it best.

    Where no sign explains it, nothing is known against the image.
    """
    limit = passed.cause
    sign = most_useful(it for it in health.signals if it.cause.code not in (limit.code, DEADLINE))
    if sign is None:
        return Verdict("failed", workload, replace(limit, text=f"{limit.text}: {health.text}", blames=False))
    return Verdict("failed", workload, sign.cause.saying(f"{sign.cause.text} ({limit.text})"))


def one_deadline(late: Iterable[Verdict]) -> list[Verdict]:
    """Return what one deadline says of several workloads.

    Where the cluster lacked something for one of them, that the others are not ready proves nothing either:
    they may need it.
    """
    verdicts = list(late)
    if all(it.cause.blames for it in verdicts):
        return verdicts
    return [replace(it, cause=replace(it.cause, blames=False)) for it in verdicts]


def silent_node(still_open: Iterable[Health]) -> Signal | None:
    """Return the sign of a node that tells nothing of its pods, where no other sign keeps a rollout open.

    How the pods on such a node are is not known, so that no deadline can be a verdict on them. Pods that
    cannot end there are the same sign, and a workload without a sign may wait for one on that node.
    """
    signals = [
        it for each in still_open for it in each.signals if it.cause.code not in (DEADLINE, "OldPodEnding")
    ]
    silent = [it for it in signals if it.cause.code == "NodeNotReady"]
    return silent[0] if silent and len(silent) == len(signals) else None


def not_run(verdicts: Iterable[Verdict], ran: Set[str] = frozenset()) -> list[Verdict]:
    """Return those that this release touched and whose images no pod has run; `ran` are images that ran before.

    A workload without pods (no replicas, suspended) is no reason where its images run elsewhere, or ran
    before this release: it was only stopped. One whose old pods go on (paused, OnDelete) always is.
    """
    verdicts = list(verdicts)
    running = frozenset[str]().union(ran, *(it.images for it in verdicts if it.status == "live"))
    return [
        it
        for it in verdicts
        if it.changed and it.status == "applied" and (it.put_off == "held" or not it.images <= running)
    ]
