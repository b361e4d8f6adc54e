"""When is each kind of workload done, and which of its pods are the new ones?

The rules are those of `kubectl rollout status` (observedGeneration first, then the
counts), and on top of them every new pod must run the planned digests. Pods of an
older template count neither for nor against: an old broken pod must not fail its fix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from headway.domain.health.cause import Cause
from headway.domain.health.pods import is_leaving, is_ready, last_run, pod_signals, restarts, wrong_digests
from headway.domain.health.shortage import failed_create, not_started
from headway.domain.health.verdict import DEADLINE, NEVER, Health, Signal

DIGEST_GRACE = 5.0
BLOCKED_GRACE = 2.0
SETTLE = 2.0
"""Seconds that a pod without a readiness probe must stay up: its "ready" only says "started"."""
RESTARTED_SETTLE, MOST_SETTLE = 10.0, 120.0
"""Seconds that pods which were restarted must stay up beyond the length of their last run, and at most."""
REVISION = "deployment.kubernetes.io/revision"
Object = Mapping[str, Any]

_UNSEEN = Health(False, "its controller has not seen the change yet")


def newest_pods(workload: Object, replica_sets: Sequence[Object], pods: Sequence[Object]) -> list[Object]:
    """Choose the pods that were made from the workload's present template and are there to stay.

    `pods` are those of the workload, or of its replica sets.
    """
    kind, status = workload.get("kind"), workload.get("status") or {}
    staying = [pod for pod in pods if not is_leaving(pod)]
    if kind == "Deployment":
        revision = (workload["metadata"].get("annotations") or {}).get(REVISION)
        uids = {
            each["metadata"]["uid"]
            for each in replica_sets
            if revision and (each["metadata"].get("annotations") or {}).get(REVISION) == revision
        }
        return [pod for pod in staying if _owner_uid(pod) in uids]
    if kind == "StatefulSet":
        revision = status.get("updateRevision")
        return [pod for pod in staying if _label(pod, "controller-revision-hash") == revision]
    if kind == "DaemonSet":
        generation = (workload["metadata"].get("annotations") or {}).get(
            "deprecated.daemonset.template.generation"
        )
        return [pod for pod in staying if _label(pod, "pod-template-generation") == generation]
    return staying


def assess_workload(
    workload: Object,
    replica_sets: Sequence[Object],
    pods: Sequence[Object],
    planned: Mapping[str, str],
    warnings: Sequence[tuple[str, str]] = (),
    past: Mapping[str, int] = MappingProxyType({}),
) -> Health:
    """Assess a workload from its own status and its new pods.

    `warnings` are reasons and messages of events about the workload or its pods, `past` the restarts of
    pods, by uid, that were over when the rollout began.
    A kind that is not known here counts as done when it is applied, and its text says so.
    """
    kind = str(workload.get("kind"))
    rule = _RULES.get(kind)
    if rule is None:
        return Health(True, f"applied; when a {kind} is ready is not known to headway")
    newest = newest_pods(workload, replica_sets, pods)
    done, text, signals = rule(workload, newest)
    if done is None:
        return _UNSEEN
    if done == "idle" or done == "held":
        return Health(True, text, put_off=done)
    if done:
        if not text:
            return _confirmed(workload, newest, planned, past)
        return Health(True, text)
    signals = [*signals, *(signal for pod in newest for signal in pod_signals(pod))]
    short = len(newest) < wanted_pods(workload)
    starting = any((pod.get("status") or {}).get("phase") == "Pending" for pod in newest)
    for reason, said in warnings:
        if reason == "FailedCreate" and short:
            signals.append(failed_create(said, len(newest)))
        elif reason == "Unhealthy":
            signals = [_explained(signal, said) for signal in signals]
        elif starting and (lack := not_started(reason, said)) is not None:
            signals = [*(it for it in signals if it.cause.code != "NodeNotReady"), lack]
    signals.extend(_blocked(workload, [pod for pod in pods if pod not in newest]))
    if ending := [pod for pod in pods if is_leaving(pod)]:
        signals.append(_ending(ending))
    return Health(False, text, tuple(signals))


def _ending(pods: Sequence[Object]) -> Signal:
    most = max(int((pod.get("metadata") or {}).get("deletionGracePeriodSeconds") or 0) for pod in pods)
    many = f"{len(pods)} pods are" if len(pods) > 1 else f"pod {pods[0]['metadata']['name']} is"
    text = f"{many} still ending (at most {most} s)" if most else f"{many} still ending"
    return Signal(Cause("OldPodEnding", text, blames=False), NEVER)


Ruling = tuple[bool | Literal["idle", "held"] | None, str, list[Signal]]
"""Whether it is done (None: its controller has not looked yet), what it waits for, and signs of trouble."""


def _deployment(item: Object, newest: Sequence[Object]) -> Ruling:
    status, wanted = item.get("status") or {}, wanted_pods(item)
    if wanted == 0:
        return "idle", "no replicas are wanted", []
    if not _seen(item):
        return None, "", []
    conditions = {each.get("type"): each for each in status.get("conditions") or ()}
    signals = []
    failure = conditions.get("ReplicaFailure", {})
    updated, available = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
    if failure.get("status") == "True":
        signals.append(failed_create(str(failure.get("message", "")), updated))
    progressing = conditions.get("Progressing", {})
    if progressing.get("status") == "False" and progressing.get("reason") == "ProgressDeadlineExceeded":
        limit = (item.get("spec") or {}).get("progressDeadlineSeconds", 600)
        signals.append(Signal(Cause(DEADLINE, f"no progress for {limit} s"), 0))
    total = int(status.get("replicas") or 0)
    if (item.get("spec") or {}).get("paused") and (updated < wanted or total > updated):
        return "held", "paused: its pods stay as they are", []
    if updated < wanted:
        return False, f"{updated} of {wanted} pods are of the new version", signals
    if total > updated:
        return False, f"pods of the old version still there: {total - updated}", signals
    if available < updated:
        return False, f"{available} of {updated} new pods are ready", signals
    return True, "", []


def _stateful_set(item: Object, newest: Sequence[Object]) -> Ruling:
    status, wanted, spec = item.get("status") or {}, wanted_pods(item), item.get("spec") or {}
    if wanted == 0:
        return "idle", "no replicas are wanted", []
    if not _seen(item):
        return None, "", []
    strategy = spec.get("updateStrategy") or {}
    ready, updated = int(status.get("readyReplicas") or 0), int(status.get("updatedReplicas") or 0)
    if strategy.get("type") == "OnDelete" and updated < wanted:
        return "held", "updates on delete: its pods change when somebody deletes them", []
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    if updated < max(wanted - partition, 0):
        return False, f"{updated} of {wanted - partition} pods are of the new version", []
    if min(ready, int(status.get("availableReplicas", ready) or 0)) < wanted:
        return False, f"{ready} of {wanted} pods are ready", []
    if updated < wanted:
        return "held", f"partition {partition}: {updated} of {wanted} pods are of the new version", []
    return True, "", []


def _daemon_set(item: Object, newest: Sequence[Object]) -> Ruling:
    status = item.get("status") or {}
    if not _seen(item):
        return None, "", []
    wanted = int(status.get("desiredNumberScheduled") or 0)
    updated, available = (
        int(status.get("updatedNumberScheduled") or 0),
        int(status.get("numberAvailable") or 0),
    )
    on_delete = ((item.get("spec") or {}).get("updateStrategy") or {}).get("type") == "OnDelete"
    if wanted == 0:
        return "idle", "no node wants it", []
    if updated < wanted and on_delete:
        return "held", "updates on delete: its pods change when somebody deletes them", []
    if updated < wanted:
        return False, f"{updated} of {wanted} pods are of the new version", []
    if available < wanted:
        return False, f"{available} of {wanted} pods are ready", []
    return True, "", []


def _replica_set(item: Object, newest: Sequence[Object]) -> Ruling:
    status, wanted = item.get("status") or {}, wanted_pods(item)
    if wanted == 0:
        return "idle", "no replicas are wanted", []
    if not _seen(item):
        return None, "", []
    available = int(status.get("availableReplicas") or 0)
    if available < wanted or int(status.get("replicas") or 0) > wanted:
        return False, f"{available} of {wanted} pods are ready", []
    return True, "", []


def _job(item: Object, newest: Sequence[Object]) -> Ruling:
    conditions = {
        each.get("type"): each
        for each in (item.get("status") or {}).get("conditions") or ()
        if each.get("status") == "True"
    }
    if "Complete" in conditions or "SuccessCriteriaMet" in conditions:
        return True, "complete", []
    if failed := conditions.get("Failed") or conditions.get("FailureTarget"):
        pod = next((pod for pod in newest if (pod.get("status") or {}).get("phase") == "Failed"), None)
        name = pod["metadata"]["name"] if pod else ""
        said = f"{failed.get('reason', '')}: {failed.get('message', '')}"
        return False, said, [Signal(Cause("JobFailed", said, name), 0)]
    if (item.get("spec") or {}).get("suspend"):
        return "idle", "suspended: it does not run", []
    return False, "it has not completed yet", []


def _pod(item: Object, newest: Sequence[Object]) -> Ruling:
    phase = (item.get("status") or {}).get("phase")
    if phase == "Succeeded":
        return True, "succeeded", []
    if phase == "Failed":
        text = (item.get("status") or {}).get("message") or "a container ended with an error"
        return False, text, [Signal(Cause("PodFailed", text, item["metadata"]["name"]), 0)]
    return (
        (True, "", []) if is_ready(item) else (False, f"the pod is {phase or 'not started'}, not ready", [])
    )


def _cron_job(item: Object, newest: Sequence[Object]) -> Ruling:
    if (item.get("spec") or {}).get("suspend"):
        return "idle", "suspended: it starts nothing", []
    return True, "applied; what it runs is started later", []


_RULES: dict[str, Callable[[Object, Sequence[Object]], Ruling]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "ReplicaSet": _replica_set,
    "ReplicationController": _replica_set,
    "Job": _job,
    "CronJob": _cron_job,
    "Pod": _pod,
}


def _confirmed(
    workload: Object, newest: Sequence[Object], planned: Mapping[str, str], past: Mapping[str, int]
) -> Health:
    ready = [pod for pod in newest if is_ready(pod)]
    if len(ready) < wanted_pods(workload):
        return Health(False, "its new pods have not reported yet")
    signals = _wrong(ready, planned)
    if signals:
        return Health(False, signals[0].cause.text, tuple(signals))
    if restarted := [it for it in ready if restarts(it) > past.get(str(it["metadata"].get("uid")), 0)]:
        # What passed its probe once and then ended may do so again: it must stay up for longer than it did.
        longer = min(max(map(last_run, restarted)) + RESTARTED_SETTLE, MOST_SETTLE)
        return Health(True, f"up again after a restart; it must stay so for {longer:.0f} s", settle=longer)
    if (workload.get("spec") or {}).get("minReadySeconds") or not any(map(_unprobed, ready)):
        return Health(True, "")
    return Health(True, "up; it has no readiness probe", settle=SETTLE)


def with_pods(found: Health, pods: Sequence[Object] | None, planned: Mapping[str, str]) -> Health:
    """Add to a custom workload's health what its new pods say; None: which those are is not known."""
    if pods is None:
        return found
    if found.done and not found.put_off:
        if wrong := _wrong([it for it in pods if is_ready(it)], planned):
            return Health(False, wrong[0].cause.text, tuple(wrong))
        return found
    if found.done:
        return found
    return replace(found, signals=(*found.signals, *(it for pod in pods for it in pod_signals(pod))))


def _wrong(pods: Sequence[Object], planned: Mapping[str, str]) -> list[Signal]:
    return [
        Signal(
            Cause(
                "DigestDiffers",
                f"container {container} should run {planned[container]} and reports {reported}",
                pod["metadata"]["name"],
                container,
            ),
            DIGEST_GRACE,
        )
        for pod in pods
        for container, reported in wrong_digests(pod, planned)
    ]


def _unprobed(pod: Object) -> bool:
    containers = (pod.get("spec") or {}).get("containers") or ()
    return not all("readinessProbe" in each for each in containers)


def _explained(signal: Signal, said: str) -> Signal:
    if signal.cause.code != "NotReady":
        return signal
    return replace(signal, cause=signal.cause.saying(f"{signal.cause.text}: {said}"))


def _blocked(workload: Object, pods: Sequence[Object]) -> list[Signal]:
    """A StatefulSet goes on only when its pods are ready, so an old broken pod holds up its own fix."""
    spec = workload.get("spec") or {}
    if workload.get("kind") != "StatefulSet" or spec.get("podManagementPolicy") == "Parallel":
        return []
    broken = [signal for pod in pods if not is_leaving(pod) for signal in pod_signals(pod)]
    return [
        Signal(
            Cause(
                "BlockedByOldPod",
                f"pod {it.cause.pod} of the version before is broken and must be deleted first ({it.cause.code})",
                it.cause.pod,
                it.cause.container,
            ),
            BLOCKED_GRACE,
        )
        for it in broken[:1]
        if it.grace != NEVER or it.cause.code == "CrashLoopBackOff"
    ]


def wanted_pods(item: Object) -> int:
    """Return how many pods a workload asks for."""
    if item.get("kind") == "DaemonSet":
        return int((item.get("status") or {}).get("desiredNumberScheduled") or 0)
    replicas = (item.get("spec") or {}).get("parallelism" if item.get("kind") == "Job" else "replicas")
    return 1 if replicas is None else int(replicas)


def _seen(item: Object) -> bool:
    observed = int((item.get("status") or {}).get("observedGeneration") or 0)
    return observed >= int(item["metadata"].get("generation") or 0)


def _owner_uid(pod: Object) -> str:
    for each in pod["metadata"].get("ownerReferences") or ():
        if each.get("controller"):
            return str(each["uid"])
    return ""


def _label(pod: Object, name: str) -> str | None:
    value = (pod["metadata"].get("labels") or {}).get(name)
    return None if value is None else str(value)
