"""What is known of common custom kinds by name, where a question about their status is not enough.

Learnt from the kinds' own documentation and from Argo CD's public health tests, which are the
yardstick; the rules are headway's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from headway.domain.health.argo_application import application
from headway.domain.health.custom_rules import Assess, Rule, Rules
from headway.domain.health.custom_workloads import broadcast_job, deployment_config, kruise_set, rollout
from headway.domain.health.kind_table import TABLE
from headway.domain.health.reporting_kinds import SILENT
from headway.domain.health.self_report import Found, Object, by_itself, conditions, count_at, map_at, words_of
from headway.domain.objects.conditions import value_at

if TYPE_CHECKING:
    from headway.domain.config.model import Document


def _tenant(item: Object) -> Found | None:
    """MinIO's Tenant says in a sentence how it is."""
    said = map_at(item, "status").get("currentState")
    if not isinstance(said, str):
        return "progressing", "its operator has not said anything yet"
    if said == "Initialized":
        return "ready", ""
    bad = ("not controlled", "already exists", "not set properly", "Different versions", "Not Allowed")
    return ("failed" if any(it in said for it in bad) else "progressing"), said


def _gloo(item: Object) -> Found | None:
    """Solo's kinds: a number or a word, for the object or for each of its reporters."""
    status = map_at(item, "status")
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
    phase, health = map_at(item, "status").get("phase"), map_at(item, "status").get("health")
    if phase == "Invalid" or (phase == "Ready" and health == "red"):
        return "failed", f"{phase}, health {health}"
    sets = map_at(item, "spec").get("nodeSets") or ()
    wanted, there = (
        sum(count_at(it, "count") for it in sets),
        count_at(map_at(item, "status"), "availableNodes"),
    )
    if there < wanted:
        return "progressing", f"{there} of {wanted} nodes are there"
    if phase == "Ready" and health == "green":
        return "ready", ""
    return "progressing", f"{phase}, health {health}"


def _cluster_of_postgres(item: Object) -> Found | None:
    """CloudNativePG's Cluster: held back, or how it is by its phase, which is a sentence."""
    annotations = map_at(map_at(item, "metadata"), "annotations")
    if annotations.get("cnpg.io/hibernation") == "on":
        return "held", "it is hibernated"
    if annotations.get("cnpg.io/reconciliationLoop") == "disabled":
        return "held", "its reconciliation is switched off"
    phase = str(map_at(item, "status").get("phase") or "")
    if phase == "Cluster in healthy state":
        return "ready", ""
    if phase == "Waiting for user action":
        return "held", phase
    if any(it in phase.casefold() for it in _POSTGRES_BROKEN):
        return "failed", f"{phase}: {map_at(item, 'status').get('phaseReason') or ''}".removesuffix(": ")
    return "progressing", phase or "its operator has not said anything yet"


_POSTGRES_BROKEN = (
    "unrecoverable", "failed", "unable to create", "unknown plugin", "invalid image catalog", "missing architecture",
)  # fmt: skip


def _ceph(item: Object) -> Found | None:
    """Rook's CephCluster: created, and Ceph's own health.

    Many a cluster warns for ever (of a clock, of a pool); what warns of a daemon or of data is waited for.
    """
    state, health = map_at(item, "status").get("state"), value_at(item, ".status.ceph.health")
    details = map_at(map_at(map_at(item, "status"), "ceph"), "details")
    if state == "Error" or health == "HEALTH_ERR":
        return "failed", words_of(item)
    if down := [it for it in details if it.endswith("_DOWN") or it.startswith("PG_")]:
        return "progressing", ", ".join(str(map_at(details, it).get("message") or it) for it in sorted(down))
    if state in ("Created", "Connected") and health in ("HEALTH_OK", "HEALTH_WARN"):
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


def _canary(item: Object) -> Found | None:
    """Flagger's Canary: its phase; a promotion under way is not ended."""
    phase = str(map_at(item, "status").get("phase") or "")
    if phase in ("Initialized", "Succeeded"):
        return "ready", ""
    return ("failed" if phase == "Failed" else "progressing"), words_of(
        item
    ) or "its controller has not said anything"


def _http_proxy(item: Object) -> Found | None:
    """Contour's HTTPProxy: one word, valid or not; one that it includes may come with another release."""
    status = map_at(item, "status")
    word, said = status.get("currentStatus"), str(status.get("description") or "")
    wrong = conditions(item).get("Valid", {}).get("errors") or ()
    if word == "valid" or (wrong and all(it.get("type") == "IncludeError" for it in wrong)):
        return "ready", ""
    return ("failed" if word in ("invalid", "orphaned") else "progressing"), said or "it is not valid yet"


def _compliance(item: Object) -> Found | None:
    """Open Cluster Management's policies: compliant or not, where any cluster is asked."""
    status = map_at(item, "status")
    word = status.get("compliant")
    if word == "Compliant" or map_at(item, "spec").get("disabled") is True:
        return "ready", ""
    if not word and status.get("placement") and not status.get("status"):
        return "ready", ""
    return ("failed" if word == "NonCompliant" else "progressing"), str(
        word or "it has not been evaluated yet"
    )


def _helm_repository(item: Object) -> Found | None:
    """Flux' HelmRepository: one of type oci is only an address, and tells nothing."""
    return ("ready", "") if map_at(item, "spec").get("type") == "oci" else None


def _kafka_cluster(item: Object) -> Found | None:
    """Koperator's KafkaCluster: its state is one long word, and each broker has its own."""
    word = str(map_at(item, "status").get("state") or "")
    if word != "ClusterRunning":
        return "progressing", word or "it has not started"
    brokers = map_at(map_at(item, "status"), "brokersState")
    behind = [it for it in brokers if map_at(brokers, it).get("configurationState") == "ConfigOutOfSync"]
    return (
        ("progressing", f"broker {behind[0]} does not have its configuration yet")
        if behind
        else ("ready", "")
    )


def _managed(item: Object) -> Found | None:
    """Crossplane's kinds: what is only Synced has been asked for, and is not there yet."""
    if item.get("kind") in SILENT:
        return "applied", ""
    by_type = conditions(item)
    if by_type.get("LastAsyncOperation", {}).get("status") == "False":
        return "failed", str(by_type["LastAsyncOperation"].get("message") or "LastAsyncOperation")
    found, there = (
        by_itself(item),
        ("Ready", "Healthy", "Offered", "Established", "ValidPipeline", "RevisionHealthy"),
    )
    if found[0] == "ready" and not any(it in by_type for it in there):
        return "progressing", "it is not there yet"
    return found


def _collector(item: Object) -> Found | None:
    """OpenTelemetry's Collector: how many of its pods are ready, in one text such as 1/3."""
    status = map_at(item, "status")
    ready, _, wanted = str(map_at(status, "scale").get("statusReplicas") or "").partition("/")
    if not status.get("version"):
        return "progressing", "its operator has not said anything yet"
    if ready.isdigit() and wanted.isdigit() and int(ready) < int(wanted):
        return "progressing", f"{ready} of {wanted} pods are ready"
    return "ready", ""


_GLOO_KINDS = {
    "gateway.solo.io": (
        "Gateway", "MatchableHttpGateway", "RouteOption", "RouteTable", "VirtualHostOption", "VirtualService",
    ),
    "gloo.solo.io": ("Proxy", "Settings", "Upstream", "UpstreamGroup"),
}  # fmt: skip
KNOWN: dict[tuple[str, str], Assess] = {
    **{key: kind.assess for key, kind in TABLE.items()},
    ("argoproj.io", "Rollout"): rollout,
    ("argoproj.io", "Application"): application,
    ("apps.kruise.io", "CloneSet"): kruise_set,
    ("apps.kruise.io", "StatefulSet"): kruise_set,
    ("apps.kruise.io", "DaemonSet"): kruise_set,
    ("apps.kruise.io", "BroadcastJob"): broadcast_job,
    ("game.kruise.io", "GameServerSet"): kruise_set,
    ("opentelemetry.io", "OpenTelemetryCollector"): _collector,
    ("*.crossplane.io", "*"): _managed,
    ("*.upbound.io", "*"): _managed,
    ("apps.openshift.io", "DeploymentConfig"): deployment_config,
    ("minio.min.io", "Tenant"): _tenant,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _crd,
    ("elasticsearch.k8s.elastic.co", "Elasticsearch"): _elasticsearch,
    ("postgresql.cnpg.io", "Cluster"): _cluster_of_postgres,
    ("ceph.rook.io", "CephCluster"): _ceph,
    ("tower.ansible.com", "AnsibleJob"): _ansible_job,
    ("flagger.app", "Canary"): _canary,
    ("projectcontour.io", "HTTPProxy"): _http_proxy,
    ("source.toolkit.fluxcd.io", "HelmRepository"): _helm_repository,
    ("kafka.banzaicloud.io", "KafkaCluster"): _kafka_cluster,
    **{("policy.open-cluster-management.io", kind): _compliance
       for kind in ("Policy", "ConfigurationPolicy", "CertificatePolicy")},
    **{(group, kind): _gloo for group, kinds in _GLOO_KINDS.items() for kind in kinds},
}  # fmt: skip
RULES = Rules((), KNOWN)
"""What is known without a headway.yaml."""


def rules_of(document: Document) -> Rules:
    """Return the rules of a headway.yaml, before what is known of kinds."""
    own = [Rule.of(it.kind, it.ready, it.failed, it.held) for it in document.health]
    return Rules(own, KNOWN) if own else RULES
