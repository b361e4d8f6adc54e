"""What is known of common custom kinds by name, where their status says more than conditions do.

Learnt from the kinds' own documentation and from Argo CD's public health tests, which are the
yardstick; the rules are headway's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from headway.domain.conditions import value_at
from headway.domain.customhealth import Found, Object, Rule, Rules, conditions, words_of

if TYPE_CHECKING:
    from headway.domain.model import Document

Judge = Callable[[Object], Found | None]
"""Gives None where the general rules know as much."""


def _rollout(item: Object) -> Found | None:
    """Argo Rollouts: its phase, behind two generations that may both be seen too late."""
    status, spec = _map(item, "status"), _map(item, "spec")
    generation = str(_map(item, "metadata").get("generation", ""))
    if not status:
        return "progressing", "its controller has not said anything yet"
    seen = str(status.get("observedGeneration") or "")
    # Up to v0.9 it was a hash, which says nothing of the generation.
    if seen.isdigit() and generation and int(seen) < int(generation):
        return "progressing", "its controller has not seen the change yet"
    of_workload = _map(item, "metadata").get("annotations") or {}
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
    wanted_pods = _count(spec, "replicas", 1)
    updated, available = _count(status, "updatedReplicas"), _count(status, "availableReplicas")
    if updated < wanted_pods or available < updated or _count(status, "replicas") > updated:
        return "progressing", f"{updated} of {wanted_pods} pods are of the new version"
    return "ready", ""


def _goes_on(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Say whether an Argo Rollout only pauses for a time that its steps, or its blue-green strategy, give."""
    if spec.get("paused") or not status.get("pauseConditions"):
        return False
    strategy = _map(spec, "strategy")
    steps, at = _map(strategy, "canary").get("steps") or [], status.get("currentStepIndex")
    if isinstance(at, int) and at < len(steps) and (steps[at].get("pause") or {}).get("duration"):
        return True
    return bool(_map(strategy, "blueGreen").get("autoPromotionSeconds"))


def new_pods(item: Object, pods: Iterable[Object]) -> list[Object] | None:
    """Choose the pods of a custom workload's newest version; None for a kind whose pods are not known."""
    kind = str(item.get("apiVersion", "")).rpartition("/")[0], str(item.get("kind"))
    label, place = POD_KINDS.get(kind, ("", ""))
    wanted = str(_map(item, "status").get(place) or "")
    if not wanted:
        return None
    return [
        it for it in pods if wanted.endswith(_map(_map(it, "metadata"), "labels").get(label) or wanted + "-")
    ]


_REVISION = "controller-revision-hash"
POD_KINDS = {
    ("argoproj.io", "Rollout"): ("rollouts-pod-template-hash", "currentPodHash"),
    ("apps.kruise.io", "CloneSet"): (_REVISION, "updateRevision"),
    ("apps.kruise.io", "StatefulSet"): (_REVISION, "updateRevision"),
    ("apps.kruise.io", "DaemonSet"): (_REVISION, "daemonSetHash"),
}
"""Custom workloads whose new pods are known: their label, and the field of the status with its value."""


def _kruise_set(item: Object) -> Found | None:
    """OpenKruise's CloneSet, StatefulSet and DaemonSet: counts, a pause and a partition."""
    status, strategy = _map(item, "status"), _map(item, "spec").get("updateStrategy") or {}
    if not status:
        return "progressing", "its controller has not said anything yet"
    rolling = strategy.get("rollingUpdate") or {}
    if strategy.get("paused") or rolling.get("paused"):
        return "held", "its update is paused"
    wanted = _count(status, "desiredNumberScheduled", _count(_map(item, "spec"), "replicas", 1))
    updated = _count(status, "updatedNumberScheduled", _count(status, "updatedReplicas"))
    available = _count(
        status,
        "numberAvailable",
        _count(status, "updatedAvailableReplicas", _count(status, "availableReplicas")),
    )
    partition = strategy.get("partition", rolling.get("partition"))
    if partition and updated < wanted and available >= updated:
        return "held", f"partition {partition}: {updated} of {wanted} pods are of the new version"
    if updated < wanted or available < wanted:
        return "progressing", f"{min(updated, available)} of {wanted} pods are new and ready"
    return "ready", ""


def _deployment_config(item: Object) -> Found | None:
    """OpenShift's DeploymentConfig: available, and its newest replication controller rolled out."""
    by_type, status = conditions(item), _map(item, "status")
    if "replicas" not in status:
        return "progressing", "its controller has not said anything yet"
    if not _count(status, "replicas") and not _count(_map(item, "spec"), "replicas"):
        return "held", "no replicas are wanted"
    progressing = by_type.get("Progressing", {})
    if progressing.get("status") == "False":
        return "failed", str(progressing.get("message") or "its rollout has failed")
    if progressing.get("reason") != "NewReplicationControllerAvailable":
        return "progressing", str(progressing.get("message") or "its rollout is under way")
    available = by_type.get("Available", {})
    if available.get("status") != "True":
        return "progressing", str(available.get("message") or "it is not available yet")
    return "ready", ""


def _tenant(item: Object) -> Found | None:
    """MinIO's Tenant says in a sentence how it is."""
    said = _map(item, "status").get("currentState")
    if not isinstance(said, str):
        return "progressing", "its operator has not said anything yet"
    if said == "Initialized":
        return "ready", ""
    bad = ("not controlled", "already exists", "not set properly", "Different versions", "Not Allowed")
    return ("failed" if any(it in said for it in bad) else "progressing"), said


def _gloo(item: Object) -> Found | None:
    """Solo's kinds: a number or a word, for the object or for each of its reporters."""
    status = _map(item, "status")
    reports = [it for it in (status.get("statuses") or {}).values() if isinstance(it, Mapping)] or [status]
    states = [(_GLOO.get(str(it.get("state")), "progressing"), str(it.get("reason") or "")) for it in reports]
    for wanted in ("failed", "progressing"):
        for state, said in states:
            if state == wanted:
                return state, said or "it has not been validated yet"  # type: ignore[return-value]
    return "ready", ""


_GLOO = {
    "0": "progressing", "1": "ready", "2": "failed", "3": "failed",
    "Pending": "progressing", "Accepted": "ready", "Rejected": "failed", "Warning": "failed",
}  # fmt: skip


def _crd(item: Object) -> Found | None:
    """A CustomResourceDefinition is there once its names are accepted and it is established."""
    by_type = conditions(item)
    if by_type.get("Terminating", {}).get("status") == "True":
        return "progressing", "it is being deleted"
    for name in ("NonStructuralSchema",):
        if by_type.get(name, {}).get("status") == "True":
            return "failed", str(by_type[name].get("message") or name)
    for name in ("NamesAccepted", "Established"):
        found = by_type.get(name)
        if found is None:
            return "progressing", f"it is not {name} yet"
        if found.get("status") != "True":
            bad = name == "NamesAccepted" or found.get("reason") == "NotAccepted"
            return ("failed" if bad else "progressing"), str(found.get("message") or name)
    return "ready", ""


def _elasticsearch(item: Object) -> Found | None:
    """Elastic's Elasticsearch: its phase, and then the colour of its health."""
    phase, health = _map(item, "status").get("phase"), _map(item, "status").get("health")
    if phase == "Invalid" or (phase == "Ready" and health == "red"):
        return "failed", f"{phase}, health {health}"
    return (
        ("ready", "")
        if phase == "Ready" and health == "green"
        else ("progressing", f"{phase}, health {health}")
    )


def _cluster_of_postgres(item: Object) -> Found | None:
    """CloudNativePG's Cluster: hibernated, or ready by its conditions; its phase is a sentence."""
    if _map(_map(item, "metadata"), "annotations").get("cnpg.io/hibernation") == "on":
        return "held", "it is hibernated"
    phase = str(_map(item, "status").get("phase") or "")
    if phase == "Cluster in healthy state":
        return "ready", ""
    if "unrecoverable" in phase.casefold() or "failed" in phase.casefold():
        return "failed", phase
    return "progressing", phase or "its operator has not said anything yet"


def _ceph(item: Object) -> Found | None:
    """Rook's CephCluster: created, and Ceph's own health."""
    state, health = _map(item, "status").get("state"), value_at(item, ".status.ceph.health")
    if state == "Error" or health == "HEALTH_ERR":
        return "failed", words_of(item)
    if state == "Created" and health in ("HEALTH_OK", "HEALTH_WARN"):
        return "ready", ""
    return "progressing", words_of(item)


def _ansible_job(item: Object) -> Found | None:
    """AWX' AnsibleJob: the word of its result."""
    word = str(value_at(item, ".status.ansibleJobResult.status") or "")
    if word == "successful":
        return "ready", ""
    return (
        "failed" if word in ("failed", "error", "canceled") else "progressing"
    ), word or "it has not started"


def _scaled(item: Object) -> Found | None:
    """KEDA: a pause, and that it is ready; a fallback is what it does while a trigger is away."""
    if _map(_map(item, "metadata"), "annotations").get("autoscaling.keda.sh/paused") in ("true", True):
        return "held", "it is paused"
    return None


def _canary(item: Object) -> Found | None:
    """Flagger's Canary: its phase; a promotion under way is not ended."""
    phase = str(_map(item, "status").get("phase") or "")
    if phase in ("Initialized", "Succeeded"):
        return "ready", ""
    return ("failed" if phase == "Failed" else "progressing"), words_of(
        item
    ) or "its controller has not said anything"


def _http_proxy(item: Object) -> Found | None:
    """Contour's HTTPProxy: one word, valid or not."""
    status = _map(item, "status")
    word, said = status.get("currentStatus"), str(status.get("description") or "")
    if word == "valid":
        return "ready", ""
    return ("failed" if word in ("invalid", "orphaned") else "progressing"), said or "it is not valid yet"


def _compliance(item: Object) -> Found | None:
    """Open Cluster Management's policies: compliant or not."""
    word = _map(item, "status").get("compliant")
    if word == "Compliant":
        return "ready", ""
    return ("failed" if word == "NonCompliant" else "progressing"), str(
        word or "it has not been evaluated yet"
    )


def _helm_repository(item: Object) -> Found | None:
    """Flux' HelmRepository: one of type oci is only an address, and tells nothing."""
    return ("ready", "") if _map(item, "spec").get("type") == "oci" else None


def _kafka_cluster(item: Object) -> Found | None:
    """Koperator's KafkaCluster: its state is one long word."""
    word = str(_map(item, "status").get("state") or "")
    return ("ready", "") if word == "ClusterRunning" else ("progressing", word or "it has not started")


def _map(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = item.get(name)
    return found if isinstance(found, Mapping) else {}


def _count(item: Mapping[str, Any], name: str, default: int = 0) -> int:
    found = item.get(name)
    return found if isinstance(found, int) else default


_GLOO_KINDS = {
    "gateway.solo.io": (
        "Gateway", "MatchableHttpGateway", "RouteOption", "RouteTable", "VirtualHostOption", "VirtualService",
    ),
    "gloo.solo.io": ("Proxy", "Settings", "Upstream", "UpstreamGroup"),
}  # fmt: skip
KNOWN: dict[tuple[str, str], Judge] = {
    ("argoproj.io", "Rollout"): _rollout,
    ("apps.kruise.io", "CloneSet"): _kruise_set,
    ("apps.kruise.io", "StatefulSet"): _kruise_set,
    ("apps.kruise.io", "DaemonSet"): _kruise_set,
    ("apps.openshift.io", "DeploymentConfig"): _deployment_config,
    ("minio.min.io", "Tenant"): _tenant,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _crd,
    ("elasticsearch.k8s.elastic.co", "Elasticsearch"): _elasticsearch,
    ("postgresql.cnpg.io", "Cluster"): _cluster_of_postgres,
    ("ceph.rook.io", "CephCluster"): _ceph,
    ("tower.ansible.com", "AnsibleJob"): _ansible_job,
    ("keda.sh", "ScaledObject"): _scaled,
    ("keda.sh", "ScaledJob"): _scaled,
    ("flagger.app", "Canary"): _canary,
    ("projectcontour.io", "HTTPProxy"): _http_proxy,
    ("source.toolkit.fluxcd.io", "HelmRepository"): _helm_repository,
    ("kafka.banzaicloud.io", "KafkaCluster"): _kafka_cluster,
    **{("policy.open-cluster-management.io", kind): _compliance
       for kind in ("Policy", "ConfigurationPolicy", "OperatorPolicy", "CertificatePolicy")},
    **{(group, kind): _gloo for group, kinds in _GLOO_KINDS.items() for kind in kinds},
}  # fmt: skip
RULES = Rules((), KNOWN)
"""What is known without a headway.yaml."""


def rules_of(document: Document) -> Rules:
    """Give the rules of a headway.yaml, before what is known of kinds."""
    own = [Rule.of(it.kind, it.ready, it.failed, it.held) for it in document.health]
    return Rules(own, KNOWN) if own else RULES
