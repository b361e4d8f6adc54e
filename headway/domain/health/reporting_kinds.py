"""The kinds whose controllers tell of every object: without a word from them there is none yet.

Named one by one, since the same groups have kinds that never tell (an AppProject, a WorkflowTemplate, a
ReferenceGrant, an ImageCatalog): a release must not wait for a word that never comes.
"""

from __future__ import annotations

_BY_GROUP: dict[str, str] = {
    "acid.zalan.do": "postgresql",
    "addons.cluster.x-k8s.io": "ClusterResourceSet",
    "apps.3scale.net": "APIManager",
    "apps.kruise.io": "CloneSet StatefulSet DaemonSet BroadcastJob",
    "argoproj.io": "Application ApplicationSet AnalysisRun Experiment Rollout Workflow EventBus EventSource Sensor",
    "astra.netapp.io": "Application AppVault Backup ExecHooksRun ResourceBackup ResticVolumeBackup Snapshot",
    "beat.k8s.elastic.co": "Beat",
    "camel.apache.org": "Integration IntegrationPlatform Build",
    "capabilities.3scale.net": "ActiveDoc Application ApplicationAuth Backend CustomPolicyDefinition DeveloperAccount "
    "DeveloperUser OpenAPI Product ProxyConfigPromote Tenant",
    "cdi.kubevirt.io": "DataVolume CDI",
    "ceph.rook.io": "CephCluster CephObjectStore CephFilesystem CephBlockPool CephNFS",
    "cert-manager.io": "Certificate CertificateRequest Issuer ClusterIssuer",
    "certmanager.k8s.io": "Certificate Issuer ClusterIssuer",
    "clickhouse-keeper.altinity.com": "ClickHouseKeeperInstallation",
    "clickhouse.altinity.com": "ClickHouseInstallation",
    "cluster.x-k8s.io": "Cluster Machine MachineDeployment MachinePool",
    "controlplane.cluster.x-k8s.io": "AWSManagedControlPlane KubeadmControlPlane",
    "coralogix.com": "Alert RecordingRuleGroupSet",
    "core.gardener.cloud": "Shoot",
    "core.humio.com": "HumioCluster HumioRepository HumioView HumioParser HumioAction HumioAlert HumioIngestToken",
    "core.spinkube.dev": "SpinApp",
    "core.strimzi.io": "StrimziPodSet",
    "datadoghq.com": "DatadogMetric",
    "db.atlasgo.io": "AtlasMigration AtlasSchema",
    "dragonflydb.io": "Dragonfly",
    "elasticsearch.k8s.elastic.co": "Elasticsearch",
    "external-secrets.io": "ExternalSecret SecretStore ClusterSecretStore ClusterExternalSecret PushSecret",
    "flagger.app": "Canary",
    "flink.apache.org": "FlinkDeployment FlinkSessionJob",
    "game.kruise.io": "GameServer GameServerSet",
    "gateway.networking.k8s.io": "Gateway GatewayClass HTTPRoute GRPCRoute TLSRoute TCPRoute UDPRoute BackendTLSPolicy",
    "gateway.solo.io": "Gateway MatchableHttpGateway RouteOption RouteTable VirtualHostOption VirtualService",
    "gloo.solo.io": "Proxy Settings Upstream UpstreamGroup",
    "grafana-org-operator.kubitus-project.gitlab.io": "*",
    "grafana.integreatly.org": "Grafana GrafanaDashboard GrafanaDatasource GrafanaFolder GrafanaAlertRuleGroup",
    "helm.toolkit.fluxcd.io": "HelmRelease",
    "iammanager.keikoproj.io": "Iamrole",
    "image.toolkit.fluxcd.io": "ImagePolicy ImageRepository ImageUpdateAutomation",
    "jaegertracing.io": "Jaeger",
    "k8s.keycloak.org": "Keycloak KeycloakRealmImport",
    "k8s.mariadb.com": "MariaDB MaxScale Backup Restore SqlJob Database User Grant Connection",
    "kafka.banzaicloud.io": "KafkaCluster KafkaTopic KafkaUser",
    "kafka.strimzi.io": "Kafka KafkaBridge KafkaConnect KafkaConnector KafkaMirrorMaker2 KafkaTopic KafkaUser",
    "karpenter.sh": "NodeClaim",
    "keda.sh": "ScaledObject ScaledJob",
    "kiali.io": "Kiali",
    "kibana.k8s.elastic.co": "Kibana",
    "kubernetes-client.io": "ExternalSecret",
    "kubevirt.io": "KubeVirt VirtualMachine VirtualMachineInstance",
    "kustomize.toolkit.fluxcd.io": "Kustomization",
    "kyverno.io": "Policy ClusterPolicy",
    "lifecycle.keptn.sh": "KeptnAppVersion KeptnEvaluation KeptnTask KeptnWorkloadInstance KeptnWorkloadVersion",
    "logstash.k8s.elastic.co": "Logstash",
    "mariadb.mmontes.io": "MariaDB",
    "metrics.keptn.sh": "Analysis KeptnMetric",
    "minio.min.io": "Tenant",
    "mongodbcommunity.mongodb.com": "MongoDBCommunity",
    "monitoring.coreos.com": "Prometheus",
    "networking.gke.io": "ManagedCertificate",
    "nmstate.io": "NodeNetworkConfigurationPolicy",
    "notification.toolkit.fluxcd.io": "Receiver",
    "numaflow.numaproj.io": "Pipeline MonoVertex Vertex InterStepBufferService",
    "numaplane.numaproj.io": "ISBServiceRollout MonoVertexRollout PipelineRollout NumaflowControllerRollout",
    "onepassword.com": "OnePasswordItem",
    "openfaas.com": "Function",
    "opensearch.opster.io": "OpenSearchCluster",
    "operator.knative.dev": "KnativeServing KnativeEventing",
    "operators.coreos.com": "CatalogSource ClusterServiceVersion InstallPlan Subscription",
    "platform.confluent.io": "Connect Connector ControlCenter Kafka KRaftController KsqlDB SchemaRegistry Zookeeper",
    "policy.open-cluster-management.io": "CertificatePolicy ConfigurationPolicy OperatorPolicy Policy",
    "postgresql.cnpg.io": "Cluster Backup",
    "proclaim.dogmatiq.io": "DNSSDServiceInstance",
    "projectcontour.io": "HTTPProxy ExtensionService",
    "promoter.argoproj.io": "ArgoCDCommitStatus ChangeTransferPolicy ClusterScmProvider CommitStatus GitCommitStatus "
    "GitRepository PromotionStrategy PullRequest ScmProvider TimedCommitStatus WebRequestCommitStatus",
    "psmdb.percona.com": "PerconaServerMongoDB",
    "pxc.percona.com": "PerconaXtraDBCluster",
    "rabbitmq.com": "RabbitmqCluster Binding Exchange Federation Permission Policy Queue Shovel User Vhost",
    "ray.io": "RayCluster RayJob RayService",
    "rollouts.kruise.io": "Rollout",
    "route.openshift.io": "Route",
    "services.cloud.sap.com": "ServiceBinding ServiceInstance",
    "serving.knative.dev": "Service Configuration Route Revision DomainMapping",
    "serving.kserve.io": "InferenceService InferenceGraph",
    "snapshot.storage.k8s.io": "VolumeSnapshot VolumeSnapshotContent",
    "solr.apache.org": "SolrCloud",
    "source.toolkit.fluxcd.io": "Bucket GitRepository HelmChart HelmRepository OCIRepository",
    "sparkoperator.k8s.io": "SparkApplication",
    "tekton.dev": "PipelineRun TaskRun",
    "temporal.io": "TemporalCluster TemporalNamespace",
    "tower.ansible.com": "AnsibleJob",
    "trident.netapp.io": "TridentBackendConfig TridentOrchestrator",
    "velero.io": "Backup Restore BackupStorageLocation",
    "work.karmada.io": "ResourceBinding ClusterResourceBinding",
    "zookeeper.pravega.io": "ZookeeperCluster",
}  # fmt: skip
_EVERY_GROUP_UNDER = (
    "cnrm.cloud.google.com", "crossplane.io", "upbound.io", "services.k8s.aws",
)  # fmt: skip
"""Each of their kinds is something in a cloud, and reported; but for those that only say how to connect to it."""
SILENT = frozenset(
    (
        "Composition", "CompositionRevision", "DeploymentRuntimeConfig", "ClusterProviderConfig", "ProviderConfig",
        "ProviderConfigUsage", "ControllerConfig", "EnvironmentConfig", "StoreConfig", "ImageConfig", "Lock", "Usage",
    )
)  # fmt: skip
_KINDS = {group: frozenset(kinds.split()) for group, kinds in _BY_GROUP.items()}


def always_reports(group: str, kind: str) -> bool:
    """Return whether a kind's controller is known to tell of every object."""
    kinds = _KINDS.get(group, frozenset())
    if kind in kinds or "*" in kinds:
        return True
    return kind not in SILENT and any(group.endswith(f".{it}") for it in _EVERY_GROUP_UNDER)
