"""Custom kinds by what they tell: their causes of trouble first, then the kinds that are known by name."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.health.custom_rules import has_health_rules
from headway.domain.health.kinds import RULES
from headway.domain.health.reporting_kinds import always_reports


def conds(*several: str) -> dict[str, Any]:
    """Make conditions from texts such as `Ready=False:Reason`."""
    found = []
    for each in several:
        name, _, rest = each.partition("=")
        status, _, reason = rest.partition(":")
        found.append({"type": name, "status": status, "reason": reason})
    return {"conditions": found}


def how(of: str, status: Any = None, spec: Any = None, **meta: Any) -> str:
    kind, _, group = of.partition(".")
    item: dict[str, Any] = {
        "apiVersion": f"{group}/v1",
        "kind": kind,
        "metadata": {"name": "x", **meta},
        "spec": spec or {},
    }
    if status is not None:
        item["status"] = status
    return RULES.find(item, group, kind)[0]


ANY = "Thing.example.com"
GENERAL: list[tuple[str, Any, str]] = [
    ("a bad condition by the end of its name", conds("SubmissionError=True"), "failed"),
    ("the same, and it is not so", conds("SubmissionError=False:NoError"), "applied"),
    ("a good condition by the end of its name", conds("FolderSynchronized=True"), "ready"),
    ("an error where no known condition is", conds("FolderSynchronized=False:ApplyFailed"), "failed"),
    ("a bad end says nothing beside Ready", conds("Ready=True", "LastBackupFailed=True"), "ready"),
    ("not ready, the other way round", conds("NotReady=True"), "progressing"),
    ("only in part ready", conds("PartiallyReady=True"), "applied"),
    ("an operator of Ansible at work", conds("Running=True:Running"), "progressing"),
    ("an operator of Ansible that is done", conds("Running=True:Successful", "Successful=True"), "ready"),
    ("an operator of Ansible that failed", conds("Running=True:Failed", "Failure=True:Failed"), "failed"),
    ("paused, and ready before", conds("Ready=True", "Paused=True"), "held"),
    ("its reconciliation is paused", conds("Ready=False:Creating", "Synced=False:ReconcilePaused"), "held"),
    ("its own deadline", conds("Available=True", "Progressing=False:ProgressDeadlineExceeded"), "failed"),
    ("an error of Go", conds("Ready=False:ErrRegisterACMEAccount"), "failed"),
    ("a reason that denies an error", conds("Ready=False:NoErrors"), "progressing"),
    ("severity", {"conditions": [{"type": "Ready", "status": "False", "severity": "Error"}]}, "failed"),
    ("a failure that its controller gives up on", {"phase": "Running", "failureMessage": "gone"}, "failed"),
    ("an error that is only told in a text", {"error": "cannot reach it"}, "failed"),
    ("an error of before, beside a good word", {"phase": "Ready", "errorMessage": "was down"}, "ready"),
    ("too few of what is wanted", {"readyReplicas": 1, "replicas": 3}, "progressing"),
    ("as many as are wanted", {"readyReplicas": 3, "replicas": 3}, "ready"),
    ("a good word, and too few", {"state": "ready", "ready": 1, "size": 3}, "progressing"),
    ("counts that say less than Ready", {**conds("Ready=True"), "readyReplicas": 1, "replicas": 3}, "ready"),
    ("a flag", {"ready": True}, "ready"),
    ("a flag that is not set", {"ready": False}, "progressing"),
    ("a sentence that begins badly", {"status": "ERROR, no such secret"}, "failed"),
    ("a sentence that begins well says nothing", {"status": "ready or not"}, "applied"),
    ("a word for one on its way", {"phase": "ScalingUp"}, "progressing"),
    ("conditions of the version before", {"conditions": [{"type": "Odd", "status": "True", "observedGeneration": 1}]}, "progressing"),
]  # fmt: skip


@pytest.mark.parametrize(("label", "status", "state"), GENERAL, ids=lambda it: str(it)[:40])
def test_what_any_kind_tells(label: str, status: Any, state: str) -> None:
    """Polarity, reasons, counts and generations are read alike for every kind."""
    assert how(ANY, status, generation=2) == state


NAMED: list[tuple[str, Any, Any, str]] = [
    ("VirtualMachine.kubevirt.io", conds("Ready=True"), {"running": True}, "ready"),
    ("VirtualMachine.kubevirt.io", {"printableStatus": "Stopped"}, {"running": True}, "progressing"),
    ("VirtualMachine.kubevirt.io", {"printableStatus": "Stopped"}, {"running": False}, "held"),
    ("VirtualMachine.kubevirt.io", {"printableStatus": "ErrImagePull"}, {"running": True}, "failed"),
    ("VirtualMachine.kubevirt.io", None, None, "progressing"),
    ("DataVolume.cdi.kubevirt.io", {"phase": "WaitForFirstConsumer"}, None, "ready"),
    ("DataVolume.cdi.kubevirt.io", {"phase": "ImportInProgress"}, None, "progressing"),
    ("RabbitmqCluster.rabbitmq.com", conds("ClusterAvailable=True", "AllReplicasReady=False"), None, "progressing"),
    ("RabbitmqCluster.rabbitmq.com", conds("ClusterAvailable=True", "AllReplicasReady=True"), None, "ready"),
    ("RabbitmqCluster.rabbitmq.com", conds("ReconcileSuccess=False:Initializing"), None, "failed"),
    ("ScaledJob.keda.sh", conds("Ready=True", "Paused=True"), None, "held"),
    ("ScaledJob.keda.sh", conds("Ready=Unknown:PartialTriggerError"), None, "failed"),
    ("ScaledObject.keda.sh", conds("Running=True:Running"), None, "progressing"),
    ("ScaledObject.keda.sh", conds("Ready=True", "Active=False:ScalerNotActive", "Fallback=True:FallbackExists"), None, "ready"),
    ("ClickHouseInstallation.clickhouse.altinity.com", {"status": "InProgress"}, None, "progressing"),
    ("ClickHouseInstallation.clickhouse.altinity.com", {"status": "Completed"}, None, "ready"),
    ("ClickHouseInstallation.clickhouse.altinity.com", {"status": "Aborted"}, None, "failed"),
    ("Prometheus.monitoring.coreos.com", conds("Available=Degraded:SomePodsNotReady", "Reconciled=True"), None, "progressing"),
    ("Prometheus.monitoring.coreos.com", conds("Available=True", "Reconciled=True"), None, "ready"),
    ("Prometheus.monitoring.coreos.com", conds("Available=True", "Reconciled=False:ReconciliationFailed"), None, "failed"),
    ("Grafana.grafana.integreatly.org", {"stage": "deployment", "stageStatus": "in progress"}, None, "progressing"),
    ("Grafana.grafana.integreatly.org", {"stage": "complete", "stageStatus": "success"}, None, "ready"),
    ("Grafana.grafana.integreatly.org", {"stage": "ingress", "stageStatus": "failed"}, None, "failed"),
    ("Service.serving.knative.dev", conds("ConfigurationsReady=True", "Ready=Unknown", "RoutesReady=Unknown"), None, "progressing"),
    ("Service.serving.knative.dev", conds("Ready=False:RevisionFailed"), None, "failed"),
    ("InferenceService.serving.kserve.io", {**conds("Ready=True"), "modelStatus": {"transitionStatus": "InProgress"}}, None, "progressing"),
    ("InferenceService.serving.kserve.io", {**conds("Ready=True"), "modelStatus": {"transitionStatus": "BlockedByFailedLoad"}}, None, "failed"),
    ("InferenceService.serving.kserve.io", conds("Ready=False:Stopped", "Stopped=True"), None, "held"),
    ("FlinkDeployment.flink.apache.org", {"jobManagerDeploymentStatus": "DEPLOYED_NOT_READY"}, None, "progressing"),
    ("FlinkDeployment.flink.apache.org", {"jobManagerDeploymentStatus": "READY", "jobStatus": {"state": "RUNNING"}}, None, "ready"),
    ("FlinkDeployment.flink.apache.org", {"jobManagerDeploymentStatus": "MISSING", "jobStatus": {"state": "SUSPENDED"}}, None, "held"),
    ("SparkApplication.sparkoperator.k8s.io", {"applicationState": {"state": "SUBMISSION_FAILED"}}, None, "failed"),
    ("SparkApplication.sparkoperator.k8s.io", {"applicationState": {"state": "PENDING_RERUN"}}, None, "progressing"),
    ("OpenTelemetryCollector.opentelemetry.io", {"version": "1", "scale": {"statusReplicas": "1/3"}}, None, "progressing"),
    ("OpenTelemetryCollector.opentelemetry.io", {"version": "1"}, None, "ready"),
    ("Pipeline.numaflow.numaproj.io", {"phase": "Running", **conds("VerticesHealthy=False:Progressing")}, None, "progressing"),
    ("SpinApp.core.spinkube.dev", conds("Available=True", "Progressing=True:ReplicaSetUpdated"), None, "progressing"),
    ("Keycloak.k8s.keycloak.org", conds("Ready=False", "HasErrors=True"), None, "failed"),
    ("Workflow.argoproj.io", {"phase": "Running"}, None, "progressing"),
    ("Workflow.argoproj.io", {"phase": "Succeeded"}, None, "ready"),
    ("Workflow.argoproj.io", {"phase": "Running"}, {"suspend": True}, "held"),
    ("AnalysisRun.argoproj.io", {"phase": "Running"}, None, "progressing"),
    ("BroadcastJob.apps.kruise.io", {"phase": "running"}, None, "progressing"),
    ("BroadcastJob.apps.kruise.io", {"phase": "running"}, {"completionPolicy": {"type": "Never"}}, "ready"),
    ("CloneSet.apps.kruise.io", {"updatedAvailableReplicas": 2}, {"replicas": 2}, "ready"),
    ("Rollout.rollouts.kruise.io", {"phase": "Progressing", "canaryStatus": {"currentStepState": "StepPaused"}}, None, "held"),
    ("DeploymentConfig.apps.openshift.io", {"replicas": 0, **conds("Progressing=True:NewReplicationControllerAvailable")}, {"replicas": 3}, "held"),
    ("CephCluster.ceph.rook.io", {"state": "Created", "ceph": {"health": "HEALTH_WARN", "details": {"POOL_NO_REDUNDANCY": {}}}}, None, "ready"),
    ("CephCluster.ceph.rook.io", {"state": "Created", "ceph": {"health": "HEALTH_WARN", "details": {"OSD_DOWN": {}}}}, None, "progressing"),
    ("Cluster.postgresql.cnpg.io", {"phase": "Applying configuration"}, None, "progressing"),
    ("Cluster.postgresql.cnpg.io", {"phase": "Cluster has incomplete or invalid image catalog"}, None, "failed"),
    ("Elasticsearch.elasticsearch.k8s.elastic.co", {"phase": "Ready", "health": "green", "availableNodes": 1}, {"nodeSets": [{"count": 3}]}, "progressing"),
    ("HTTPProxy.projectcontour.io", {"currentStatus": "invalid", "conditions": [{"type": "Valid", "status": "False", "errors": [{"type": "IncludeError"}]}]}, None, "ready"),
    ("Subscription.operators.coreos.com", {"state": "UpgradePending"}, None, "progressing"),
    ("Subscription.operators.coreos.com", {"state": "UpgradePending", "installedCSV": "a.v1"}, None, "ready"),
    ("Bucket.s3.aws.upbound.io", conds("Synced=True:ReconcileSuccess"), None, "progressing"),
    ("Bucket.s3.aws.upbound.io", conds("Synced=True:ReconcileSuccess", "Ready=True"), None, "ready"),
    ("ProviderConfig.aws.upbound.io", None, None, "applied"),
    ("Queue.sqs.services.k8s.aws", conds("ACK.Terminal=True", "Ready=False"), None, "failed"),
    ("Kafka.kafka.strimzi.io", conds("NotReady=True:Creating"), None, "progressing"),
    ("Kafka.kafka.strimzi.io", conds("NotReady=True:TimeoutException"), None, "failed"),
]  # fmt: skip


@pytest.mark.parametrize(("of", "status", "spec", "state"), NAMED, ids=lambda it: str(it)[:40])
def test_how_a_kind_that_is_known_by_name_is(of: str, status: Any, spec: Any, state: str) -> None:
    """What carries an image is live only when its controller says that it is."""
    assert how(of, status, spec) == state


@pytest.mark.parametrize(
    "of",
    [
        "AppProject.argoproj.io", "WorkflowTemplate.argoproj.io", "CronWorkflow.argoproj.io", "Task.tekton.dev",
        "Pipeline.tekton.dev", "ReferenceGrant.gateway.networking.k8s.io", "ImageCatalog.postgresql.cnpg.io",
        "Alert.notification.toolkit.fluxcd.io", "TriggerAuthentication.keda.sh", "ServingRuntime.serving.kserve.io",
        "VirtualMachineInstancetype.instancetype.kubevirt.io", "Composition.apiextensions.crossplane.io",
        "AWSMachineTemplate.infrastructure.cluster.x-k8s.io", "Password.generators.external-secrets.io",
        "SealedSecret.bitnami.com",
    ],
)  # fmt: skip
def test_a_kind_that_never_tells_is_not_waited_for(of: str) -> None:
    """Its group has kinds that do tell; waiting for its word would fail every release that changes it."""
    assert how(of) == "applied"


def test_what_always_reports_is_assessed_in_whatever_group_it_is() -> None:
    """A group of Kubernetes' own ending may be somebody else's."""
    assert has_health_rules({}, "sparkoperator.k8s.io", "SparkApplication", RULES)
    assert not has_health_rules({}, "storage.k8s.io", "StorageClass", RULES)
    assert always_reports("sql.cnrm.cloud.google.com", "SQLInstance")
    assert not always_reports("example.com", "Thing")


def test_a_parent_that_has_gone_does_not_hold_up_a_route() -> None:
    """Its words of the version before stay for ever, beside those of another about this one."""
    old = {
        "conditions": [
            {"type": "Accepted", "status": "False", "reason": "NoMatchingParent", "observedGeneration": 1}
        ]
    }
    new = {"conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 2}]}
    route = "HTTPRoute.gateway.networking.k8s.io"
    assert how(route, {"parents": [old, new]}, generation=2) == "ready"
    assert how(route, {"parents": [old]}, generation=2) == "progressing"
    assert (
        how("BackendTLSPolicy.gateway.networking.k8s.io", {"ancestors": [old, new]}, generation=2)
        == "progressing"
    )


def test_keda_is_paused_by_an_annotation_too() -> None:
    """As KEDA's own documentation has it."""
    paused = how(
        "ScaledObject.keda.sh", conds("Ready=True"), annotations={"autoscaling.keda.sh/paused": "true"}
    )
    assert paused == "held"
