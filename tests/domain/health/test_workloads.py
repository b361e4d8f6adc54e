"""When each kind of workload is done, and whose pods count."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.health.verdict import NEVER
from headway.domain.health.workloads import RESTARTED_SETTLE, SETTLE, assess_workload, newest_pods

DIGEST = "sha256:aa"


def deployment(replicas: int = 2, paused: bool = False, revision: str = "2", **status: Any) -> dict[str, Any]:
    counts = {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    return {
        "kind": "Deployment",
        "metadata": {"generation": 3, "annotations": {"deployment.kubernetes.io/revision": revision}},
        "spec": {"replicas": replicas, "paused": paused, "progressDeadlineSeconds": 60},
        "status": {**counts, **status},
    }


def replica_set(revision: str) -> dict[str, Any]:
    annotations = {"deployment.kubernetes.io/revision": revision}
    return {"kind": "ReplicaSet", "metadata": {"uid": f"rs{revision}", "annotations": annotations}}


def pod(
    name: str, owner: str = "rs2", digest: str = DIGEST, ready: bool = True, **more: Any
) -> dict[str, Any]:
    status = {"name": "app", "ready": ready, "imageID": f"r/a@{digest}", "restartCount": 0}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "ownerReferences": [{"uid": owner, "controller": True}], **more},
        "spec": {"containers": [{"name": "app", "image": "r/a:1", "readinessProbe": {}}]},
        "status": {
            "containerStatuses": [{**status, "state": {"running": {}}}],
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


SETS = [replica_set("1"), replica_set("2")]
PODS = [pod("a"), pod("b")]
PLAN = {"app": DIGEST}


@pytest.mark.parametrize(
    ("label", "item", "message"),
    [
        ("change not seen yet", deployment(observedGeneration=2), "has not seen the change"),
        ("half of it updated", deployment(updatedReplicas=1), "1 of 2 pods are of the new version"),
        ("all as wanted", deployment(), ""),
        (
            "an old pod is left",
            deployment(replicas=2) | {"status": {**deployment()["status"], "replicas": 3}},
            "old version",
        ),
        ("not all ready", deployment(availableReplicas=1), "1 of 2 new pods are ready"),
    ],
)
def test_a_deployment_is_done_by_the_rules_of_rollout_status(
    label: str, item: dict[str, Any], message: str
) -> None:
    """It says what it waits for, in numbers, and is done only when nothing is left to wait for."""
    found = assess_workload(item, SETS, PODS, PLAN)
    assert found.done is (message == "")
    assert message in found.text


def test_no_replicas_wanted_is_applied_and_not_live() -> None:
    """Nobody waits for a controller to look at a workload without pods, and nobody says that it ran."""
    found = assess_workload(deployment(replicas=0, observedGeneration=0), [], [], {})
    assert (found.done, found.put_off) == (True, "idle")


def test_a_pod_with_another_digest_is_not_success() -> None:
    """Everything is ready, and still it is not what was released."""
    found = assess_workload(deployment(), SETS, [pod("a"), pod("b", digest="sha256:bb")], PLAN)
    assert not found.done
    assert [it.cause.code for it in found.signals] == ["DigestDiffers"]
    assert "sha256:bb" in found.text


def test_pods_that_are_not_known_yet_are_waited_for() -> None:
    """The Deployment's news may come before its pods' news."""
    assert not assess_workload(deployment(), SETS, [pod("a")], PLAN).done


def test_an_old_broken_pod_does_not_fail_the_fix() -> None:
    """Only pods of the new template count against a release."""
    broken = pod("old", "rs1", ready=False)
    broken["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "InvalidImageName"}}
    found = assess_workload(
        deployment(updatedReplicas=1, availableReplicas=1), SETS, [pod("a", ready=False), broken], PLAN
    )
    assert [it.cause.pod for it in found.signals] == ["a"]


def test_a_pod_that_leaves_counts_for_nothing() -> None:
    """A pod that is being deleted is neither live nor broken."""
    leaving = pod("b", deletionTimestamp="2026-01-01T00:00:00Z")
    assert [it["metadata"]["name"] for it in newest_pods(deployment(), SETS, [pod("a"), leaving])] == ["a"]


def test_quota_is_named_and_a_pod_more_restarts_its_clock() -> None:
    """A full quota is reported with the server's words; slow progress under one is not a failure."""
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: q"}
    one, two = (
        assess_workload(deployment(updatedReplicas=count, conditions=[failure]), SETS, [], {}).signals[0]
        for count in (0, 1)
    )
    assert (one.cause.code, one.grace, one.cause.blames) == ("FailedCreate", NEVER, False)
    assert "exceeded quota" in one.cause.text
    assert one.key != two.key


def test_a_stateful_set_s_quota_is_known_from_its_events() -> None:
    """Kinds without a condition for it tell through events that pods cannot be created."""
    item = {
        "kind": "StatefulSet",
        "metadata": {"generation": 1},
        "spec": {},
        "status": {"observedGeneration": 1},
    }
    found = assess_workload(item, [], [], {}, [("FailedCreate", "exceeded quota: q")])
    assert [it.cause.code for it in found.signals] == ["FailedCreate"]


def test_a_probe_that_fails_is_quoted() -> None:
    """Who reads the diagnosis sees what the probe got."""
    found = assess_workload(
        deployment(availableReplicas=0),
        SETS,
        [pod("a", ready=False)],
        {},
        [("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")],
    )
    assert "statuscode: 503" in found.signals[0].cause.text


def test_a_paused_deployment_is_said_and_not_waited_for() -> None:
    """Its pods will not change, and the verdict says why."""
    found = assess_workload(deployment(paused=True, updatedReplicas=0), SETS, [], PLAN)
    assert (found.done, found.put_off) == (True, "held")
    assert "paused" in found.text


def test_a_paused_deployment_whose_pods_are_the_new_ones_is_live() -> None:
    """Pausing what runs changes nothing about what runs; the digests are looked at as ever."""
    assert assess_workload(deployment(paused=True), SETS, PODS, PLAN).put_off == ""
    wrong = assess_workload(deployment(paused=True), SETS, [pod("a"), pod("b", digest="sha256:bb")], PLAN)
    assert [it.cause.code for it in wrong.signals] == ["DigestDiffers"]


def test_pods_that_are_still_ending_are_named() -> None:
    """A rollout that waits for an old pod to end says so, and that blames nobody."""
    leaving = pod("old", "rs1", deletionTimestamp="2026-01-01T00:00:00Z", deletionGracePeriodSeconds=25)
    found = assess_workload(deployment(updatedReplicas=0), SETS, [leaving], PLAN)
    assert [(it.cause.code, it.grace, it.cause.blames) for it in found.signals] == [
        ("OldPodEnding", NEVER, False)
    ]
    assert found.signals[0].cause.text == "pod old is still ending (at most 25 s)"


def test_a_pod_that_was_restarted_must_stay_up_longer_than_it_did() -> None:
    """A probe that passes once makes no live release of a program that ends again and again."""
    again = pod("a", uid="a")
    run = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:20Z"}
    again["status"]["containerStatuses"][0] |= {"restartCount": 1, "lastState": {"terminated": run}}
    found = assess_workload(deployment(), SETS, [again, pod("b", uid="b")], PLAN)
    assert (found.done, found.settle) == (True, 20 + RESTARTED_SETTLE)
    assert assess_workload(deployment(), SETS, [again, pod("b", uid="b")], PLAN, past={"a": 1}).settle == 0


def test_without_a_readiness_probe_up_must_last() -> None:
    """A program that dies right after its start is not called live for having started."""
    bare = [pod("a"), pod("b")]
    del bare[0]["spec"]["containers"][0]["readinessProbe"]
    assert assess_workload(deployment(), SETS, bare, PLAN).settle == SETTLE
    assert assess_workload(deployment(), SETS, PODS, PLAN).settle == 0


def stateful_set(strategy: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    counts = {"observedGeneration": 1, "readyReplicas": 2, "updatedReplicas": 2, "updateRevision": "r2"}
    return {
        "kind": "StatefulSet",
        "metadata": {"generation": 1},
        "spec": {"replicas": 2, "updateStrategy": strategy or {"type": "RollingUpdate"}},
        "status": {**counts, **status},
    }


def revision_pod(name: str, revision: str, **more: Any) -> dict[str, Any]:
    return pod(name, "sts", labels={"controller-revision-hash": revision}, **more)


def test_a_stateful_set_updates_above_its_partition_only() -> None:
    """A canary by partition is done when the pods above it are of the new version."""
    canary = stateful_set({"rollingUpdate": {"partition": 1}}, updatedReplicas=1)
    found = assess_workload(canary, [], [revision_pod("a", "r2"), revision_pod("b", "r1")], {})
    assert (found.done, found.put_off) == (True, "held")
    assert "partition 1" in found.text
    assert not assess_workload(stateful_set(updatedReplicas=1), [], [], {}).done


def test_a_stateful_set_that_updates_on_delete_is_not_waited_for() -> None:
    """Nothing happens to its pods until somebody deletes them, and the verdict says so."""
    found = assess_workload(
        stateful_set({"type": "OnDelete"}, updatedReplicas=0, currentRevision="r1"), [], [], {}
    )
    assert (found.done, found.put_off) == (True, "held")
    assert "delete" in found.text


def test_a_stateful_set_held_up_by_an_old_broken_pod_says_which() -> None:
    """The controller waits for a pod that never gets ready; its name is what one needs to know."""
    broken = revision_pod("db-1", "r1", ready=False)
    broken["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "InvalidImageName"}}
    found = assess_workload(
        stateful_set(updatedReplicas=1, readyReplicas=1), [], [revision_pod("db-0", "r2"), broken], {}
    )
    assert [(it.cause.code, it.cause.pod) for it in found.signals] == [("BlockedByOldPod", "db-1")]


@pytest.mark.parametrize(
    ("conditions", "suspend", "done", "reasons"),
    [
        ([{"type": "Complete", "status": "True"}], False, True, []),
        (
            [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}],
            False,
            False,
            ["JobFailed"],
        ),
        ([], True, True, []),
        ([], False, False, []),
    ],
)
def test_a_job_is_done_when_it_is_complete(
    conditions: list[dict[str, Any]], suspend: bool, done: bool, reasons: list[str]
) -> None:
    """A job that failed fails the release, one that is suspended does not hold it up."""
    item = {"kind": "Job", "metadata": {}, "spec": {"suspend": suspend}, "status": {"conditions": conditions}}
    found = assess_workload(item, [], [], {})
    assert (found.done, [it.cause.code for it in found.signals]) == (done, reasons)
    assert found.put_off == ("idle" if suspend else "")


@pytest.mark.parametrize(("suspend", "put_off"), [(True, "idle"), (False, "")])
def test_a_cron_job_that_is_suspended_starts_nothing(suspend: bool, put_off: str) -> None:
    """One that is not suspended is done when it is applied, since what it runs is started later."""
    found = assess_workload({"kind": "CronJob", "metadata": {}, "spec": {"suspend": suspend}}, [], [], {})
    assert (found.done, found.put_off) == (True, put_off)


def test_a_daemon_set_that_no_node_wants_has_not_run() -> None:
    """Nothing was started anywhere."""
    item = {
        "kind": "DaemonSet",
        "metadata": {"generation": 1},
        "spec": {},
        "status": {"observedGeneration": 1},
    }
    assert assess_workload(item, [], [], {}).put_off == "idle"


def test_a_kind_that_nobody_knows_is_live_when_applied_and_that_is_said() -> None:
    """No false promise: the message says that readiness is not known."""
    found = assess_workload({"kind": "Rollout", "metadata": {}}, [], [], {})
    assert found.done
    assert "not known" in found.text
