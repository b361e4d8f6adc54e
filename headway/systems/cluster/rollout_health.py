"""Assess the health of the followed workloads at each event, and decide when the rollout is settled.

It changes nothing in the cluster but for one thing, without which no fix of a
StatefulSet would ever arrive: a broken pod of an older version that holds it up is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from headway.domain.health.cause import Cause
from headway.domain.health.custom_rules import Rules
from headway.domain.health.custom_workloads import new_pods
from headway.domain.health.engines import engine_pods, with_engine
from headway.domain.health.kinds import RULES
from headway.domain.health.pods import is_ready, restarts
from headway.domain.health.shortage import help_on_its_way
from headway.domain.health.verdict import (
    DEADLINE,
    NEVER,
    Health,
    Patience,
    Signal,
    Verdict,
    deadline_verdict,
    one_deadline,
    silent_node,
)
from headway.domain.health.workloads import assess_workload, newest_pods, wanted_pods, with_pods
from headway.domain.manifests.expected import Planned, containers_of, planned_for, pod_spec
from headway.domain.objects.identity import ObjectId
from headway.domain.objects.oneshot import RUN_ONCE
from headway.errors import FailedError, HeadwayError
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.diagnosis import events_of, explained
from headway.systems.cluster.object_cache import WORKLOADS, Object, ObjectCache, delete_pod

ASK_EVERY = 15.0
"""Seconds between two questions about what is done for a pod that no node takes."""


class RolloutHealth:
    """The verdicts of one rollout, so far.

    Workloads that come up `together` may wait for each other. `unwatched` are manifests of kinds that
    are assessed by what they ask for, since nothing of them is watched; `custom_resources` by the rules.
    `ran` are Jobs that have run and may be gone.
    """

    def __init__(
        self,
        cluster: Cluster,
        cache: ObjectCache,
        planned: Planned,
        changed: frozenset[ObjectId] | None,
        tell: Callable[[str], None],
        *,
        together: bool = True,
        unwatched: Mapping[ObjectId, Mapping[str, Any]] = MappingProxyType({}),
        custom_resources: Set[ObjectId] = frozenset(),
        rules: Rules = RULES,
        ran: frozenset[ObjectId] = frozenset(),
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._planned = planned
        self._changed = changed
        self._tell = tell
        self._together = together
        self._unwatched = unwatched
        self._custom_resources = custom_resources
        self._rules = rules
        self._ran = ran
        self._patience = Patience()
        self._verdicts: dict[ObjectId, Verdict] = {}
        self._health: dict[ObjectId, Health] = {}
        self._again: dict[ObjectId, float] = {}
        self._since: dict[ObjectId, float] = {}
        self._missed: dict[ObjectId, float] = {}
        self._past: dict[str, int] = {}
        self._asked: dict[ObjectId, tuple[float, str]] = {}
        self._deleted: set[str] = set()
        self._open: set[ObjectId] = set()
        self._crashed: dict[ObjectId, Verdict] = {}
        self._restarts: dict[ObjectId, int] = {}
        self._logged: dict[ObjectId, str] = {}
        self.failed = False

    @property
    def settled(self) -> bool:
        """Return whether nothing that counts is still under way, or something that counts has failed."""
        return self.failed or not self._open

    @property
    def done(self) -> bool:
        """Return whether everything that counts is live, or applied and held back by the cluster."""
        return not self.failed and not self._open

    @property
    def again(self) -> float:
        """Return when to look again although no event comes: a monotonic time."""
        return min(self._again.values(), default=NEVER)

    def update(self, workloads: Iterable[ObjectId], now: float, *, first: bool = False) -> None:
        """Assess these workloads again, and those whose time has come."""
        due = {it for it, at in self._again.items() if at <= now}
        workloads = list(workloads)
        if first:
            self._open = {it for it in workloads if self._counts(it)}
        for identity in dict.fromkeys([*workloads, *due]):
            self._assess(identity, now, first)

    def time_is_up(self, timeout: float) -> None:
        """Fail what is still under way, with the reason that explains it best.

        Raises FailedError where a node that tells nothing is all that is known: that is no verdict.
        """
        if silent := silent_node(self._health[it] for it in self._open):
            seen = f"{silent.cause.text} (pod {silent.cause.pod})"
            raise FailedError(
                f"not live after {timeout:g} s, and how it goes is not known: {seen}",
                hint="see `kubectl get nodes`; once the node is back, or its pods are elsewhere, it goes on",
            )
        passed = Signal(Cause("DeadlineExceeded", f"not live after {timeout:g} s"), 0)
        late = [deadline_verdict(it, self._health[it], passed) for it in sorted(self._open)]
        for verdict in one_deadline(late):
            self._fail(verdict)

    def verdict(self, identity: ObjectId) -> Verdict:
        """Return a workload's verdict as of now."""
        return self._verdicts[identity]

    def verdicts(self, order: Iterable[ObjectId]) -> tuple[Verdict, ...]:
        """Return all verdicts, what failed first."""
        found = [self._verdicts[it] for it in order]
        return tuple(sorted(found, key=lambda it: (it.status != "failed", not it.changed)))

    def counts(self, identity: ObjectId) -> tuple[int, int, tuple[str, ...]]:
        """Return a workload's ready new pods, its wanted pods, and the images that the new pods report."""
        workload = self._cache.workload(identity)
        if workload is None:
            return 0, 0, ()
        engine = self._cache.engines.get(identity)
        if engine is not None:
            new, wanted = engine_pods(engine, self._cache.pods_of(engine))
        else:
            new = newest_pods(workload, *self._cache.below(workload))
            # Which pods an operator makes of a field is not known.
            has_pods = (identity.group, identity.kind) in WORKLOADS or pod_spec(workload) is not None
            wanted = wanted_pods(workload) if has_pods else 0
        images = {
            str(each.get("imageID") or each.get("image", ""))
            for pod in new
            for each in (pod.get("status") or {}).get("containerStatuses") or ()
        }
        return sum(map(is_ready, new)), wanted, tuple(sorted(images))

    def _counts(self, identity: ObjectId) -> bool:
        return self._changed is None or identity in self._changed

    def _assess(self, identity: ObjectId, now: float, first: bool) -> None:
        counts = self._counts(identity)
        workload = self._cache.workload(identity)
        health = self._look(identity, workload, now, first, counts)
        health = self._with_help(identity, workload, health, now, first)
        self._health[identity] = health
        verdict, again = self._patience.decide(identity, health, now)
        if verdict.cause.code == "BlockedByOldPod" and verdict.status == "failed" and counts:
            verdict = self._unblocked(identity, verdict, health, now)
        if not counts:
            verdict = replace(verdict, changed=False)
        self._crashed.pop(identity, None)
        if verdict.status == "failed" and verdict.cause.code == "CrashLoopBackOff" and counts:
            verdict = self._unless_others_start(identity, verdict)
        if verdict.status == "failed":
            self._again.pop(identity, None)
            together = self._crashed.values() if counts and verdict.cause.code == "CrashLoopBackOff" else ()
            for each in [*together, verdict]:
                self._fail(each)
            return
        known = self._unwatched.get(identity) if verdict.status == "applied" else None
        if verdict.status in ("live", "applied") and (asked := workload or known) is not None:
            images = (it.get("image", "") for it in containers_of(pod_spec(asked) or {}))
            verdict = replace(verdict, images=frozenset(map(str, images)))
        if any(it.cause.code == "Unschedulable" for it in health.signals):
            again = min(again, now + ASK_EVERY)
        self._again[identity] = again
        self._verdicts[identity] = verdict
        self._set_open(identity, counts and verdict.status == "progressing", first)
        line = f"{identity}: {verdict.cause.text or verdict.status}"
        if counts and self._logged.get(identity) != line:
            self._logged[identity] = line
            self._tell(line)

    def _set_open(self, identity: ObjectId, is_open: bool, first: bool) -> None:
        if is_open:
            self._open.add(identity)
            return
        was_open = identity in self._open
        self._open.discard(identity)
        if was_open and not first:
            # Those that may have waited for it get one more start each before their end counts.
            self._restarts |= {it: self._ends(it) for it in self._open}
            self._crashed.clear()

    def _unless_others_start(self, identity: ObjectId, verdict: Verdict) -> Verdict:
        """Wait with a program that ends at its start while others of the same release are still coming up.

        It may need one of them. Once all others are up, or end at their start too, its next end counts.
        """
        others = self._open - {identity} if self._together else set[ObjectId]()
        tried = self._ends(identity) > self._restarts.get(identity, -1)
        if tried:
            self._crashed[identity] = verdict
        coming = sorted(others - self._crashed.keys())
        if tried and not coming:
            del self._crashed[identity]
            return verdict
        names = ", ".join(it.name for it in coming[:5])
        rest = (
            f"; waiting: {names} of this release may be what it needs" if names else "; it is started again"
        )
        return replace(verdict, status="progressing", cause=verdict.cause.saying(verdict.cause.text + rest))

    def _finished(self, identity: ObjectId) -> bool:
        """Return whether this was a Job or the like that had finished when it was last seen; its TTL removes it."""
        before = self._health.get(identity)
        return (identity.group, identity.kind) in RUN_ONCE and before is not None and before.done

    def _ends(self, identity: ObjectId) -> int:
        workload = self._cache.workload(identity)
        if workload is None:
            return 0
        return sum(map(restarts, newest_pods(workload, *self._cache.below(workload))))

    def _is_unseen(self, identity: ObjectId) -> bool:
        kind = (identity.group, identity.kind)
        return kind in self._cache.unseen or (
            kind not in WORKLOADS and identity not in self._custom_resources
        )

    def _with_help(
        self, identity: ObjectId, workload: Object | None, health: Health, now: float, first: bool
    ) -> Health:
        """Add what an autoscaler says about a pod that no node takes; it is asked every now and then."""
        stuck = next((it for it in health.signals if it.cause.code == "Unschedulable"), None)
        if stuck is None or workload is None or not self._counts(identity):
            return health
        asked, said = self._asked.get(identity, (now, ""))
        if now - asked >= ASK_EVERY and (pod := self._cache.pod(workload, stuck.cause.pod)) is not None:
            meta = pod["metadata"]
            asked, said = now, help_on_its_way(events_of(self._cluster, meta["namespace"], meta["uid"]))
        self._asked[identity] = asked, said
        if not said:
            return health
        signals = (
            replace(it, cause=it.cause.saying(f"{it.cause.text} ({said})"))
            if it.cause.code == "Unschedulable"
            else it
            for it in health.signals
        )
        return replace(health, signals=tuple(signals))

    def _look(
        self, identity: ObjectId, workload: Object | None, now: float, first_look: bool, counts: bool
    ) -> Health:
        if workload is None:
            if (known := self._unwatched.get(identity)) is not None:
                return assess_workload(known, (), (), {})
            if self._is_unseen(identity):
                return Health(True, f"applied; a {identity.kind} is not watched")
            if identity in self._ran or self._finished(identity):
                return Health(True, "done, and gone")
            return Health(
                False, "it is not in the cluster", (Signal(Cause("NotFound", "it is not there"), 10.0),)
            )
        sets, pods = self._cache.below(workload)
        digests = planned_for(self._planned, identity)
        if (identity.group, identity.kind) not in WORKLOADS:
            found = self._rules.assess(workload, identity.group, identity.kind)
            if (engine := self._cache.engines.get(identity)) is not None:
                return with_engine(found, engine, self._cache.pods_of(engine), self._cache.unseen_of(engine))
            return with_pods(found, new_pods(workload, pods), digests)
        if first_look:
            # What is up when the rollout begins has its restarts behind it.
            self._past |= {str(it["metadata"]["uid"]): restarts(it) for it in pods if is_ready(it)}
        found = assess_workload(workload, sets, pods, digests, self._cache.warnings(workload), self._past)
        signals = list(found.signals)
        if first_look and counts:
            self._since[identity] = now
        if any(it.cause.code == DEADLINE for it in signals):
            signals = self._own_deadline(identity, workload, now, signals)
        else:
            self._missed.pop(identity, None)
        # What was up before anybody looked has stood its time.
        settle = 0.0 if first_look else found.settle
        return replace(found, signals=tuple(signals), settle=settle)

    def _own_deadline(
        self, identity: ObjectId, workload: Object, now: float, signals: list[Signal]
    ) -> list[Signal]:
        """Let a missed deadline count once a whole one has passed since the first look at this rollout.

        After a rollback to an old replica set, the missed deadline of the rollout before stays for a moment, or
        comes only now, since the controller counts from that rollout's last progress.
        """
        limit = float((workload.get("spec") or {}).get("progressDeadlineSeconds") or 600)
        seen = self._missed.setdefault(identity, now)
        grace = max(0.0, self._since.get(identity, now - limit) + limit - seen)
        return [
            replace(it, grace=grace, key="deadline") if it.cause.code == DEADLINE else it for it in signals
        ]

    def _unblocked(self, identity: ObjectId, verdict: Verdict, health: Health, now: float) -> Verdict:
        """Delete the broken pod of an older version that a StatefulSet waits for, once; it makes a new one."""
        workload = self._cache.workload(identity)
        pod = self._cache.pod(workload, verdict.cause.pod) if workload else None
        if pod is None or pod["metadata"]["uid"] in self._deleted:
            return verdict
        self._deleted.add(pod["metadata"]["uid"])
        try:
            delete_pod(self._cluster, pod)
        except HeadwayError:
            return verdict
        self._tell(f"{identity}: {verdict.cause.text}; it was deleted")
        rest = tuple(it for it in health.signals if it.cause.code != verdict.cause.code)
        return self._patience.decide(identity, Health(False, health.text, rest), now)[0]

    def _fail(self, verdict: Verdict) -> None:
        identity = verdict.workload
        before = self._verdicts.get(identity)
        if before is not None and before.status == "failed":
            return
        workload = self._cache.workload(identity)
        pod = self._cache.pod(workload, verdict.cause.pod) if workload and verdict.cause.pod else None
        verdict = explained(self._cluster, verdict, workload, pod)
        self._verdicts[identity] = verdict
        self._open.discard(identity)
        if verdict.changed:
            self.failed = True
        self._tell(str(verdict))
