"""Kinds that say images in fields of their own: the paths of the fields, from their definitions. Data, no code.

A kind with a pod template at one of the usual places is not here. Paths stand with blanks between them; `+` joins an
image's repository, its tag and its digest where these stand apart.
"""

from __future__ import annotations

EVERY_OPERATOR = "spec.image spec.image.repository+spec.image.tag+spec.image.digest"
"""Where nearly every operator has the image of what it runs; only what has a tag or digest counts as one."""


def _below(*places: str, containers: str = "initContainers[*] containers[*]") -> str:
    """Return the images of the containers below some places; an empty one is the object itself."""
    return " ".join(f"{place}.{it}.image" for place in places for it in containers.split())


_STEPS = "steps[*] sidecars[*] stepTemplate"
_PIPELINE_TASKS = ("tasks[*].taskSpec", "finally[*].taskSpec")
_TEMPLATES = "container script initContainers[*] sidecars[*] containerSet.containers[*]"
_POD_OF_JOBS = "template.spec.template.spec"
_RAY = ("headGroupSpec.template.spec", "workerGroupSpecs[*].template.spec")
_KUBEFLOW = ("Master", "Worker", "Launcher", "Chief", "PS", "Evaluator", "Scheduler", "Server")


def _replicas(name: str) -> str:
    return _below(*(f"spec.{name}.{role}.template.spec" for role in _KUBEFLOW))


KINDS: dict[str, dict[str, str]] = {
    "acid.zalan.do": {"postgresql": "spec.dockerImage spec.sidecars[*].image"},
    "actions.summerwind.dev": {
        "RunnerDeployment RunnerSet RunnerReplicaSet": "spec.template.spec.image spec.template.spec.dockerImage",
    },
    "argoproj.io": {
        "Workflow WorkflowTemplate ClusterWorkflowTemplate":
            _below("spec.templates[*]", "spec.templateDefaults", containers=_TEMPLATES),
        "CronWorkflow": _below("spec.workflowSpec.templates[*]", containers=_TEMPLATES),
        "AnalysisTemplate ClusterAnalysisTemplate AnalysisRun":
            _below("spec.metrics[*].provider.job.spec.template.spec"),
        "Experiment": _below("spec.templates[*].template.spec"),
        "Sensor EventSource": "spec.template.container.image",
    },
    "ceph.rook.io": {"CephCluster": "spec.cephVersion.image"},
    "clickhouse.altinity.com": {"ClickHouseInstallation": _below("spec.templates.podTemplates[*].spec")},
    "elasticsearch.k8s.elastic.co": {"Elasticsearch": _below("spec.nodeSets[*].podTemplate.spec")},
    "flink.apache.org": {"FlinkDeployment": _below("spec.podTemplate.spec")},
    "grafana.integreatly.org": {"Grafana": _below("spec.deployment.spec.template.spec")},
    "image.openshift.io": {"ImageStream": "spec.tags[?from.kind=DockerImage].from.name"},
    "jobset.x-k8s.io": {"JobSet": _below(f"spec.replicatedJobs[*].{_POD_OF_JOBS}")},
    "kafka.strimzi.io": {
        "Kafka": "spec.kafka.image spec.zookeeper.image spec.entityOperator.topicOperator.image "
        "spec.entityOperator.userOperator.image spec.cruiseControl.image spec.kafkaExporter.image",
    },
    "keda.sh": {"ScaledJob": _below("spec.jobTargetRef.template.spec")},
    "kubeflow.org": {
        "Experiment": _below("spec.trialTemplate.trialSpec.spec.template.spec"),
        "MPIJob": _replicas("mpiReplicaSpecs"),
        "PyTorchJob": _replicas("pytorchReplicaSpecs"),
        "TFJob": _replicas("tfReplicaSpecs"),
        "XGBoostJob": _replicas("xgbReplicaSpecs"),
        "Notebook": _below("spec.template.spec"),
    },
    "kubevirt.io": {"VirtualMachine": "spec.template.spec.volumes[*].containerDisk.image"},
    "leaderworkerset.x-k8s.io": {
        "LeaderWorkerSet":
            _below("spec.leaderWorkerTemplate.leaderTemplate.spec", "spec.leaderWorkerTemplate.workerTemplate.spec"),
    },
    "monitoring.coreos.com": {
        "Prometheus PrometheusAgent Alertmanager ThanosRuler": "spec.thanos.image " + _below("spec"),
    },
    "numaflow.numaproj.io": {
        "Pipeline": "spec.vertices[*].udf.container.image spec.vertices[*].source.udsource.container.image "
        "spec.vertices[*].source.transformer.container.image spec.vertices[*].sink.udsink.container.image",
        "MonoVertex": "spec.source.udsource.container.image spec.source.transformer.container.image "
        "spec.sink.udsink.container.image",
    },
    "opentelemetry.io": {
        "Instrumentation": " ".join(
            f"spec.{it}.image" for it in ("java", "nodejs", "python", "dotnet", "go", "apacheHttpd", "nginx")
        ),
    },
    "pkg.crossplane.io": {"Provider Configuration Function": "spec.package"},
    "postgresql.cnpg.io": {"Cluster": "spec.imageName", "ImageCatalog ClusterImageCatalog": "spec.images[*].image"},
    "psmdb.percona.com": {"PerconaServerMongoDB": "spec.backup.image spec.pmm.image"},
    "pxc.percona.com": {
        "PerconaXtraDBCluster": "spec.pxc.image spec.haproxy.image spec.proxysql.image spec.backup.image "
        "spec.logcollector.image spec.pmm.image",
    },
    "ray.io": {
        "RayCluster": _below(*(f"spec.{it}" for it in _RAY)),
        "RayJob": _below(*(f"spec.rayClusterSpec.{it}" for it in _RAY)),
        "RayService": _below(*(f"spec.rayClusterConfig.{it}" for it in _RAY)),
    },
    "redis.redis.opstreelabs.in": {
        "Redis RedisCluster RedisReplication RedisSentinel": "spec.kubernetesConfig.image spec.redisExporter.image",
    },
    "serving.knative.dev": {"Revision": _below("spec")},
    "serving.kserve.io": {
        "InferenceService": _below("spec.predictor", "spec.transformer", "spec.explainer")
        + " spec.predictor.model.image "
        + _below("spec.predictor.workerSpec"),
        "ServingRuntime ClusterServingRuntime": _below("spec"),
        "ClusterStorageContainer": "spec.container.image",
        "LLMInferenceService LLMInferenceServiceConfig": _below("spec.template", "spec.worker"),
    },
    "solr.apache.org": {"SolrCloud": "spec.solrImage.repository+spec.solrImage.tag"},
    "sparkoperator.k8s.io": {
        "SparkApplication": "spec.image spec.driver.image spec.executor.image",
        "ScheduledSparkApplication": "spec.template.image spec.template.driver.image spec.template.executor.image",
    },
    "tekton.dev": {
        "Task ClusterTask": _below("spec", containers=_STEPS),
        "Pipeline": _below(*(f"spec.{it}" for it in _PIPELINE_TASKS), containers=_STEPS),
        "TaskRun": _below("spec.taskSpec", containers=_STEPS),
        "PipelineRun": _below(*(f"spec.pipelineSpec.{it}" for it in _PIPELINE_TASKS), containers=_STEPS),
    },
    "trainer.kubeflow.org": {
        "TrainingRuntime ClusterTrainingRuntime": _below(f"spec.template.spec.replicatedJobs[*].{_POD_OF_JOBS}"),
        "TrainJob": "spec.trainer.image",
    },
}  # fmt: skip
