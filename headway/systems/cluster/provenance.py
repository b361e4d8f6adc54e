"""Remember in the cluster which config repo an environment was applied from, and refuse another one.

It is kept in annotations of the environment's lease, which stands in the namespace that it
tells of: with the namespace it goes, and then nothing is left that could be pruned.
"""

from __future__ import annotations

import json

from headway.domain.objects.identity import Owner
from headway.domain.objects.provenance import Provenance, Source, applied_from
from headway.errors import RefusedError
from headway.systems.cluster.client import MERGE_PATCH, ApiRefused, Cluster
from headway.systems.cluster.lease import lease_path

_REPO = "repo.headway.dev"
_COMMIT = "commit.headway.dev"


def recorded(cluster: Cluster, namespace: str, owner: Owner) -> Provenance | None:
    """Return what an environment was applied from last; None where nothing says so, or it may not be read."""
    if not namespace:
        return None
    try:
        found = cluster.get(lease_path(namespace, owner.environment))
    except ApiRefused as error:
        if error.code == 403:
            return None
        raise
    annotations = ((found or {}).get("metadata") or {}).get("annotations") or {}
    repo = annotations.get(f"{_REPO}/{owner.app}")
    return Provenance(repo, annotations.get(f"{_COMMIT}/{owner.app}", "")) if repo else None


def refuse_copy(last: Provenance | None, source: Source, owner: Owner, namespace: str) -> None:
    """Raise RefusedError where an environment was applied from another config repo than the one at hand."""
    if last is None or applied_from(last, source):
        return
    raise RefusedError(
        f"{owner} in namespace {namespace} was applied from another config repo: {last.repo}, "
        f"commit {last.commit[:9]}; this one is {source.repo}. Nothing was changed",
        hint="a copy needs another `app` or namespace in headway.yaml. If the repo moved here, "
        f"`headway reconcile {owner.environment} --adopt` says so once",
    )


def record(cluster: Cluster, namespace: str, owner: Owner, applied: Provenance) -> None:
    """Write down what an environment was applied from. Where leases may not be written, nothing is."""
    path = lease_path(namespace, owner.environment)
    annotations = {f"{_REPO}/{owner.app}": applied.repo, f"{_COMMIT}/{owner.app}": applied.commit}
    meta = {"annotations": annotations}
    patch = json.dumps({"metadata": meta}).encode()
    try:
        cluster.send("PATCH", path, body=patch, content_type=MERGE_PATCH)
    except ApiRefused as error:
        if error.code == 404:
            _create(cluster, path, {**meta, "name": path.rpartition("/")[2], "namespace": namespace})
        elif error.code != 403:
            raise


def _create(cluster: Cluster, path: str, meta: dict[str, object]) -> None:
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": {}}
    try:
        cluster.send("POST", path.rpartition("/")[0], body=json.dumps(body).encode())
    except ApiRefused as error:
        # Made by somebody else meanwhile, or not ours to write: it is written the next time.
        if error.code not in (403, 404, 409):
            raise
