"""Judge the followed workloads as news comes in, and say when the whole is settled.

It changes nothing in the cluster but for one thing, without which no fix of a
StatefulSet would ever arrive: a broken pod of an older version that holds it up is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from headway.domain.health import NEVER, Judgement, Patience, Signal, Verdict, deadline_verdict
from headway.domain.objects import ObjectId
from headway.domain.planned import Planned, planned_for
from headway.domain.podhealth import is_ready
from headway.domain.workloadhealth import judge, newest_pods, wanted_pods
from headway.errors import HeadwayError
from headway.systems.cluster import Cluster
from headway.systems.diagnosis import events_of, explained
from headway.systems.observed import WORKLOADS, Object, Observed, delete_pod

_SCALING_UP = "TriggeredScaleUp"
_DEADLINE = "ProgressDeadlineExceeded"


class Judging:
    """The verdicts of one rollout, so far."""

    def __init__(
        self,
        cluster: Cluster,
        observed: Observed,
        planned: Planned,
        changed: frozenset[ObjectId] | None,
        tell: Callable[[str], None],
    ) -> None:
        self._cluster = cluster
        self._observed = observed
        self._planned = planned
        self._changed = changed
        self._tell = tell
        self._patience = Patience()
        self._verdicts: dict[ObjectId, Verdict] = {}
        self._judgements: dict[ObjectId, Judgement] = {}
        self._again: dict[ObjectId, float] = {}
        self._old_deadlines: dict[ObjectId, str] = {}
        self._waived: set[tuple[ObjectId, str]] = set()
        self._deleted: set[str] = set()
        self._open: set[ObjectId] = set()
        self._told: dict[ObjectId, str] = {}
        self.failed = False

    @property
    def settled(self) -> bool:
        """Whether nothing that counts is still under way, or something that counts has failed."""
        return self.failed or not self._open

    @property
    def live(self) -> bool:
        """Whether everything that counts is live."""
        return not self.failed and not self._open

    @property
    def again(self) -> float:
        """When to look again although nothing is heard: a monotonic time."""
        return min(self._again.values(), default=NEVER)

    def hear(self, workloads: Iterable[ObjectId], now: float, *, first: bool = False) -> None:
        """Judge these workloads anew, and those whose time has come."""
        due = {it for it, at in self._again.items() if at <= now}
        for identity in dict.fromkeys([*workloads, *due]):
            self._judge(identity, now, first)

    def time_is_up(self, timeout: float) -> None:
        """Fail what is still under way, with the reason that explains it best."""
        passed = Signal("DeadlineExceeded", f"not live after {timeout:g} s", 0)
        for identity in sorted(self._open):
            self._fail(deadline_verdict(identity, self._judgements[identity], passed))

    def verdict(self, identity: ObjectId) -> Verdict:
        """Give a workload's verdict as of now."""
        return self._verdicts[identity]

    def verdicts(self, order: Iterable[ObjectId]) -> tuple[Verdict, ...]:
        """Give all verdicts, what failed first."""
        found = [self._verdicts[it] for it in order]
        return tuple(sorted(found, key=lambda it: (it.status != "failed", not it.changed)))

    def counts(self, identity: ObjectId) -> tuple[int, int, tuple[str, ...]]:
        """Give a workload's ready new pods, its wanted pods, and the images that the new pods report."""
        workload = self._observed.workload(identity)
        if workload is None:
            return 0, 0, ()
        pods = newest_pods(workload, *self._observed.below(workload))
        images = {
            str(each.get("imageID") or each.get("image", ""))
            for pod in pods
            for each in (pod.get("status") or {}).get("containerStatuses") or ()
        }
        return sum(map(is_ready, pods)), wanted_pods(workload), tuple(sorted(images))

    def _judge(self, identity: ObjectId, now: float, first: bool) -> None:
        counts = self._changed is None or identity in self._changed
        workload = self._observed.workload(identity)
        judgement = self._look(identity, workload, first, counts)
        self._judgements[identity] = judgement
        verdict, again = self._patience.decide(identity, judgement, now)
        if verdict.reason == "Unschedulable" and verdict.status == "failed":
            verdict = self._unless_scaling_up(identity, verdict, judgement, now)
        if verdict.reason == "BlockedByOldPod" and verdict.status == "failed" and counts:
            verdict = self._unblocked(identity, verdict, judgement, now)
        if not counts:
            verdict = replace(verdict, changed=False)
        if verdict.status == "failed":
            self._again.pop(identity, None)
            self._fail(verdict)
            return
        self._again[identity] = again
        self._verdicts[identity] = verdict
        if counts and verdict.status == "progressing":
            self._open.add(identity)
        else:
            self._open.discard(identity)
        line = f"{identity}: {verdict.message or 'live'}"
        if counts and self._told.get(identity) != line:
            self._told[identity] = line
            self._tell(line)

    def _look(self, identity: ObjectId, workload: Object | None, first_look: bool, counts: bool) -> Judgement:
        if workload is None:
            if (identity.group, identity.kind) not in WORKLOADS:
                return Judgement(True, f"applied; a {identity.kind} is not watched")
            return Judgement(
                False, "it is not in the cluster", (Signal("NotFound", "it is not there", 10.0),)
            )
        sets, pods = self._observed.below(workload)
        digests = planned_for(self._planned, identity)
        found = judge(workload, sets, pods, digests, self._observed.warnings(workload))
        signals = [_patient(it) if (identity, it.reason) in self._waived else it for it in found.signals]
        # After going back to an old replica set, the last rollout's missed deadline stays for a moment,
        # also when the controller has seen the change. What was missed before anybody looked is not this one's.
        stamp = _deadline_stamp(workload)
        if first_look and counts:
            self._old_deadlines[identity] = stamp
        if stamp and self._old_deadlines.get(identity) == stamp:
            limit = float((workload.get("spec") or {}).get("progressDeadlineSeconds", 600))
            signals = [
                Signal(it.reason, it.message, limit, key="old deadline") if it.reason == _DEADLINE else it
                for it in signals
            ]
        # What was up before anybody looked has stood its time.
        settle = 0.0 if first_look else found.settle
        return Judgement(found.done, found.message, tuple(signals), settle)

    def _unless_scaling_up(
        self, identity: ObjectId, verdict: Verdict, judgement: Judgement, now: float
    ) -> Verdict:
        workload = self._observed.workload(identity)
        pod = self._observed.pod(workload, verdict.pod) if workload else None
        if pod is None:
            return verdict
        meta = pod["metadata"]
        events = events_of(self._cluster, meta["namespace"], meta["uid"])
        if not any(it.get("reason") == _SCALING_UP for it in events):
            return verdict
        self._waived.add((identity, verdict.reason))
        signals = tuple(_patient(it) if it.reason == verdict.reason else it for it in judgement.signals)
        waiting = self._judgements[identity] = replace(judgement, signals=signals)
        return self._patience.decide(identity, waiting, now)[0]

    def _unblocked(self, identity: ObjectId, verdict: Verdict, judgement: Judgement, now: float) -> Verdict:
        """Delete the broken pod of an older version that a StatefulSet waits for, once; it makes a new one."""
        workload = self._observed.workload(identity)
        pod = self._observed.pod(workload, verdict.pod) if workload else None
        if pod is None or pod["metadata"]["uid"] in self._deleted:
            return verdict
        self._deleted.add(pod["metadata"]["uid"])
        try:
            delete_pod(self._cluster, pod)
        except HeadwayError:
            return verdict
        self._tell(f"{identity}: {verdict.message}; it was deleted")
        rest = tuple(it for it in judgement.signals if it.reason != verdict.reason)
        return self._patience.decide(identity, Judgement(False, judgement.message, rest), now)[0]

    def _fail(self, verdict: Verdict) -> None:
        identity = verdict.workload
        before = self._verdicts.get(identity)
        if before is not None and before.status == "failed":
            return
        workload = self._observed.workload(identity)
        pod = self._observed.pod(workload, verdict.pod) if workload and verdict.pod else None
        verdict = explained(self._cluster, verdict, workload, pod)
        self._verdicts[identity] = verdict
        self._open.discard(identity)
        if verdict.changed:
            self.failed = True
        self._tell(str(verdict))


def _patient(unschedulable: Signal) -> Signal:
    message = f"{unschedulable.message} (a node is being added)"
    return replace(unschedulable, message=message, grace=NEVER, key="scaling up")


def _deadline_stamp(workload: Object) -> str:
    for each in (workload.get("status") or {}).get("conditions") or ():
        if each.get("type") == "Progressing" and each.get("reason") == _DEADLINE:
            return f"{each.get('lastUpdateTime')} {each.get('lastTransitionTime')}"
    return ""
