"""What a pod's status says is wrong, and how sure that is."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.health import NEVER
from headway.domain.podhealth import (
    CONFIG_GRACE,
    NETWORK_GRACE,
    START_GRACE,
    UNSCHEDULABLE_GRACE,
    pod_signals,
    wrong_digests,
)

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


CASES: dict[str, tuple[dict[str, Any], str, float]] = {
    "no such tag": (waiting("ErrImagePull", NOT_FOUND), "ErrImagePull", 0),
    "backing off, no such tag": (
        waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}": ErrImagePull: {NOT_FOUND}'),
        "ErrImagePull",
        0,
    ),
    "wrong password": (waiting("ErrImagePull", "401 Unauthorized"), "ErrImagePull", 0),
    "access denied": (waiting("ErrImagePull", "pull access denied"), "ErrImagePull", 0),
    "wrong platform": (waiting("ErrImagePull", "no match for platform in manifest"), "ErrImagePull", 0),
    "registry is down": (waiting("ErrImagePull", REFUSED), "ErrImagePull", NETWORK_GRACE),
    "registry has a bad moment": (
        waiting("ErrImagePull", "unexpected status: 503 Service Unavailable"),
        "ErrImagePull",
        NETWORK_GRACE,
    ),
    "backing off, cause not said": (waiting("ImagePullBackOff", "Back-off"), "ErrImagePull", NETWORK_GRACE),
    "not an image name": (waiting("InvalidImageName", "could not parse"), "InvalidImageName", 0),
    "never pulled": (waiting("ErrImageNeverPull", "is not present"), "ErrImageNeverPull", 0),
    "missing config map": (
        waiting("CreateContainerConfigError", 'configmap "conf" not found'),
        "CreateContainerConfigError",
        CONFIG_GRACE,
    ),
    "no such program": (
        waiting("RunContainerError", 'exec: "/nope": stat /nope: no such file or directory'),
        "RunContainerError",
        0,
    ),
    "runtime trouble": (waiting("RunContainerError", "device busy"), "RunContainerError", START_GRACE),
    "first crash may be an accident": ({"state": ended(1)}, "CrashLoopBackOff", NEVER),
    "second run, waiting": (
        waiting("CrashLoopBackOff", restartCount=1, lastState=ended(1)),
        "CrashLoopBackOff",
        NEVER,
    ),
    "third crash": (waiting("CrashLoopBackOff", restartCount=2, lastState=ended(1)), "CrashLoopBackOff", 0),
    "third crash, just now": ({"state": ended(1), "restartCount": 2}, "CrashLoopBackOff", 0),
    "out of memory": (
        waiting("CrashLoopBackOff", restartCount=2, lastState=ended(137, "OOMKilled")),
        "OOMKilled",
        0,
    ),
    "runs and is not ready": ({"state": {"running": {}}}, "NotReady", NEVER),
}


@pytest.mark.parametrize("label", CASES)
def test_each_sign_is_named_and_weighed(label: str) -> None:
    """A sign that is final counts at once, one that may pass has to last, one that proves nothing never counts."""
    status, reason, grace = CASES[label]
    (signal,) = pod_signals(pod(status))
    assert (signal.reason, signal.grace) == (reason, grace)
    assert (signal.pod, signal.container) == ("frontend-1", "app")


def test_an_init_container_that_crashes_is_named() -> None:
    """A broken init container keeps the others waiting, and it is the one that is blamed."""
    init = {"name": "migrate", **waiting("CrashLoopBackOff", restartCount=2, lastState=ended(4))}
    found = pod_signals(pod(waiting("PodInitializing"), initContainerStatuses=[init]))
    assert [it.container for it in found] == ["migrate"]


def test_a_container_being_made_is_no_trouble() -> None:
    """Pulling and starting take their time without being reported as broken."""
    assert pod_signals(pod(waiting("ContainerCreating"))) == []


def test_a_ready_pod_has_no_trouble_whatever_it_went_through() -> None:
    """Restarts of the past are not held against a pod that is ready now."""
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert pod_signals(pod({"state": {"running": {}}, "restartCount": 57}, **ready)) == []


def test_a_pod_that_no_node_takes_says_what_the_scheduler_said() -> None:
    """Unschedulable has to last, since a node may be on its way, and carries the scheduler's words."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    found = pod_signals({"metadata": {"name": "p"}, "spec": {}, "status": {"conditions": [condition]}})
    assert [(it.reason, it.grace) for it in found] == [("Unschedulable", UNSCHEDULABLE_GRACE)]
    assert "0/3 nodes" in found[0].message


def test_out_of_memory_names_the_limit() -> None:
    """Whoever reads it sees which limit was too small."""
    status = waiting("CrashLoopBackOff", restartCount=2, lastState=ended(137, "OOMKilled"))
    assert "64Mi" in pod_signals(pod(status))[0].message


def test_the_runtime_s_protocol_noise_is_left_out() -> None:
    """The message is about the image and not about the kubelet's RPC."""
    (signal,) = pod_signals(pod(waiting("ErrImagePull", NOT_FOUND)))
    assert "rpc error" not in signal.message
    assert "not found" in signal.message


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
