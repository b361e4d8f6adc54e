"""Following real rollouts: live when it is true, failed with the cause as soon as that is certain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headway.domain.health.custom_rules import Rule, Rules
from headway.domain.health.kinds import RULES
from headway.domain.objects.identity import ObjectId
from headway.systems.cluster.proof import prove
from headway.systems.cluster.rollout import look
from headway.systems.cluster.set_image import set_image
from tests.lab.clusterplace import Place, config_map, deployment, own_place
from tests.lab.images import box

PROBE = 'readinessProbe: {exec: {command: ["/bin/busybox", "true"]}, periodSeconds: 1}'
NEVER = 'readinessProbe: {exec: {command: ["/bin/busybox", "false"]}, periodSeconds: 1}'
QUOTA = """
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: none}
spec: {hard: {pods: "0"}}
"""


@pytest.fixture
def place(lab: Any) -> Iterator[Place]:
    with own_place(lab.context, lab.kubeconfig) as it:
        yield it


@pytest.fixture
def images(lab: Any) -> tuple[str, str]:
    return box(lab.registry, "v1"), box(lab.registry, "v2")


def test_live_means_that_the_pods_run_the_released_digest(place: Place, images: tuple[str, str]) -> None:
    """Two versions one after the other; each is live with all its pods on its digest, and proven so."""
    for image in images:
        text = deployment("web", image, replicas=2, container=PROBE) + config_map("c")
        place.apply(text)
        rollout = place.watch(text)
        assert rollout.live, rollout.cause
        manifests = place.manifests(text)
        web = ObjectId("apps", "Deployment", place.namespace, "web")
        planned = {web: {"app": image.partition("@")[2]}}
        proof = prove(place.cluster, manifests, place.namespace, place.owner, planned)
        assert proof.equal, proof.summary
        assert (proof.objects, proof.pods) == (2, 2)
        standing = look(place.cluster, manifests, place.namespace, planned)[web]
        assert (standing.pods, str(standing)) == ("2/2", "live")


def test_ready_pods_of_another_digest_are_no_success(place: Place, images: tuple[str, str]) -> None:
    """Everything is ready, but it is not what was released."""
    text = deployment("web", images[0], container=PROBE)
    place.apply(text)
    web = ObjectId("apps", "Deployment", place.namespace, "web")
    other = {web: {"app": images[1].partition("@")[2]}}
    rollout = place.watch(text, planned=other)
    assert not rollout.live
    assert [it.cause.code for it in rollout.verdicts] == ["DigestDiffers"]
    proof = prove(place.cluster, place.manifests(text), place.namespace, place.owner, other)
    assert not proof.equal
    assert [it.workload for it in proof.wrong] == [web]


def test_a_workload_without_replicas_is_applied_at_once_and_not_live(place: Place) -> None:
    """Nothing is waited for where nothing will run, and nobody says that it ran."""
    text = deployment("web", "busybox:1", replicas=0)
    place.apply(text)
    rollout = place.watch(text)
    assert (rollout.done, rollout.live) == (True, False)


def test_no_room_is_waited_for_and_blames_no_image(place: Place, images: tuple[str, str]) -> None:
    """It fails by the environment's timeout only, with the scheduler's words."""
    text = deployment("web", images[0], container='resources: {requests: {cpu: "999"}}')
    place.apply(text)
    said: list[str] = []
    rollout = place.watch(text, timeout=5, on_progress=said.append)
    (verdict,) = rollout.verdicts
    assert (verdict.status, verdict.cause.code, verdict.cause.blames) == ("failed", "Unschedulable", False)
    assert "Insufficient cpu" in verdict.cause.text
    assert any("waiting: no node takes the pod" in it for it in said)


def test_a_full_quota_is_waited_for_until_an_old_pod_has_ended(place: Place, images: tuple[str, str]) -> None:
    """The release is live once the old pods' own time to end is over."""
    quota = QUOTA.replace('pods: "0"', 'pods: "2"')
    strategy = "strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}\n  selector:"
    for image in images:
        text = quota + deployment("web", image, replicas=2, container=PROBE)
        text = text.replace("selector:", strategy).replace("PeriodSeconds: 0", "PeriodSeconds: 7")
        place.apply(text)
        rollout = place.watch(text)
        assert rollout.live, rollout.cause


def test_a_job_s_own_retries_are_waited_for(place: Place, images: tuple[str, str]) -> None:
    """Its pod ends three times before its database is up; backoffLimit allows it, and the fourth run completes."""
    script = (
        "n=$(/bin/busybox cat /w/n 2>/dev/null || echo 0); n=$((n+1)); echo $n > /w/n; [ $n -ge 4 ] || exit 1"
    )
    text = f"""
---
apiVersion: batch/v1
kind: Job
metadata: {{name: migrate}}
spec:
  template:
    spec:
      restartPolicy: OnFailure
      containers:
      - {{name: app, image: "{images[0]}", command: [/bin/busybox, sh, -c, '{script}'], volumeMounts: [{{name: w, mountPath: /w}}]}}
      volumes: [{{name: w, emptyDir: {{}}}}]
"""
    place.apply(text)
    rollout = place.watch(text, timeout=120.0)
    assert rollout.live, rollout.cause


def test_the_health_of_a_custom_resource_is_what_its_controller_says(place: Place) -> None:
    """Without a word from it the time runs out; once it is ready the release is live."""
    group = f"{place.namespace}.example.com"
    definition = f"""
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: things.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: Thing, plural: things, singular: thing}}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {{status: {{}}}}
    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"""
    thing = f"""
---
apiVersion: {group}/v1
kind: Thing
metadata: {{name: t}}
spec: {{size: 1}}
"""
    rules = Rules([Rule.of("Thing", ["jsonpath={.status.phase}=Up"])], RULES.known)
    try:
        place.apply(definition + thing)
        rollout = place.watch(definition + thing, timeout=2, rules=rules)
        assert [it.workload.kind for it in rollout.verdicts if it.status == "failed"] == ["Thing"]
        path = f"/apis/{group}/v1/namespaces/{place.namespace}/things/t/status"

        def up(line: str) -> None:
            """Let its controller speak once the watch has begun."""
            body = b'{"status": {"phase": "Up"}}'
            place.cluster.send("PATCH", path, body=body, content_type="application/merge-patch+json")

        rollout = place.watch(definition + thing, rules=rules, on_progress=up)
        assert rollout.live, rollout.cause
    finally:
        crd = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.{group}"
        place.cluster.send("DELETE", crd)


@pytest.mark.parametrize(
    ("label", "more", "reason", "word"),
    [
        ("no such image", {"image": "/cluster-tests/box:none"}, "ErrImagePull", "not found"),
        ("no such program", {"command": '["/nope"]'}, "RunContainerError", "/nope"),
        (
            "missing ConfigMap",
            {"container": "envFrom: [{configMapRef: {name: nowhere}}]"},
            "CreateContainerConfigError",
            "nowhere",
        ),
        ("never ready", {"container": NEVER, "deadline": 4}, "NotReady", "Readiness probe failed"),
        ("quota", {"extra": QUOTA}, "FailedCreate", "exceeded quota"),
    ],
)
def test_each_way_to_break_has_its_verdict(
    place: Place,
    lab: Any,
    images: tuple[str, str],
    label: str,
    more: dict[str, Any],
    reason: str,
    word: str,
) -> None:
    """The reason is named, with the cluster's words, and nobody has to wait for the environment's timeout."""
    options = dict(more)
    image = options.pop("image", "")
    text = options.pop("extra", "") + deployment(
        "web", lab.registry + image if image else images[0], **options
    )
    place.apply(text)
    rollout = place.watch(text)
    assert not rollout.live
    (verdict,) = rollout.verdicts
    assert (verdict.status, verdict.cause.code) == ("failed", reason), str(verdict)
    assert word in verdict.cause.text
    assert "not live after" not in verdict.cause.text
    assert str(verdict) in rollout.cause.text


def test_a_crash_at_start_is_reported_with_its_last_words(place: Place, images: tuple[str, str]) -> None:
    """Also without a readiness probe a program that dies is not live; what it said is shown."""
    text = deployment("web", images[0], command='["/bin/busybox", "sh", "-c", "echo no database; exit 3"]')
    place.apply(text)
    rollout = place.watch(text)
    (verdict,) = rollout.verdicts
    assert (verdict.status, verdict.cause.code) == ("failed", "CrashLoopBackOff"), str(verdict)
    assert "code 3" in verdict.cause.text
    assert verdict.logs == ("no database",)


def test_the_fix_of_a_broken_release_is_not_failed_by_it(place: Place, images: tuple[str, str]) -> None:
    """Old pods that never got ready, and a deadline that they missed, are not held against what replaces them."""
    good = deployment("web", images[0], container=PROBE, deadline=3)
    place.apply(good)
    assert place.watch(good).live
    bad = deployment("web", images[1], container=NEVER, deadline=3)
    place.apply(bad)
    assert place.watch(bad).cause
    place.apply(good)
    rollout = place.watch(good)
    assert rollout.live, rollout.cause


def test_a_stateful_set_comes_back_from_a_broken_version(
    place: Place, lab: Any, images: tuple[str, str]
) -> None:
    """Its controller waits for the broken pod for ever; headway takes that pod out of the way."""
    good = deployment("db", images[0], replicas=2, container=PROBE, kind="StatefulSet")
    place.apply(good)
    assert place.watch(good).live
    bad = good.replace(images[0], f"{lab.registry}/cluster-tests/box:none")
    place.apply(bad)
    assert [it.cause.code for it in place.watch(bad).verdicts] == ["ErrImagePull"]
    place.apply(good)
    rollout = place.watch(good)
    assert rollout.live, rollout.cause


def test_what_was_broken_before_is_reported_as_such(place: Place, lab: Any, images: tuple[str, str]) -> None:
    """A workload that this release did not touch does not fail it."""
    text = deployment("old", f"{lab.registry}/cluster-tests/box:none")
    place.apply(text)
    assert not place.watch(text).live
    text += deployment("new", images[0], container=PROBE)
    changed = frozenset(place.apply(text).touched)
    rollout = place.watch(text, changed=changed)
    assert rollout.live
    assert [(it.workload.name, it.status, it.changed) for it in rollout.verdicts] == [
        ("old", "failed", False),
        ("new", "live", True),
    ]


def test_a_newer_change_ends_the_watch(place: Place, images: tuple[str, str]) -> None:
    """Nobody waits for a rollout that has been overtaken."""
    text = deployment("web", images[0], container=NEVER)
    place.apply(text)
    rollout = place.watch(text, stop=lambda: True)
    assert rollout.superseded
    assert not rollout.live


def test_time_is_up_with_the_reason_that_is_known(place: Place, images: tuple[str, str]) -> None:
    """An environment's own timeout ends the watch and names what it waited for."""
    text = deployment("web", images[0], container=NEVER)
    place.apply(text)
    rollout = place.watch(text, timeout=3)
    (verdict,) = rollout.verdicts
    assert (verdict.status, verdict.cause.code) == ("failed", "NotReady")
    assert "not live after 3 s" in verdict.cause.text


def test_set_image_changes_what_runs_the_repository_and_is_drift_afterwards(
    place: Place, images: tuple[str, str]
) -> None:
    """The running object changes at once; the repo knows nothing of it, and the next apply takes it back."""
    text = deployment("web", images[0], replicas=0) + deployment("other", "busybox:1", replicas=0)
    place.apply(text)
    repository = images[0].partition(":v1")[0]
    done = set_image(place.cluster, place.namespace, lambda it: it.startswith(repository), images[1])
    assert [(it.object.name, it.container, it.old, it.new) for it in done] == [("web", "app", *images)]
    assert [it.object.name for it in place.diff(text)] == ["web"]
    assert [it.name for it in place.apply(text).changed] == ["web"]
    assert place.diff(text) == []
