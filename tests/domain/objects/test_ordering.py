"""What is applied before what."""

from __future__ import annotations

import random

from headway.domain.objects.identity import ObjectId
from headway.domain.objects.ordering import in_waves


def test_what_others_need_comes_first() -> None:
    """Namespaces, definitions, rights, configuration, services, workloads, and then what points at those."""
    order = [
        [("", "Namespace")],
        [("apiextensions.k8s.io", "CustomResourceDefinition")],
        [("", "ServiceAccount"), ("rbac.authorization.k8s.io", "ClusterRole")],
        [("", "ConfigMap"), ("", "PersistentVolumeClaim"), ("", "Secret")],
        [("", "Service")],
        [("", "Pod"), ("apps", "DaemonSet"), ("apps", "Deployment"), ("apps", "StatefulSet")],
        [
            ("batch", "CronJob"),
            ("batch", "Job"),
            ("autoscaling", "HorizontalPodAutoscaler"),
            ("networking.k8s.io", "Ingress"),
            ("example.com", "Deployment"),
        ],
    ]
    ids = [ObjectId(group, kind, "n", "x") for wave in order for group, kind in wave]
    random.Random(1).shuffle(ids)
    found = [sorted((it.group, it.kind) for it in wave) for wave in in_waves((it, it) for it in ids)]
    assert found == [sorted(wave) for wave in order]
