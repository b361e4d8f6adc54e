"""Who wrote to an object: people's tools, other release tools, or controllers that belong there.

The API server keeps a name for each writer (`managedFields[].manager`). Tools and people leave
fields behind that nobody looks after; a controller's fields are its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headway.domain.objects.identity import MANAGER

_RELEASE_TOOLS = frozenset(
    {"argocd-controller", "argocd-application-controller", "kustomize-controller", "helm-controller"}
)
"""What puts manifests into clusters, and is called a controller all the same."""
_CONTROLLERS = (
    "-controller", "-controller-manager", "-operator", "-manager", "-webhook", "-injector", "-cainjector",
    "-scheduler", "-autoscaler", "-recommender", "-updater", "-provisioner", "-agent", "-server",
)  # fmt: skip
_CLUSTERS_OWN = frozenset(
    {
        "kube-apiserver", "apiserver", "kubelet", "kube-proxy", "etcd", "storage-version-migrator",
        "pilot-discovery", "istiod", "keda", "kyverno", "gatekeeper", "controller", "manager", "operator",
        "webhook", "before-first-apply",
    }
)  # fmt: skip


def named_in(manager: str, names: Iterable[str]) -> bool:
    """Return whether a field manager is one of those named; `kubectl` names `kubectl-edit` too."""
    return any(manager == name or manager.startswith(f"{name}-") for name in names)


def is_controller(manager: str) -> bool:
    """Return whether a field manager is a controller or the cluster itself, by its name."""
    name = manager.partition("/")[0].lower()
    if name in _RELEASE_TOOLS:
        return False
    return name in _CLUSTERS_OWN or name.endswith(_CONTROLLERS)


def is_ours(manager: str) -> bool:
    """Return whether a field manager is headway."""
    return named_in(manager, (MANAGER,))


def makers(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of those who wrote an object's fields, people and tools before controllers."""
    names = dict.fromkeys(
        str(entry.get("manager") or "?")
        for entry in meta.get("managedFields") or ()
        if not entry.get("subresource") and not is_ours(str(entry.get("manager")))
    )
    return tuple(sorted(names, key=is_controller))
