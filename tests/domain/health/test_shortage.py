"""What a controller or an autoscaler says of a shortage, and whether waiting can help."""

from __future__ import annotations

import pytest

from headway.domain.health.shortage import (
    CREATE_GRACE,
    LACK_GRACE,
    failed_create,
    help_on_its_way,
    not_started,
)
from headway.domain.health.verdict import NEVER

FORBIDDEN = 'pods "web-1" is forbidden: '
FULL = "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"
MEMORY = (
    "exceeded quota: q, requested: requests.memory={}, used: requests.memory=0, limited: requests.memory=1Gi"
)
HOOK = 'admission webhook "policy.example" denied the request: no root'
AWAY = 'Internal error occurred: failed calling webhook "policy.example": connection refused'


@pytest.mark.parametrize(
    ("label", "said", "grace", "blames"),
    [
        ("quota is full", FORBIDDEN + FULL, NEVER, False),
        ("one pod is more than the quota", FORBIDDEN + MEMORY.format("2Gi"), CREATE_GRACE, False),
        ("one pod would fit alone", FORBIDDEN + MEMORY.format("900Mi"), NEVER, False),
        ("quota of nothing", FORBIDDEN + FULL.replace("=2", "=0"), CREATE_GRACE, False),
        ("quota wants a limit", FORBIDDEN + "failed quota: q: must specify limits.cpu for: app", CREATE_GRACE, True),
        ("refused by a webhook", HOOK, CREATE_GRACE, True),
        ("webhook is away", AWAY, NEVER, False),
        ("pod security", FORBIDDEN + 'violates PodSecurity "restricted:latest"', CREATE_GRACE, True),
        ("limit range", FORBIDDEN + "maximum cpu usage per Container is 1, but limit is 2", CREATE_GRACE, True),
        ("no service account", FORBIDDEN + 'error looking up service account shop/web: not found', LACK_GRACE, False),
        ("no priority class", FORBIDDEN + "no PriorityClass with name fast was found", LACK_GRACE, False),
        ("namespace goes", FORBIDDEN + "unable to create new content in namespace x because it is being terminated",
         NEVER, False),
        ("anything else", "etcdserver: request timed out", NEVER, False),
    ],
)  # fmt: skip
def test_why_pods_cannot_be_created(label: str, said: str, grace: float, blames: bool) -> None:
    """What passes is waited for; what the API server has judged is certain, and only that blames the release."""
    found = failed_create(said, 0)
    assert (found.cause.code, found.grace, found.cause.blames) == ("FailedCreate", grace, blames)


def test_a_line_about_a_quota_is_the_same_for_each_pod() -> None:
    """The name of the pod that was not made changes with each try, and is left out."""
    assert failed_create(FORBIDDEN + FULL, 1).cause.text == f"pods cannot be created: {FULL}"


@pytest.mark.parametrize(
    ("reason", "said", "found"),
    [
        ("FailedAttachVolume", "Multi-Attach error for volume pvc-1", "VolumeNotReady"),
        ("FailedMount", "timed out waiting for the condition", "VolumeNotReady"),
        ("FailedMount", 'MountVolume.SetUp failed for volume "c": configmap "c" not found', "CreateContainerConfigError"),
        ("FailedCreatePodSandBox", "plugin type=calico failed", "NodeNotReady"),
        ("Unhealthy", "probe failed", ""),
    ],
)  # fmt: skip
def test_what_keeps_a_pod_from_being_started(reason: str, said: str, found: str) -> None:
    """Volumes and networks are the cluster's matter: waited for, and no reason for a veto."""
    signal = not_started(reason, said)
    assert (signal.cause.code if signal else "") == found
    assert signal is None or (signal.grace, signal.cause.blames) == (NEVER, False)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("TriggeredScaleUp", "a node is being added: m"),
        ("Nominated", "a node is being added: m"),
        ("NotTriggerScaleUp", "the autoscaler adds no node: m"),
        ("FailedScheduling", ""),
    ],
)
def test_an_autoscaler_is_quoted(reason: str, said: str) -> None:
    """Who waits sees whether a node is on its way."""
    assert help_on_its_way([{"reason": reason, "message": "m"}]) == said
