"""What a pod's status says is wrong, and how sure that is."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.health.pods import (
    ACCESS_GRACE,
    CONFIG_GRACE,
    START_GRACE,
    pod_signals,
    wrong_digests,
)
from headway.domain.health.shortage import LACK_GRACE
from headway.domain.health.verdict import NEVER

IMAGE = "registry.example/shop/frontend:9"
NOT_FOUND = f'rpc error: code = NotFound desc = failed to resolve reference "{IMAGE}": {IMAGE}: not found'
REFUSED = (
    'failed to do request: Head "https://registry.example/v2/": dial tcp 192.0.2.1:443: connection refused'
)


def pod(status: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    container = {"name": "app", "image": IMAGE, "ready": False, "restartCount": 0, **(status or {})}
    spec = {"containers": [{"name": "app", "image": IMAGE, "resources": {"limits": {"memory": "64Mi"}}}]}
    return {
        "metadata": {"name": "frontend-1"},
        "spec": spec,
        "status": {"phase": "Pending", "containerStatuses": [container], **more},
    }


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code: int, reason: str = "Error", **more: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, **more}}


IMAGE_IS_BAD, CLUSTER_LACKS = True, False
LONG_RUN = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T02:00:00Z"}
NO_FILE = 'exec: "/nope": stat /nope: no such file or directory'

# what the kubelet says: (status, reason, after how many seconds it is certain, whether it speaks of the image)
CASES: dict[str, tuple[dict[str, Any], str, float, bool]] = {
    "no such tag": (waiting("ErrImagePull", NOT_FOUND), "ErrImagePull", 0, IMAGE_IS_BAD),
    "backing off, no such tag": (
        waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}": ErrImagePull: {NOT_FOUND}'),
        "ErrImagePull",
        0,
        IMAGE_IS_BAD,
    ),
    "wrong platform": (
        waiting("ErrImagePull", "no match for platform in manifest"),
        "ErrImagePull",
        0,
        IMAGE_IS_BAD,
    ),
    "wrong password": (
        waiting("ErrImagePull", "401 Unauthorized"),
        "ErrImagePull",
        ACCESS_GRACE,
        CLUSTER_LACKS,
    ),
    "access denied": (
        waiting("ErrImagePull", "pull access denied, repository does not exist or may require authorization"),
        "ErrImagePull",
        ACCESS_GRACE,
        CLUSTER_LACKS,
    ),
    "registry is down": (waiting("ErrImagePull", REFUSED), "ErrImagePull", NEVER, CLUSTER_LACKS),
    "registry has a bad moment": (
        waiting("ErrImagePull", "unexpected status: 503 Service Unavailable"),
        "ErrImagePull",
        NEVER,
        CLUSTER_LACKS,
    ),
    "backing off, cause not said": (
        waiting("ImagePullBackOff", "Back-off"),
        "ErrImagePull",
        NEVER,
        CLUSTER_LACKS,
    ),
    "not an image name": (
        waiting("InvalidImageName", "could not parse"),
        "InvalidImageName",
        0,
        IMAGE_IS_BAD,
    ),
    "never pulled": (
        waiting("ErrImageNeverPull", "is not present"),
        "ErrImageNeverPull",
        0,
        IMAGE_IS_BAD,
    ),
    "missing config map": (
        waiting("CreateContainerConfigError", 'configmap "conf" not found'),
        "CreateContainerConfigError",
        LACK_GRACE,
        CLUSTER_LACKS,
    ),
    "missing key of a secret": (
        waiting("CreateContainerConfigError", "couldn't find key url in Secret shop/db"),
        "CreateContainerConfigError",
        LACK_GRACE,
        CLUSTER_LACKS,
    ),
    "image runs as root where it must not": (
        waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
        "CreateContainerConfigError",
        CONFIG_GRACE,
        IMAGE_IS_BAD,
    ),
    "runtime cannot create it": (
        waiting("CreateContainerError", "context deadline exceeded"),
        "CreateContainerError",
        START_GRACE,
        CLUSTER_LACKS,
    ),
    "no such program": (waiting("RunContainerError", NO_FILE), "RunContainerError", 0, IMAGE_IS_BAD),
    "a mount that is not there": (
        waiting("RunContainerError", "error mounting /x to rootfs: no such file or directory"),
        "RunContainerError",
        START_GRACE,
        CLUSTER_LACKS,
    ),
    "runtime trouble": (
        waiting("RunContainerError", "device busy"),
        "RunContainerError",
        START_GRACE,
        CLUSTER_LACKS,
    ),
    "first crash may be an accident": ({"state": ended(1)}, "CrashLoopBackOff", NEVER, IMAGE_IS_BAD),
    "second run, waiting": (
        waiting("CrashLoopBackOff", restartCount=1, lastState=ended(1)),
        "CrashLoopBackOff",
        NEVER,
        IMAGE_IS_BAD,
    ),
    "third crash": (
        waiting("CrashLoopBackOff", restartCount=2, lastState=ended(1)),
        "CrashLoopBackOff",
        0,
        IMAGE_IS_BAD,
    ),
    "third crash, just now": ({"state": ended(1), "restartCount": 2}, "CrashLoopBackOff", 0, IMAGE_IS_BAD),
    "an end after hours is no crash loop": (
        waiting("CrashLoopBackOff", restartCount=57, lastState=ended(1, **LONG_RUN)),
        "CrashLoopBackOff",
        NEVER,
        IMAGE_IS_BAD,
    ),
    "out of memory": (
        waiting("CrashLoopBackOff", restartCount=2, lastState=ended(137, "OOMKilled")),
        "OOMKilled",
        0,
        IMAGE_IS_BAD,
    ),
    "runs and is not ready": ({"state": {"running": {}}}, "NotReady", NEVER, IMAGE_IS_BAD),
}


@pytest.mark.parametrize("label", CASES)
def test_each_sign_is_named_and_weighed(label: str) -> None:
    """A sign that is final counts at once, one that may pass has to last; what the cluster lacks blames no image."""
    status, reason, grace, blames = CASES[label]
    (signal,) = pod_signals(pod(status))
    assert (signal.cause.code, signal.grace, signal.cause.blames) == (reason, grace, blames)
    assert (signal.cause.pod, signal.cause.container) == ("frontend-1", "app")


def test_an_init_container_that_crashes_is_named() -> None:
    """A broken init container keeps the others waiting, and it is the one that is blamed."""
    init = {"name": "migrate", **waiting("CrashLoopBackOff", restartCount=2, lastState=ended(4))}
    found = pod_signals(pod(waiting("PodInitializing"), initContainerStatuses=[init]))
    assert [it.cause.container for it in found] == ["migrate"]


@pytest.mark.parametrize(("again", "grace"), [(2, NEVER), (3, NEVER), (4, 0)])
def test_an_init_container_or_sidecar_is_started_more_often(again: int, grace: float) -> None:
    """What runs before or beside a program ends until what it waits for is there; its fifth end counts."""
    init = {"name": "wait", **waiting("CrashLoopBackOff", restartCount=again, lastState=ended(1))}
    whole = pod(waiting("PodInitializing"), initContainerStatuses=[init])
    whole["spec"]["initContainers"] = [{"name": "wait", "restartPolicy": "Always"}]
    assert [it.grace for it in pod_signals(whole)] == [grace]


@pytest.mark.parametrize("policy", ["OnFailure", "Never"])
def test_a_pod_that_runs_to_an_end_is_tried_as_often_as_it_says(policy: str) -> None:
    """A Job's backoffLimit decides when it has failed; its pod's ends are no verdict."""
    whole = pod(waiting("CrashLoopBackOff", restartCount=5, lastState=ended(1)))
    whole["spec"]["restartPolicy"] = policy
    assert [it.grace for it in pod_signals(whole)] == [NEVER]


def test_a_node_that_says_nothing_is_no_fault_of_the_image() -> None:
    """A pod whose containers were ready when its node fell silent, and one that its node never started."""
    silent = pod({"ready": True, "state": {"running": {}}}, conditions=[{"type": "Ready", "status": "False"}])
    never = pod()
    del never["status"]["containerStatuses"]
    for each in (silent, never):
        each["spec"]["nodeName"] = "n1"
        assert [(it.cause.code, it.grace, it.cause.blames) for it in pod_signals(each)] == [
            ("NodeNotReady", NEVER, False)
        ]


def test_a_container_being_made_is_no_trouble() -> None:
    """Pulling and starting take their time without being reported as broken."""
    assert pod_signals(pod(waiting("ContainerCreating"))) == []


def test_a_ready_pod_has_no_trouble_whatever_it_went_through() -> None:
    """Restarts of the past are not held against a pod that is ready now."""
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert pod_signals(pod({"state": {"running": {}}, "restartCount": 57}, **ready)) == []


def test_a_pod_that_no_node_takes_says_what_the_scheduler_said() -> None:
    """It never fails by itself, since somebody may be making room, and it carries the scheduler's words."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    found = pod_signals({"metadata": {"name": "p"}, "spec": {}, "status": {"conditions": [condition]}})
    assert [(it.cause.code, it.grace, it.cause.blames) for it in found] == [("Unschedulable", NEVER, False)]
    assert "0/3 nodes" in found[0].cause.text


def test_out_of_memory_names_the_limit() -> None:
    """Whoever reads it sees which limit was too small."""
    status = waiting("CrashLoopBackOff", restartCount=2, lastState=ended(137, "OOMKilled"))
    assert "64Mi" in pod_signals(pod(status))[0].cause.text


def test_the_runtime_s_protocol_noise_is_left_out() -> None:
    """The message is about the image and not about the kubelet's RPC."""
    (signal,) = pod_signals(pod(waiting("ErrImagePull", NOT_FOUND)))
    assert "rpc error" not in signal.cause.text
    assert "not found" in signal.cause.text


@pytest.mark.parametrize(
    ("asked", "reported", "right"),
    [
        ("r/a:1", "r/a@sha256:aa", True),
        ("r/a:1", "r/a@sha256:bb", False),
        ("r/a:1", "", False),
        ("r/a:1@sha256:aa", "r/a@sha256:aa", True),
        # One image under two digests: the pod asks for the planned one, and the runtime checked it.
        ("r/a:1@sha256:aa", "r/a@sha256:bb", True),
        ("r/a:1@sha256:aa", "", False),
        ("r/a:1@sha256:cc", "r/a@sha256:cc", False),
    ],
)
def test_a_pod_is_right_when_it_runs_the_planned_digest(asked: str, reported: str, right: bool) -> None:
    """A moved tag is noticed, and a pod that has not reported yet does not count as right."""
    running = pod({"imageID": reported})
    running["spec"]["containers"][0]["image"] = asked
    assert (wrong_digests(running, {"app": "sha256:aa"}) == []) is right
