"""Which image digest each container of a workload should run, read from the manifests.

Only what a manifest pins counts: a container with a tag alone has no planned digest,
and nothing is promised about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from headway.domain.images.reference import Image
from headway.domain.objects.identity import ObjectId, id_of

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest

Planned = Mapping[ObjectId, Mapping[str, str]]


def pod_spec(item: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the pod spec of a workload: its own, its template's, or its job template's."""
    spec = item.get("spec")
    if not isinstance(spec, dict):
        return None
    if item.get("kind") == "Pod":
        return spec
    if isinstance(job := spec.get("jobTemplate"), dict):
        spec = job.get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    found = template.get("spec") if isinstance(template, dict) else None
    return found if isinstance(found, dict) and "containers" in found else None


def containers_of(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a pod spec's containers, the init containers first; a custom kind's `containers` may be something else."""
    lists = [spec.get("initContainers"), spec.get("containers")]
    return [each for some in lists if isinstance(some, list) for each in some if isinstance(each, dict)]


def images_in(spec: Mapping[str, Any] | None) -> list[Image]:
    """Return the images of a pod spec's containers, in their order; none where there is no pod spec."""
    return [Image(str(each.get("image", ""))) for each in containers_of(spec or {})]


def digest_of(image: str) -> str | None:
    """Return the digest in an image reference or a runtime's image id: `sha256:…` after the `@`."""
    _, at, digest = image.rpartition("@")
    return digest if at and ":" in digest else None


def planned_digests(manifests: Iterable[Manifest], namespace: str = "") -> dict[ObjectId, dict[str, str]]:
    """Return each workload's containers and the digests they are pinned to.

    A manifest without a namespace is named in `namespace`; CronJobs are left out,
    since what they run is started later.
    """
    found: dict[ObjectId, dict[str, str]] = {}
    for manifest in manifests:
        spec = pod_spec(manifest.object)
        if spec is None or manifest.object.get("kind") == "CronJob":
            continue
        digests = {
            each["name"]: digest
            for each in containers_of(spec)
            if isinstance(each.get("name"), str) and (digest := digest_of(str(each.get("image", ""))))
        }
        if digests:
            found[id_of(manifest.object, namespace)] = digests
    return found


def planned_for(planned: Planned, workload: ObjectId) -> Mapping[str, str]:
    """Look up a workload's digests, also where the plan names no namespace."""
    return planned.get(workload) or planned.get(workload.placed("")) or {}
