"""Values of charts that stand in ConfigMaps: a HelmRelease names them in `valuesFrom`, and another file may hold them.

What a ConfigMap says is an image only where a HelmRelease of the same environment reads it. So it is kept with its
file, and taken for one once all files of the environment are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from headway.domain.manifests.engines import KINDS, of_values, site_of
from headway.domain.manifests.image_sites import FIELD, ImageSite, ImageUse
from headway.domain.text.scalars import Keys, Scalar, scalars

if TYPE_CHECKING:
    from headway.domain.manifests.index import FileIndex, Manifest

DEFAULT_KEY = "values.yaml"
_HINTS = ("repository:", "image:")


@dataclass(frozen=True, slots=True)
class ValuesSite:
    """An image in the YAML that a ConfigMap has at a key."""

    namespace: str
    name: str
    key: str
    site: ImageSite


class Reference(NamedTuple):
    """What a HelmRelease reads values from."""

    kind: str
    namespace: str
    name: str
    key: str
    whole: bool


def values_sites(data: bytes, objects: Iterable[tuple[int, Mapping[str, Any]]]) -> list[ValuesSite]:
    """Return the images in the YAML that a file's ConfigMaps have as text; `objects` are its own, by their document."""
    mine = {document: item for document, item in objects if _may_hold_values(item)}
    if not mine:
        return []
    groups: dict[tuple[int, Keys], dict[str, Scalar]] = {}
    for it in scalars("", data):
        if it.document in mine and it.keys[:1] == ("data",) and len(it.keys) > 2:
            groups.setdefault((it.document, it.keys[:-1]), {})[str(it.keys[-1])] = it
    found = []
    for (document, keys), group in groups.items():
        item = mine[document]
        meta, key = item["metadata"], str(keys[1])
        place = ".".join(("data", key, *map(str, keys[2:])))
        for image, parts in of_values(group):
            site = site_of(image, parts, document, item, place)
            found.append(ValuesSite(str(meta.get("namespace") or ""), meta["name"], key, site))
    return found


def _may_hold_values(item: Mapping[str, Any]) -> bool:
    if (item.get("apiVersion"), item.get("kind")) != ("v1", "ConfigMap"):
        return False
    values = item.get("data")
    texts = values.values() if isinstance(values, Mapping) else ()
    return any(isinstance(it, str) and "\n" in it and any(hint in it for hint in _HINTS) for it in texts)


def references(item: Mapping[str, Any], namespace: str) -> Iterator[Reference]:
    """Yield what a HelmRelease reads values from, each with its namespace."""
    group = str(item.get("apiVersion", "")).rpartition("/")[0]
    if item.get("kind") != "HelmRelease" or group != KINDS["HelmRelease"]:
        return
    spec = item.get("spec")
    listed = spec.get("valuesFrom") if isinstance(spec, Mapping) else None
    own = str(item["metadata"].get("namespace") or namespace)
    for it in listed if isinstance(listed, list) else ():
        if isinstance(it, Mapping):
            key = str(it.get("valuesKey") or DEFAULT_KEY)
            yield Reference(str(it.get("kind")), own, str(it.get("name")), key, not it.get("targetPath"))


def with_values(indexes: Iterable[FileIndex], namespace: str) -> list[FileIndex]:
    """Return indexes with the images that a HelmRelease reads from their ConfigMaps.

    What names no namespace is in `namespace`.
    """
    indexes = list(indexes)
    if not any(it.values for it in indexes):
        return indexes
    readers: dict[tuple[str, str, str], list[Manifest]] = {}
    for manifest in (it for index in indexes for it in index.manifests):
        for it in references(manifest.object, namespace):
            if it.kind == "ConfigMap" and it.whole:
                readers.setdefault((it.namespace, it.name, it.key), []).append(manifest)

    def then(index: FileIndex) -> FileIndex:
        found = [
            replace(it.site, uses=(*it.site.uses, *(_use(reader, it.site) for reader in read)))
            for it in index.values
            if (read := readers.get((it.namespace or namespace, it.name, it.key)))
        ]
        if not found:
            return index
        lines = {(it.line, it.image) for it in found}
        images = sorted((*index.images, *found), key=lambda it: it.start)
        left = tuple(it for it in index.mentions if (it.line, it.image) not in lines)
        return replace(index, images=tuple(images), mentions=left)

    return [then(it) for it in indexes]


def unedited(indexes: Iterable[FileIndex], namespace: str) -> Iterator[tuple[Manifest, str]]:
    """Yield the HelmReleases that read values which headway does not edit, each with what it is and why."""
    indexes = list(indexes)
    there = {
        (str(meta.get("namespace") or namespace), meta["name"])
        for index in indexes
        for it in index.manifests
        if it.object["kind"] == "ConfigMap" and (meta := it.object["metadata"])
    }
    for manifest in (it for index in indexes for it in index.manifests):
        for it in references(manifest.object, namespace):
            if it.kind != "ConfigMap":
                yield manifest, f"{it.kind} {it.name}: the values of Secrets are not read"
            elif (it.namespace, it.name) not in there:
                yield manifest, f"ConfigMap {it.name}: it is not in the environment's files"
            elif not it.whole:
                yield manifest, f"ConfigMap {it.name}, key {it.key}: it is a single value for a targetPath"


def _use(reader: Manifest, site: ImageSite) -> ImageUse:
    meta = reader.object["metadata"]
    place = f"valuesFrom {site.uses[0].container.removeprefix('data.')}"
    return ImageUse(
        reader.document, "HelmRelease", str(meta.get("namespace") or ""), meta["name"], place, FIELD
    )
