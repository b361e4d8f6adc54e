"""Custom kinds that run pods of a template as a Deployment does: Argo Rollouts, OpenKruise, DeploymentConfig."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headway.domain.health.self_report import Found, Object, conditions, count_at, map_at
from headway.domain.objects.conditions import value_at


def rollout(item: Object) -> Found | None:
    """Argo Rollouts: its phase, behind two generations that may both be seen too late."""
    status, spec = map_at(item, "status"), map_at(item, "spec")
    generation = str(map_at(item, "metadata").get("generation", ""))
    if not status:
        return "progressing", "its controller has not said anything yet"
    seen = str(status.get("observedGeneration") or "")
    # Up to v0.9 it was a hash, which says nothing of the generation.
    if seen.isdigit() and generation and int(seen) < int(generation):
        return "progressing", "its controller has not seen the change yet"
    of_workload = map_at(item, "metadata").get("annotations") or {}
    wanted, found = (
        of_workload.get("rollout.argoproj.io/workload-generation"),
        status.get("workloadObservedGeneration"),
    )
    if wanted is not None and found is not None and str(wanted) != str(found):
        return "progressing", "its controller has not seen the workload's change yet"
    by_type = conditions(item)
    invalid, timed_out = by_type.get("InvalidSpec"), by_type.get("Progressing", {})
    if invalid is not None and str(invalid.get("status")) == "True":
        return "failed", str(invalid.get("message") or "InvalidSpec")
    if timed_out.get("reason") in ("RolloutAborted", "ProgressDeadlineExceeded"):
        return "failed", str(timed_out.get("message") or timed_out["reason"])
    phase, said = str(status.get("phase") or ""), str(status.get("message") or "")
    if _goes_on(spec, status):
        return "progressing", said or "it pauses for a while and goes on by itself"
    meaning = {"Healthy": "ready", "Degraded": "failed", "Paused": "held", "Progressing": "progressing"}
    if phase in meaning:
        return meaning[phase], said or phase  # type: ignore[return-value]
    if status.get("abort"):
        return "failed", "the rollout was aborted"
    if spec.get("paused") or status.get("pauseConditions"):
        return "held", "the rollout is paused"
    wanted_pods = count_at(spec, "replicas", 1)
    updated, available = count_at(status, "updatedReplicas"), count_at(status, "availableReplicas")
    if updated < wanted_pods or available < updated or count_at(status, "replicas") > updated:
        return "progressing", f"{updated} of {wanted_pods} pods are of the new version"
    return "ready", ""


def _goes_on(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Return whether an Argo Rollout only pauses for a time that its steps, or its blue-green strategy, give."""
    if spec.get("paused") or not status.get("pauseConditions"):
        return False
    strategy = map_at(spec, "strategy")
    steps, at = map_at(strategy, "canary").get("steps") or [], status.get("currentStepIndex")
    if isinstance(at, int) and at < len(steps) and (steps[at].get("pause") or {}).get("duration"):
        return True
    return bool(map_at(strategy, "blueGreen").get("autoPromotionSeconds"))


def new_pods(item: Object, pods: Iterable[Object]) -> list[Object] | None:
    """Choose the pods of a custom workload's newest version; None for a kind whose pods are not known."""
    kind = str(item.get("apiVersion", "")).rpartition("/")[0], str(item.get("kind"))
    label, place = POD_KINDS.get(kind, ("", ""))
    wanted = str(map_at(item, "status").get(place) or "")
    if not wanted:
        return None
    return [
        it
        for it in pods
        if wanted.endswith(map_at(map_at(it, "metadata"), "labels").get(label) or wanted + "-")
    ]


_REVISION = "controller-revision-hash"
POD_KINDS = {
    ("argoproj.io", "Rollout"): ("rollouts-pod-template-hash", "currentPodHash"),
    ("apps.kruise.io", "CloneSet"): (_REVISION, "updateRevision"),
    ("apps.kruise.io", "StatefulSet"): (_REVISION, "updateRevision"),
    ("apps.kruise.io", "DaemonSet"): (_REVISION, "daemonSetHash"),
}
"""Custom workloads whose new pods are known: their label, and the field of the status with its value."""


def kruise_set(item: Object) -> Found | None:
    """OpenKruise's CloneSet, StatefulSet and DaemonSet: counts, a pause and a partition."""
    status, strategy = map_at(item, "status"), map_at(item, "spec").get("updateStrategy") or {}
    if not status:
        return "progressing", "its controller has not said anything yet"
    rolling = strategy.get("rollingUpdate") or {}
    if strategy.get("paused") or rolling.get("paused"):
        return "held", "its update is paused"
    wanted = count_at(status, "desiredNumberScheduled", count_at(map_at(item, "spec"), "replicas", 1))
    if not wanted:
        return "held", "no pods are wanted"
    updated = _first(
        status, "updatedNumberScheduled", "updatedReplicas", "updatedAvailableReplicas", *_NEW_READY
    )
    available = _first(
        status, "numberAvailable", "updatedAvailableReplicas", *_NEW_READY, "availableReplicas"
    )
    partition = strategy.get("partition", rolling.get("partition"))
    if partition and updated < wanted and available >= updated:
        return "held", f"partition {partition}: {updated} of {wanted} pods are of the new version"
    if updated < wanted or available < wanted:
        return "progressing", f"{min(updated, available)} of {wanted} pods are new and ready"
    return "ready", ""


_NEW_READY = ("updatedReadyReplicas",)


def _first(status: Mapping[str, Any], *names: str) -> int:
    return next((count_at(status, it) for it in names if it in status), 0)


def broadcast_job(item: Object) -> Found | None:
    """OpenKruise's BroadcastJob ends, but for one that is meant to wait for further nodes."""
    phase = map_at(item, "status").get("phase")
    never = value_at(item, ".spec.completionPolicy.type") == "Never"
    return ("progressing", "it runs") if phase == "running" and not never else None


def deployment_config(item: Object) -> Found | None:
    """OpenShift's DeploymentConfig: available, and its newest replication controller rolled out."""
    by_type, status = conditions(item), map_at(item, "status")
    if "replicas" not in status:
        return "progressing", "its controller has not said anything yet"
    if not count_at(status, "replicas") and not count_at(map_at(item, "spec"), "replicas"):
        return "held", "no replicas are wanted"
    progressing = by_type.get("Progressing", {})
    if progressing.get("status") == "False":
        return "failed", str(progressing.get("message") or "its rollout has failed")
    if progressing.get("reason") != "NewReplicationControllerAvailable":
        return "progressing", str(progressing.get("message") or "its rollout is under way")
    if not count_at(status, "replicas"):
        return "held", "no pods of it run"
    available = by_type.get("Available", {})
    if available.get("status") != "True":
        return "progressing", str(available.get("message") or "it is not available yet")
    return "ready", ""
