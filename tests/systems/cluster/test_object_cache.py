"""Which pods are another engine's: of workloads that it marked, or marked themselves, and of no Job."""

from __future__ import annotations

from typing import Any

from headway.domain.health.engines import Engine
from headway.domain.objects.identity import ObjectId
from headway.systems.cluster.object_cache import PODS, REPLICA_SETS, WORKLOADS, ObjectCache
from headway.systems.cluster.streams import Event

RELEASE = ObjectId("helm.toolkit.fluxcd.io", "HelmRelease", "flux", "web")
MARK = {"app.kubernetes.io/instance": "web"}


def item(
    name: str, owner: tuple[str, str] = ("", ""), labels: dict[str, str] | None = None
) -> dict[str, Any]:
    owners = [{"kind": owner[0], "uid": owner[1], "controller": True}] if owner[0] else []
    meta = {"name": name, "namespace": "web", "uid": name, "ownerReferences": owners, "labels": labels or {}}
    return {"metadata": meta, "spec": {}}


def cache() -> ObjectCache:
    made = ObjectCache([RELEASE])
    made.engines = {RELEASE: Engine((), ("web",), (MARK,))}
    made.replace(WORKLOADS["apps", "Deployment"], "web", [item("mine", labels=MARK), item("theirs")])
    made.replace(
        REPLICA_SETS, "web", [item("set", ("Deployment", "mine")), item("other", ("Deployment", "theirs"))]
    )
    pods = [
        item("of-mine", ("ReplicaSet", "set")),
        item("of-theirs", ("ReplicaSet", "other")),
        item("marked", ("ReplicaSet", "unknown"), MARK),
        item("of-a-job", ("Job", "nightly"), MARK),
    ]
    made.replace(PODS, "web", pods)
    return made


def test_pods_of_marked_workloads_and_marked_pods_are_an_engine_s() -> None:
    found = cache().pods_of(cache().engines[RELEASE])
    assert sorted(it["metadata"]["name"] for it in found) == ["marked", "of-mine"]


def test_news_of_its_namespaces_concern_an_engine() -> None:
    """What happens elsewhere does not."""
    there = cache()
    assert there.take(Event("there", PODS, "web", item("new"))) == {RELEASE}
    elsewhere = item("new")
    elsewhere["metadata"]["namespace"] = "other"
    assert there.take(Event("there", PODS, "other", elsewhere)) == set()
