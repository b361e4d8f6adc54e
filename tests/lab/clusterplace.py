"""A namespace of its own in the lab's cluster, for one test."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from typing import Any

from headway.domain.manifests.expected import planned_digests
from headway.domain.manifests.index import Manifest, index_file
from headway.domain.objects.applied import Applied
from headway.domain.objects.drift import Drift
from headway.domain.objects.identity import Owner
from headway.systems.cluster.apply import apply, diff
from headway.systems.cluster.client import STRATEGIC_MERGE_PATCH, Cluster
from headway.systems.cluster.rollout import Rollout, watch


class Place:
    """A namespace, an owner, and the verbs that tests use in them."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.namespace = f"t-{uuid.uuid4().hex[:10]}"
        self.owner = Owner("tests", self.namespace)

    def manifests(self, text: str) -> list[Manifest]:
        """Read manifests as the config repo's index does."""
        index = index_file(text.encode()).at("app.yaml")
        assert not index.problems, index.problems
        return list(index.manifests)

    def apply(self, text: str, **more: Any) -> Applied:
        """Make the namespace equal to the manifests."""
        return apply(self.cluster, self.manifests(text), self.namespace, self.owner, **more)

    def diff(self, text: str) -> list[Drift]:
        """Return how the namespace differs from the manifests."""
        return diff(self.cluster, self.manifests(text), self.namespace, self.owner)

    def watch(self, text: str, **more: Any) -> Rollout:
        """Follow the manifests' workloads."""
        manifests = self.manifests(text)
        planned = more.pop("planned", None) or planned_digests(manifests, self.namespace)
        return watch(self.cluster, manifests, self.namespace, planned, **{"timeout": 60.0, **more})

    def path(self, plural: str, name: str = "") -> str:
        """Return the address of an object in the namespace."""
        root = "/apis/apps/v1" if plural in ("deployments", "statefulsets", "replicasets") else "/api/v1"
        return f"{root}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def get(self, plural: str, name: str) -> dict[str, Any] | None:
        """Read an object of the namespace."""
        return self.cluster.get(self.path(plural, name))

    def versions(self) -> dict[str, str]:
        """Return the resourceVersion of every object that tests make here: nothing written, nothing changed."""
        found = {}
        for plural in ("configmaps", "secrets", "services", "deployments"):
            for item in (self.cluster.get(self.path(plural)) or {})["items"]:
                meta = item["metadata"]
                # The controllers' writes of status count for nothing.
                found[f"{plural}/{meta['name']}"] = (
                    str(meta["generation"]) if "generation" in meta else meta["resourceVersion"]
                )
        return found

    def edit(
        self, plural: str, name: str, patch: dict[str, Any], manager: str = "kubectl-edit", **more: str
    ) -> None:
        """Change an object as somebody's kubectl would; `subresource` may be given."""
        path = self.path(plural, name) + (f"/{more['subresource']}" if "subresource" in more else "")
        body = json.dumps(patch).encode()
        kind = "application/merge-patch+json" if "subresource" in more else STRATEGIC_MERGE_PATCH
        self.cluster.send("PATCH", path, {"fieldManager": manager}, body, content_type=kind)

    def create(self, plural: str, item: dict[str, Any], manager: str = "kubectl-create") -> None:
        """Make an object as somebody's kubectl would."""
        self.cluster.send("POST", self.path(plural), {"fieldManager": manager}, json.dumps(item).encode())

    def delete(self, plural: str, name: str) -> None:
        """Delete an object."""
        self.cluster.send("DELETE", self.path(plural, name))


@contextlib.contextmanager
def own_place(context: str, kubeconfig: str) -> Iterator[Place]:
    """Return a place, and let go of its namespace at the end without waiting for that."""
    cluster = Cluster.open(context, kubeconfig)
    place = Place(cluster)
    try:
        yield place
    finally:
        if cluster.get(f"/api/v1/namespaces/{place.namespace}") is not None:
            cluster.send("DELETE", f"/api/v1/namespaces/{place.namespace}")
        cluster.close()


def deployment(
    name: str,
    image: str,
    *,
    replicas: int = 1,
    command: str = '["/bin/busybox", "sleep", "100000"]',
    deadline: int = 60,
    container: str = "",
    pod: str = "",
    kind: str = "Deployment",
) -> str:
    """Write a workload's manifest; `container` and `pod` are further lines in flow style."""
    return f"""
---
apiVersion: apps/v1
kind: {kind}
metadata:
  name: {name}
spec:
  replicas: {replicas}
  {f"progressDeadlineSeconds: {deadline}" if kind == "Deployment" else "serviceName: none"}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      dnsPolicy: Default
      {pod}
      containers:
      - name: app
        image: "{image}"
        command: {command}
        {container}
"""


def config_map(name: str, **data: str) -> str:
    """Write a ConfigMap's manifest."""
    return f"""
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}}}
data: {json.dumps(data)}
"""
