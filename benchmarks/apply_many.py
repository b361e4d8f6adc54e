"""500 Deployments without replicas and 500 ConfigMaps: applied into an empty namespace, and then again.

Beside it 16 threads of bare PATCH requests with bodies made beforehand, and two bare LISTs.
"""

from __future__ import annotations

import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measure import Comparison, tell, timed
from benchmarks.place import run
from headway.domain.manifests.index import Manifest
from headway.domain.objects.identity import Owner
from headway.systems.cluster.apply import apply
from headway.systems.cluster.client import APPLY_PATCH, Cluster

EACH = 500
THREADS = 16


def objects() -> list[dict[str, object]]:
    """Make the thousand objects."""
    made: list[dict[str, object]] = []
    for number in range(EACH):
        name = f"app-{number:03}"
        container = {
            "name": "main",
            "image": f"localhost:5000/app/s{number}:v1",
            "ports": [{"name": "http", "containerPort": 8080}],
            "env": [{"name": "LEVEL", "value": "info"}],
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        }
        made.append(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "labels": {"app": name}},
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": {"app": name}},
                    "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
                },
            }
        )
        made.append(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"LEVEL": "info"}}
        )
    return made


def bare_patches(cluster: Cluster, namespace: str, bodies: list[tuple[str, bytes]]) -> None:
    """Send every object as a server-side apply, 16 at a time, and read the answers."""

    def one(path_and_body: tuple[str, bytes]) -> None:
        path, body = path_and_body
        answer = cluster.exchange(
            "PATCH", path, {"fieldManager": "bare", "force": "true"}, body, content_type=APPLY_PATCH
        )
        assert answer.status in (200, 201), answer.data

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, bodies))


def bare_lists(cluster: Cluster, namespace: str) -> None:
    """Read both kinds whole."""
    for path in (
        f"/apis/apps/v1/namespaces/{namespace}/deployments",
        f"/api/v1/namespaces/{namespace}/configmaps",
    ):
        cluster.send("GET", path)


def run_all(rounds: int) -> list[Comparison]:
    """Measure each round in two fresh namespaces."""
    first = Comparison(
        "apply 500 Deployments, 500 ConfigMaps, empty namespace", "16 threads of bare PATCH", "1.5"
    )
    again = Comparison(
        "the same again: nothing changed, drift would be seen", "two LIST requests", "10 (0.2 s)"
    )
    cluster = Cluster.open(os.environ["LAB_CONTEXT"], os.environ["LAB_KUBECONFIG"])
    items = objects()
    manifests = [Manifest("bench.yaml", number, 1, item) for number, item in enumerate(items)]
    for number in range(min(rounds, 5)):
        tell(f"  round {number + 1} of {min(rounds, 5)}")
        names = [f"bench-{uuid.uuid4().hex[:8]}" for _ in range(2)]
        for name in names:
            run("kubectl", "create", "namespace", name)
        bodies = [(_path(item, names[0]), json.dumps(item).encode()) for item in items]
        first.theirs.append(timed(lambda: bare_patches(cluster, names[0], bodies)))  # noqa: B023
        owner = Owner("bench", names[1])
        first.ours.append(timed(lambda: apply(cluster, manifests, names[1], owner)))  # noqa: B023
        for _ in range(2):
            again.theirs.append(timed(lambda: bare_lists(cluster, names[1])))  # noqa: B023
            again.ours.append(timed(lambda: apply(cluster, manifests, names[1], owner)))  # noqa: B023
        run("kubectl", "delete", "namespace", *names, "--wait=true")
    cluster.close()
    return [first, again]


def _path(item: dict[str, object], namespace: str) -> str:
    meta = item["metadata"]
    assert isinstance(meta, dict)
    group = "/apis/apps/v1" if item["kind"] == "Deployment" else "/api/v1"
    plural = "deployments" if item["kind"] == "Deployment" else "configmaps"
    return f"{group}/namespaces/{namespace}/{plural}/{meta['name']}"
