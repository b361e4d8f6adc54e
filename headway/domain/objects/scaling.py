"""Replicas that an autoscaler looks after: who targets what, and where the repo fights it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headway.domain.objects.fields import owns_replicas
from headway.domain.objects.identity import ObjectId, id_of, split_api_version

_DEFAULTS = {
    ("autoscaling", "HorizontalPodAutoscaler"): ("apps/v1", ""),
    ("keda.sh", "ScaledObject"): ("apps/v1", "Deployment"),
}
"""Each autoscaler's apiVersion and kind for a target that does not say its own."""


def scale_targets(objects: Iterable[Mapping[str, Any]], namespace: str = "") -> dict[ObjectId, ObjectId]:
    """Return what the autoscalers among these objects scale: target → autoscaler.

    `namespace` is where objects are that name none.
    """
    found: dict[ObjectId, ObjectId] = {}
    for item in objects:
        scaler = id_of(item, namespace)
        if (scaler.group, scaler.kind) not in _DEFAULTS:
            continue
        version, kind = _DEFAULTS[scaler.group, scaler.kind]
        spec = item.get("spec")
        target = spec.get("scaleTargetRef") if isinstance(spec, dict) else None
        if not isinstance(target, dict):
            continue
        group, _ = split_api_version(str(target.get("apiVersion") or version))
        named = ObjectId(group, str(target.get("kind") or kind), scaler.namespace, str(target.get("name")))
        found.setdefault(named, scaler)
    return found


def gives_up_replicas(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Return whether headway set an object's replicas, more than none, and its manifest leaves them open now."""
    spec = wanted.get("spec")
    if not isinstance(spec, dict) or "replicas" in spec or not owns_replicas(live.get("metadata") or {}):
        return False
    return bool((live.get("spec") or {}).get("replicas"))


def fought(
    manifests: Mapping[ObjectId, Mapping[str, Any]], targets: Mapping[ObjectId, ObjectId]
) -> list[tuple[ObjectId, str]]:
    """Return the manifests that say replicas although an autoscaler sets them, each with what that leads to."""
    return [
        (
            key,
            f"{key} says replicas: {item['spec']['replicas']}, and {scaler.kind}/{scaler.name} scales it: each "
            f"reconcile undoes what the autoscaler did; leave `replicas` out of the manifest",
        )
        for key, scaler in targets.items()
        if (item := manifests.get(key)) is not None
        and isinstance(item.get("spec"), dict)
        and item["spec"].get("replicas") is not None
    ]
