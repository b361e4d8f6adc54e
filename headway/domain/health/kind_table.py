"""Kinds that are known by name, as questions about their status: one line a kind.

In the words of `health:` in headway.yaml. Kinds that must be counted or read are in `kindhealth`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headway.domain.health.self_report import Found, Object, by_itself, held_by_spec, words_of
from headway.domain.objects.conditions import Question, parse_question

Texts = Iterable[str]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind tells of itself.

    The first that holds decides: one of `waiting`, of `failed`, of `held`, then all of `ready`. Without `ready`
    the conditions and words that most kinds have decide the rest, and `waiting` comes after them.
    """

    ready: tuple[Question, ...]
    failed: tuple[Question, ...]
    held: tuple[Question, ...]
    waiting: tuple[Question, ...]

    def assess(self, item: Object) -> Found:
        """Return an object's state."""
        said = words_of(item)
        waits = any(it.holds(item) for it in self.waiting)
        if waits and self.ready:
            return "progressing", said
        if any(it.holds(item) for it in self.failed):
            return "failed", said
        if any(it.holds(item) for it in self.held):
            return "held", said
        if not self.ready:
            found = by_itself(item)
            return ("progressing", said) if waits and found[0] == "ready" else found
        if held := held_by_spec(item):
            return held
        missing = next((it for it in self.ready if not it.holds(item)), None)
        return ("ready", "") if missing is None else ("progressing", said or f"{missing} is not true yet")


def _kind(ready: Texts = (), failed: Texts = (), held: Texts = (), waiting: Texts = ()) -> Kind:
    return Kind(*(tuple(map(parse_question, it)) for it in (ready, failed, held, waiting)))


def _word(at: str, *values: str) -> str:
    """Ask for one of these words at a place of the status."""
    return f"jsonpath={{.status.{at}}}={'|'.join(values)}" if values else f"jsonpath={{.status.{at}}}"


def _spec(at: str, *values: str) -> str:
    return f"jsonpath={{.spec.{at}}}={'|'.join(values)}"


def _why(condition: str, *reasons: str) -> str:
    """Ask whether a condition has one of these reasons."""
    return f'jsonpath={{.status.conditions[?(@.type=="{condition}")].reason}}={"|".join(reasons)}'


def _is(condition: str, status: str = "True") -> str:
    return f"condition={condition}={status}"


_FIRM = _kind([_is("Ready")], [_is("Ready", "False")])
"""Ready decides alone: False is said of an error, and Unknown of what is on its way."""
_NOT_READY = _kind(failed=[_is("Ready", "False")])
"""The same for kinds that older versions of their controllers say nothing of."""
_TO_AN_END = _kind(
    [_word("phase", "Succeeded", "Successful", "Completed")], [_word("phase", "Failed", "Error")]
)
_COPIES = _kind([_word("state", "Completed")], [_word("state", "Failed", "Error")])
_COPIED = _kind([_word("phase", "completed")], [_word("phase", "failed")])
_AVAILABLE = _kind([_is("Available")], [_is("Reconciled", "False")])
_NUMAFLOW = _kind(
    failed=["jsonpath={.metadata.labels['numaplane.numaproj.io/progressive-result-state']}=failed"],
    waiting=[_is(it, "False") for it in (
        "PodsHealthy", "DaemonHealthy", "DaemonServiceHealthy", "VerticesHealthy", "ChildrenResourcesHealthy",
    )],
)  # fmt: skip
_NUMAPLANE = _kind(waiting=[_is("ChildResourcesHealthy", "False"), _word("upgradeInProgress", "progressive")])
_ON_CLUSTERS = _kind(
    [_is("FullyApplied")],
    [_word("aggregatedStatus[*].health", "Unhealthy"), _word("aggregatedStatus[*].applied", "false")],
)
_SHOOT = "jsonpath={.metadata.labels['shoot.gardener.cloud/status']}="
_GARDENER = _kind([_SHOOT + "healthy"], [_SHOOT + "unhealthy"])
_STRIMZI = _kind([_is("Ready")], [_is("NotReady")], waiting=[_why("NotReady", "Creating")])
_KEDA = _kind(
    [_is("Ready")],
    [_is("Ready", "False"), _why("Ready", "PartialTriggerError")],
    [_is("Paused"), "jsonpath={.metadata.annotations['autoscaling.keda.sh/paused']}=true"],
)

_TABLE: dict[str, dict[str, Kind]] = {
    "acid.zalan.do": {
        "postgresql": _kind(
            [_word("PostgresClusterStatus", "Running")],
            [_word("PostgresClusterStatus", "CreateFailed", "UpdateFailed", "SyncFailed", "Invalid")],
        )
    },
    "apps.3scale.net": {"APIManager": _kind(failed=[_why("Available", "MissingWatchedSecrets")])},
    "argoproj.io": {
        "AnalysisRun Experiment Workflow": _TO_AN_END,
        "ApplicationSet": _kind(
            [_is("ResourcesUpToDate")],
            [_is("ErrorOccurred"), _is("ResourcesUpToDate", "False")],
            waiting=[_is("RolloutProgressing")],
        ),
    },
    "astra.netapp.io": {
        "Backup ExecHooksRun ResourceBackup ResticVolumeBackup Snapshot": _COPIES,
        "ExecHook": _kind(held=[_spec("enabled", "false")]),
    },
    # Many run its controller without a status; where there is one, it says when a secret cannot be read.
    "bitnami.com": {"SealedSecret": _kind(failed=[_is("Synced", "False")])},
    "capabilities.3scale.net": {
        "Application Tenant": _kind([_is("Ready")], [_is("Ready", "False")], [_word("state", "suspended")]),
        "DeveloperAccount": _kind(held=[_is("Waiting")]),
        "DeveloperUser": _kind(held=[_word("developerUserState", "suspended")]),
    },
    "cdi.kubevirt.io": {
        # A volume that waits for its first pod is as it should be.
        "DataVolume": _kind(
            [_word("phase", "Succeeded", "WaitForFirstConsumer", "PendingPopulation")],
            [_word("phase", "Failed"), _why("Running", "Error")],
            [_word("phase", "Paused")],
        )
    },
    "controlplane.cluster.x-k8s.io": {"AWSManagedControlPlane": _kind(waiting=[_is("EKSControlPlaneUpdating")])},
    "core.cnrm.cloud.google.com": {
        "ConfigConnector ConfigConnectorContext": _kind([_word("healthy", "true")], [_word("healthy", "false")])
    },
    "core.gardener.cloud": {"Shoot": _GARDENER},
    "core.spinkube.dev": {
        "SpinApp": _kind(
            [_is("Available"), _is("Progressing", "False")],
            [_why("Progressing", "ProgressDeadlineExceeded")],
        )
    },
    "datadoghq.com": {"DatadogMetric": _kind(failed=[_is("Error")])},
    "flink.apache.org": {
        "FlinkDeployment": _kind(
            [_word("jobManagerDeploymentStatus", "READY")],
            [_word("jobManagerDeploymentStatus", "ERROR"), _word("jobStatus.state", "FAILED")],
            [_word("jobStatus.state", "SUSPENDED")],
            [_word("jobStatus.state", "CREATED", "INITIALIZING", "RECONCILING", "RESTARTING")],
        )
    },
    "game.kruise.io": {
        "GameServer": _kind(
            [_word("currentState", "Ready")],
            waiting=['jsonpath={.status.podStatus.conditions[?(@.type=="KruisePodReady")].status}=False'],
        )
    },
    "grafana.integreatly.org": {
        "Grafana": _kind(
            [_word("stage", "complete"), _word("stageStatus", "success")], [_word("stageStatus", "failed")]
        ),
        "GrafanaDashboard": _kind([_is("DashboardSynchronized")], [_is("DashboardSynchronized", "False")]),
        "GrafanaFolder": _kind([_is("FolderSynchronized")], [_is("FolderSynchronized", "False")]),
        "GrafanaDatasource": _kind(
            [_word("uid")], [_word("NoMatchingInstances", "true"), _is("DatasourceSynchronized", "False")]
        ),
    },
    "grafana-org-operator.kubitus-project.gitlab.io": {"*": _FIRM},
    "k8s.keycloak.org": {
        "Keycloak": _kind([_is("Ready")], [_is("HasErrors")]),
        "KeycloakRealmImport": _kind([_is("Done")], [_is("HasErrors")]),
    },
    "k8s.mariadb.com": {"SqlJob": _kind(failed=[_why("Complete", "JobFailed")])},
    "kafka.strimzi.io": {
        "Kafka KafkaBridge KafkaConnect KafkaConnector KafkaMirrorMaker2 KafkaTopic KafkaUser": _STRIMZI
    },
    "karpenter.k8s.aws": {"EC2NodeClass": _NOT_READY},
    "karpenter.sh": {"NodePool": _NOT_READY, "NodeClaim": _FIRM},
    "keda.sh": {"ScaledObject ScaledJob": _KEDA},
    "kubevirt.io": {
        # "Stopped" is also said at the start of one that is meant to run.
        "VirtualMachine": _kind(
            [_is("Ready")],
            [_word("printableStatus", "CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "ErrorUnschedulable",
                   "DataVolumeError", "ErrorPvcNotFound", "ErrorDataVolumeNotFound")],
            [_is("Paused"), _spec("running", "false"), _spec("runStrategy", "Halted")],
            [_word("printableStatus", "Starting", "Provisioning", "Stopping")],
        ),
        "VirtualMachineInstance": _kind(
            [_is("Ready")], [_word("phase", "Failed")], [_is("Paused"), _word("phase", "Succeeded")]
        ),
    },
    "metrics.keptn.sh": {
        "Analysis": _kind(
            [_word("state", "Completed")], [_word("pass", "false")], waiting=[_word("state", "Progressing")]
        ),
        "KeptnMetric": _kind([_word("value")], [_word("errMsg")]),
    },
    "monitoring.coreos.com": {"Prometheus": _AVAILABLE},
    "networking.gke.io": {
        "ManagedCertificate": _kind(
            [_word("certificateStatus", "Active")],
            [_word("domainStatus[*].status", "FailedNotVisible", "FailedCaaChecking", "FailedCaaForbidden",
                   "FailedRateLimited")],
        )
    },
    "nmstate.io": {"NodeNetworkConfigurationPolicy": _kind(held=[_is("Ignored")])},
    "numaflow.numaproj.io": {"Pipeline MonoVertex Vertex InterStepBufferService": _NUMAFLOW},
    "numaplane.numaproj.io": {
        "ISBServiceRollout MonoVertexRollout PipelineRollout NumaflowControllerRollout": _NUMAPLANE
    },
    "onepassword.com": {"OnePasswordItem": _FIRM},
    "operator.openshift.io": {
        "IngressController": _kind(
            [_is("Available")], [_is("Degraded")], waiting=[_is("DeploymentReplicasAllAvailable", "False")]
        )
    },
    "operators.coreos.com": {
        "CatalogSource": _kind([_word("connectionState.lastObservedState", "READY")]),
        # An upgrade that waits for somebody's approval leaves what is installed as it is.
        "Subscription": _kind(
            [_word("state", "AtLatestKnown", "UpgradePending"), _word("installedCSV")],
            [_is("InstallPlanFailed"), _is("ResolutionFailed")],
        ),
    },
    "platform.confluent.io": {"Connector": _kind(failed=[_word("failedTasks")])},
    "policy.open-cluster-management.io": {"OperatorPolicy": _kind([_is("Compliant")], [_is("Compliant", "False")])},
    "postgresql.cnpg.io": {"Backup": _COPIED},
    "proclaim.dogmatiq.io": {
        "DNSSDServiceInstance": _kind([_is("Discoverable")], [_is("Adopted", "False"), _is("Advertised", "False")])
    },
    # Its phase is that of a commit.
    "promoter.argoproj.io": {"CommitStatus": _kind([_is("Ready")], [_why("Ready", "ReconciliationError")])},
    "rabbitmq.com": {
        "RabbitmqCluster": _kind(
            [_is("ClusterAvailable"), _is("AllReplicasReady")], [_is("ReconcileSuccess", "False")]
        )
    },
    "ray.io": {
        "RayJob": _kind([_word("jobDeploymentStatus", "Complete")], [_word("jobDeploymentStatus", "Failed")]),
        "RayService": _kind([_word("serviceStatus", "Running")]),
    },
    "rollouts.kruise.io": {
        "Rollout": _kind(
            [_word("phase", "Healthy", "Initial")],
            held=[_word("phase", "Disabled"), _word("canaryStatus.currentStepState", "StepPaused"),
                  _word("blueGreenStatus.currentStepState", "StepPaused")],
        )
    },
    "serving.kserve.io": {
        "InferenceService": _kind(
            [_is("Ready")],
            [_word("modelStatus.transitionStatus", "BlockedByFailedLoad", "InvalidSpec"),
             _why("PredictorReady", "RevisionFailed")],
            [_is("Stopped")],
            [_word("modelStatus.transitionStatus", "InProgress")],
        )
    },
    "snapshot.storage.k8s.io": {
        "VolumeSnapshot VolumeSnapshotContent": _kind([_word("readyToUse", "true")], [_word("error")])
    },
    "trident.netapp.io": {
        "TridentBackendConfig": _kind(
            [_word("lastOperationStatus", "Success")], [_word("lastOperationStatus", "Failed")]
        )
    },
    "work.karmada.io": {"ResourceBinding ClusterResourceBinding": _ON_CLUSTERS},
    "*.services.k8s.aws": {"*": _kind(failed=[_is("ACK.Terminal")])},
}  # fmt: skip
TABLE = {
    (group, name): kind
    for group, kinds in _TABLE.items()
    for names, kind in kinds.items()
    for name in names.split()
}
"""(group, kind) → how it tells of itself; `*.group` and `*` stand for every group below, and every kind."""
