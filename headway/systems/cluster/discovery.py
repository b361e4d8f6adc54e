"""What kinds of objects a cluster knows, and under which address each lives.

Two requests for everything (aggregated discovery), kept as long as the cluster is
open, and asked again when a kind is not there: a CRD may be new. An API
that somebody else's server should answer for and does not is left out, and named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from headway.domain.objects.identity import split_api_version
from headway.domain.objects.names import segment
from headway.errors import TransientError
from headway.systems.cluster.client import Cluster

_AGGREGATED = ",".join(
    f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    for version in ("v2", "v2beta1")
)


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind in one version, as the API server serves it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def api_version(self) -> str:
        """Group and version as manifests write them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the address of an object, or of all objects in a namespace or in the cluster."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if self.namespaced and namespace:
            parts += ["namespaces", segment(namespace)]
        parts.append(segment(self.plural or self.kind.lower()))
        parts += [segment(part) for part in (name, subresource) if part]
        return "/".join(parts)


@dataclass(frozen=True, slots=True)
class Known:
    """What one discovery found: kinds by apiVersion and kind, and the versions whose server did not answer."""

    kinds: Mapping[tuple[str, str], Resource]
    silent: frozenset[str]


@dataclass(slots=True)
class _Last:
    """What the last discovery of a cluster found."""

    known: Known | None = None


class Kinds:
    """The kinds of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._last = cluster.learned(_Last)

    def find(self, api_version: str, kind: str, *, fresh: bool = True) -> Resource | None:
        """Look a kind up; None when the cluster, asked again where `fresh`, does not have it."""
        known = self._get()
        if fresh and (api_version, kind) not in known.kinds:
            known = self.refresh()
        return known.kinds.get((api_version, kind))

    def refresh(self) -> Known:
        """Ask the cluster what kinds it has."""
        found, silent = _discover(self._cluster)
        known = {(each.api_version, each.kind): each for each in found}
        self._last.known = fresh = Known(known, frozenset(silent))
        return fresh

    def all(self) -> list[Resource]:
        """Return each kind once, in the version that the cluster prefers."""
        once: dict[tuple[str, str], Resource] = {}
        for resource in self._get().kinds.values():
            once.setdefault((resource.group, resource.kind), resource)
        return list(once.values())

    def served(self) -> list[tuple[str, str]]:
        """Return every apiVersion and kind."""
        return list(self._get().kinds)

    def silent(self) -> frozenset[str]:
        """Return the API versions whose server did not answer when the kinds were asked for."""
        return self._get().silent

    def _get(self) -> Known:
        return self._last.known or self.refresh()


def resources_of(definition: Mapping[str, Any]) -> list[Resource]:
    """Read from a CustomResourceDefinition which kinds it will bring."""
    spec = definition.get("spec") or {}
    names = spec.get("names") or {}
    return [
        Resource(
            str(spec.get("group", "")),
            str(version.get("name", "")),
            str(names.get("kind", "")),
            str(names.get("plural", "")),
            spec.get("scope") == "Namespaced",
            frozenset({"list", "delete", "patch", "get"}),
        )
        for version in spec.get("versions") or ()
        if version.get("served", True)
    ]


def _discover(cluster: Cluster) -> tuple[list[Resource], set[str]]:
    found: list[Resource] = []
    silent: set[str] = set()
    for root in ("/api", "/apis"):
        answer = cluster.ask("GET", root, accept=f"{_AGGREGATED},application/json")
        if answer.get("kind") == "APIGroupDiscoveryList":
            found.extend(_aggregated(answer))
            silent.update(_stale(answer))
        else:
            found.extend(_one_by_one(cluster, root, answer, silent))
    return found, silent


def _aggregated(answer: Mapping[str, Any]) -> Iterable[Resource]:
    for name, version in _versions(answer):
        for each in version.get("resources") or ():
            kind = each.get("responseKind") or {}
            yield Resource(
                name,
                version["version"],
                kind.get("kind", ""),
                each["resource"],
                each.get("scope") == "Namespaced",
                frozenset(each.get("verbs") or ()),
            )


def _stale(answer: Mapping[str, Any]) -> Iterable[str]:
    # What a stale version has is what its server said last; nothing, where it never answered.
    for name, version in _versions(answer):
        if version.get("freshness") == "Stale":
            yield f"{name}/{version['version']}"


def _versions(answer: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for group in answer.get("items") or ():
        for version in group.get("versions") or ():
            yield (group.get("metadata") or {}).get("name", ""), version


def _one_by_one(
    cluster: Cluster, root: str, answer: Mapping[str, Any], silent: set[str]
) -> Iterable[Resource]:
    # Servers before 1.27 answer with names only: one more request per group and version.
    versions = answer.get("versions") or [
        each["groupVersion"] for group in answer.get("groups") or () for each in group.get("versions") or ()
    ]
    for name in versions:
        group, version = split_api_version(name)
        try:
            resources = (cluster.get(f"{root}/{name}", attempts=2) or {}).get("resources") or ()
        except TransientError:
            silent.add(name)
            continue
        for each in resources:
            if "/" not in each["name"]:
                yield Resource(
                    group,
                    version,
                    each["kind"],
                    each["name"],
                    bool(each["namespaced"]),
                    frozenset(each.get("verbs") or ()),
                )
