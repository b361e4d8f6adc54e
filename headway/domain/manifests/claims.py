"""Which objects two environments name at once: a cluster has each of them only once, and only one can own it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from headway.domain.manifests.index import Manifest
from headway.domain.objects.identity import ObjectId, id_of
from headway.errors import Problem

_IN_NO_NAMESPACE = frozenset(
    {
        "APIService", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "IngressClass",
        "MutatingWebhookConfiguration", "Namespace", "PersistentVolume", "PriorityClass", "RuntimeClass",
        "StorageClass", "ValidatingWebhookConfiguration",
    }
)  # fmt: skip
"""Kinds that are known to live in no namespace without asking a cluster."""


class Claim(NamedTuple):
    """What one environment names: its application and name, its cluster, its namespace, its manifests."""

    environment: str
    cluster: str
    namespace: str
    manifests: tuple[Manifest, ...]


def clashes(claims: Iterable[Claim]) -> list[Problem]:
    """Return each object that a second environment names in the same cluster, at its manifest there.

    A cluster is what headway.yaml calls it: two contexts of one cluster are not known to be one.
    """
    first: dict[tuple[str, ObjectId], tuple[str, Manifest]] = {}
    problems: list[Problem] = []
    for claim in claims:
        for manifest in claim.manifests:
            inside = manifest.object["kind"] not in _IN_NO_NAMESPACE
            identity = id_of(manifest.object, claim.namespace if inside else "")
            identity = identity if inside else identity.placed("")
            other, there = first.setdefault((claim.cluster, identity), (claim.environment, manifest))
            if other != claim.environment:
                said = (
                    f"{identity} is {other}'s too ({there.path}:{there.line}), and two environments cannot hold the "
                    "same object: give them namespaces of their own, or, if their clusters differ, "
                    "a `cluster.context` each"
                )
                problems.append(Problem(manifest.path, manifest.line, 1, said))
    return problems
