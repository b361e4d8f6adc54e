"""From events to verdicts, with a clock that the test holds."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.objects.identity import ObjectId
from headway.errors import FailedError
from headway.systems.cluster.discovery import Resource
from headway.systems.cluster.object_cache import PODS, REPLICA_SETS, WORKLOADS, ObjectCache
from headway.systems.cluster.rollout_health import RolloutHealth
from headway.systems.cluster.streams import Event

DEPLOYMENTS = WORKLOADS["apps", "Deployment"]
WEB = ObjectId("apps", "Deployment", "shop", "web")
REVISION = {"deployment.kubernetes.io/revision": "1"}


class Quiet:
    """A cluster that has nothing to say but the events that it is given."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = reasons
        self.deleted: list[str] = []

    def get(self, path: str, query: Any = None, **_: Any) -> dict[str, Any]:
        return {"items": [{"reason": it, "type": "Normal", "message": ""} for it in self.reasons]}

    def send(self, method: str, path: str, *_: Any, **__: Any) -> bytes:
        if method == "DELETE":
            self.deleted.append(path)
        return b""


def meta(name: str, uid: str, owner: str = "", **more: Any) -> dict[str, Any]:
    owners = [{"uid": owner, "controller": True}] if owner else []
    return {"name": name, "namespace": "shop", "uid": uid, "ownerReferences": owners, **more}


def deployment(**status: Any) -> dict[str, Any]:
    return {
        "metadata": meta("web", "d", generation=1, annotations=REVISION),
        "spec": {"replicas": 1, "progressDeadlineSeconds": 60},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, **status},
    }


def pod(**status: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "app", "image": "r/a:1", "readinessProbe": {}}]}
    return {"metadata": meta("web-1", "p", "r"), "spec": spec, "status": {"phase": "Pending", **status}}


UNSCHEDULABLE = [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
]
MISSED = {
    "type": "Progressing",
    "status": "False",
    "reason": "ProgressDeadlineExceeded",
    "lastUpdateTime": "1",
}


def rollout_health(
    cluster: Quiet, web: dict[str, Any], *pods: dict[str, Any]
) -> tuple[RolloutHealth, ObjectCache, list[str]]:
    cache = ObjectCache([WEB])
    cache.replace(DEPLOYMENTS, "shop", [web])
    cache.replace(REPLICA_SETS, "shop", [{"metadata": meta("web-r", "r", "d", annotations=REVISION)}])
    cache.replace(PODS, "shop", list(pods))
    told: list[str] = []
    return RolloutHealth(cluster, cache, {}, None, told.append), cache, told  # type: ignore[arg-type]


def news(cache: ObjectCache, resource: Resource, item: dict[str, Any]) -> set[ObjectId]:
    return cache.take(Event("there", resource, "shop", item))


def test_no_node_is_waited_for_until_time_is_up() -> None:
    """A shortage fails by the environment's timeout and not before, with the scheduler's words and no blame."""
    it, _, told = rollout_health(Quiet(), deployment(), pod(conditions=UNSCHEDULABLE))
    it.update([WEB], 0.0, first=True)
    it.update([], 500.0)
    assert not it.settled
    assert "waiting: no node takes the pod: 0/1 nodes" in told[-1]
    it.time_is_up(600)
    found = it.verdict(WEB)
    assert (found.status, found.cause.code, found.cause.blames) == ("failed", "Unschedulable", False)


def test_a_kubelet_that_is_gone_is_no_verdict_when_time_is_up() -> None:
    """Its pods may run or not: nothing fails, nothing is rolled back, and the node is named."""
    silent = pod()
    silent["spec"]["nodeName"] = "node-7"
    it, _, _ = rollout_health(Quiet(), deployment(conditions=[MISSED]), silent)
    it.update([WEB], 0.0, first=True)
    it.update([WEB], 500.0)
    with pytest.raises(FailedError, match="node node-7 has not started the pod yet"):
        it.time_is_up(600)
    assert not it.failed
    assert it.verdict(WEB).status == "progressing"


def test_a_node_that_is_being_added_is_said() -> None:
    """The autoscaler is asked every now and then, and its word stands beside the scheduler's."""
    it, _, told = rollout_health(Quiet("TriggeredScaleUp"), deployment(), pod(conditions=UNSCHEDULABLE))
    it.update([WEB], 0.0, first=True)
    assert it.again == 15.0
    it.update([], 15.0)
    assert "0/1 nodes (a node is being added)" in told[-1]


def crashing(again: int) -> dict[str, Any]:
    ended = {"terminated": {"exitCode": 1}}
    status = {"name": "app", "restartCount": again, "lastState": ended, "state": {"waiting": CRASH}}
    return pod(containerStatuses=[status])


CRASH = {"reason": "CrashLoopBackOff"}
DB = ObjectId("apps", "Deployment", "shop", "db")


def two(web: dict[str, Any]) -> tuple[RolloutHealth, ObjectCache, list[str]]:
    """Two Deployments of one release: web with this pod, and db whose pod is not ready yet."""
    cache, told = ObjectCache([WEB, DB]), list[str]()
    db = {**deployment(), "metadata": meta("db", "d2", generation=1, annotations=REVISION)}
    cache.replace(DEPLOYMENTS, "shop", [deployment(), db])
    sets = [meta("web-r", "r", "d", annotations=REVISION), meta("db-r", "r2", "d2", annotations=REVISION)]
    cache.replace(REPLICA_SETS, "shop", [{"metadata": it} for it in sets])
    cache.replace(PODS, "shop", [web, db_pod("False")])
    it = RolloutHealth(Quiet(), cache, {}, None, told.append)  # type: ignore[arg-type]
    it.update([WEB, DB], 0.0, first=True)
    return it, cache, told


def db_pod(ready: str) -> dict[str, Any]:
    return {**pod(conditions=[{"type": "Ready", "status": ready}]), "metadata": meta("db-1", "p2", "r2")}


def db_up(it: RolloutHealth, cache: ObjectCache) -> None:
    db = {**deployment(availableReplicas=1), "metadata": meta("db", "d2", generation=1, annotations=REVISION)}
    it.update(news(cache, PODS, db_pod("True")) | news(cache, DEPLOYMENTS, db), 50.0)


def test_a_crash_waits_for_what_comes_up_in_the_same_release() -> None:
    """A program that ends until its database is up is started once more after that, and then it counts."""
    it, cache, told = two(crashing(4))
    assert not it.failed
    assert "waiting: db of this release may be what it needs" in told[0]
    db_up(it, cache)
    it.update([WEB], 51.0)
    assert not it.failed
    it.update(news(cache, PODS, crashing(5)), 60.0)
    assert (it.failed, it.verdict(WEB).cause.code) == (True, "CrashLoopBackOff")


def test_a_crash_that_its_database_ends_is_live() -> None:
    """It was waited for, and nothing failed."""
    it, cache, _ = two(crashing(4))
    db_up(it, cache)
    ready = pod(conditions=[{"type": "Ready", "status": "True"}])
    it.update(news(cache, PODS, ready) | news(cache, DEPLOYMENTS, deployment(availableReplicas=1)), 60.0)
    assert it.done


def test_all_that_crash_together_have_failed() -> None:
    """Where nothing is left that could help, nobody waits."""
    it, cache, _ = two(crashing(4))
    status = {**crashing(3)["status"]}
    it.update(news(cache, PODS, {**db_pod("False"), "status": status}), 5.0)
    assert {it.verdict(WEB).status, it.verdict(DB).status} == {"failed"}


def test_a_crash_alone_fails_at_once() -> None:
    """One service is released: its third end is certain, as ever."""
    it, _, _ = rollout_health(Quiet(), deployment(), crashing(2))
    it.update([WEB], 0.0, first=True)
    assert it.failed


def test_a_missed_deadline_of_before_does_not_fail_what_comes_after() -> None:
    """Going back to an old replica set finds the last rollout's missed deadline still in the status."""
    it, cache, _ = rollout_health(Quiet(), deployment(conditions=[MISSED], observedGeneration=0), pod())
    it.update([WEB], 0.0, first=True)
    it.update(news(cache, DEPLOYMENTS, deployment(conditions=[MISSED])), 0.1)
    assert not it.failed
    it.update(news(cache, DEPLOYMENTS, deployment(conditions=[{**MISSED, "lastUpdateTime": "2"}])), 5.0)
    assert not it.failed
    it.update([], 60.0)
    assert it.failed


def test_a_deadline_that_is_missed_early_is_the_last_rollouts() -> None:
    """The controller counts from that one's last progress: less than a deadline after the first look proves nothing."""
    it, cache, _ = rollout_health(Quiet(), deployment(), pod())
    it.update([WEB], 0.0, first=True)
    it.update(news(cache, DEPLOYMENTS, deployment(conditions=[MISSED])), 3.0)
    assert not it.failed
    it.update(news(cache, DEPLOYMENTS, deployment(conditions=[])), 4.0)
    it.update(news(cache, DEPLOYMENTS, deployment(conditions=[MISSED])), 64.0)
    assert it.failed


def test_a_missed_deadline_of_before_counts_when_nothing_moves() -> None:
    """A rollout that hung before anybody looked is not waited for without end."""
    it, _, _ = rollout_health(Quiet(), deployment(conditions=[MISSED]), pod())
    it.update([WEB], 0.0, first=True)
    it.update([], 60.0)
    assert it.failed


def test_news_about_a_pod_reach_its_workload_in_any_order() -> None:
    """A pod may be heard of before the replica set that it belongs to."""
    cache = ObjectCache([WEB])
    cache.replace(DEPLOYMENTS, "shop", [deployment(availableReplicas=1)])
    it = RolloutHealth(Quiet(), cache, {}, None, lambda line: None)  # type: ignore[arg-type]
    it.update([WEB], 0.0, first=True)
    ready = pod(conditions=[{"type": "Ready", "status": "True"}])
    assert news(cache, PODS, ready) == set()
    touched = news(cache, REPLICA_SETS, {"metadata": meta("web-r", "r", "d", annotations=REVISION)})
    assert touched == {WEB}
    it.update(touched, 1.0)
    assert it.done


def test_progress_is_reported_once() -> None:
    """The same sentence is not repeated for every event."""
    it, cache, told = rollout_health(Quiet(), deployment(), pod())
    for now in (0.0, 1.0, 2.0):
        it.update(news(cache, PODS, pod()), now, first=now == 0)
    assert told == ["shop Deployment/web: 0 of 1 new pods are ready"]


def test_a_workload_that_is_not_there_is_said() -> None:
    """Somebody deletes it while it rolls out: after a moment that is the verdict."""
    it, cache, _ = rollout_health(Quiet(), deployment(), pod())
    it.update([WEB], 0.0, first=True)
    it.update(cache.take(Event("gone", DEPLOYMENTS, "shop", deployment())), 1.0)
    it.update([], 20.0)
    assert it.verdict(WEB).cause.code == "NotFound"


MIGRATE = ObjectId("batch", "Job", "shop", "migrate")
JOBS = Resource("batch", "v1", "Job", "jobs", True)


def _finished_job() -> dict[str, Any]:
    complete = [{"type": "Complete", "status": "True"}]
    return {"metadata": meta("migrate", "j"), "spec": {}, "status": {"succeeded": 1, "conditions": complete}}


def test_a_job_that_removes_itself_when_it_is_done_fails_nothing() -> None:
    """Its time to live ends while the other workloads of the release still roll out."""
    cache = ObjectCache([MIGRATE, WEB])
    cache.replace(JOBS, "shop", [_finished_job()])
    cache.replace(DEPLOYMENTS, "shop", [deployment()])
    it = RolloutHealth(Quiet(), cache, {}, None, lambda line: None)  # type: ignore[arg-type]
    it.update([MIGRATE, WEB], 0.0, first=True)
    it.update(cache.take(Event("gone", JOBS, "shop", _finished_job())), 1.0)
    it.update([], 30.0)
    assert it.verdict(MIGRATE).status == "live"
    assert not it.failed


def test_a_job_that_ran_before_may_be_gone() -> None:
    """Status and promotion call it done, and not missing."""
    it = RolloutHealth(
        Quiet(),  # type: ignore[arg-type]
        ObjectCache([MIGRATE]),
        {},
        None,
        lambda line: None,
        ran=frozenset({MIGRATE}),
    )
    it.update([MIGRATE], 0.0, first=True)
    it.update([], 30.0)
    assert (it.verdict(MIGRATE).status, it.verdict(MIGRATE).cause.text) == ("live", "done, and gone")
