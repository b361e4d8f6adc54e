"""Images that other engines' objects say: HelmRelease, Argo Application, Flux Kustomization, OCIRepository, HelmChart.

The engine that is there renders and rolls them out; here their scalars are found, to be seen and changed in place. As
no rendering shows whether a chart takes a digest behind its tag, only what has one already gets one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from headway.domain.images.reference import Image
from headway.domain.manifests.image_sites import DIGEST, FIELD, IMAGE, TAG, ImageSite, ImageUse, Part
from headway.domain.text.scalars import Keys, Scalar, scalars

KINDS = {
    "HelmRelease": "helm.toolkit.fluxcd.io",
    "Kustomization": "kustomize.toolkit.fluxcd.io",
    "OCIRepository": "source.toolkit.fluxcd.io",
    "HelmChart": "helm.cattle.io",
    "HelmChartConfig": "helm.cattle.io",
    "Application": "argoproj.io",
    "ApplicationSet": "argoproj.io",
}
_VALUES = frozenset({"values", "valuesObject", "valuesContent"})
_SOURCE = re.compile(r"(?:^|\.)(?:source|sources\.\d+)$")
Group = Mapping[str, Scalar]


def engine_sites(data: bytes, objects: Iterable[tuple[int, Mapping[str, Any]]]) -> list[ImageSite]:
    """Return the images that a file's objects of other engines say; `objects` are its own, by their document."""
    mine = {document: item for document, item in objects if _is_engines(item)}
    if not mine:
        return []
    groups: dict[tuple[int, Keys], dict[str, Scalar]] = {}
    for it in scalars("", data):
        if it.document in mine and it.keys[:1] == ("spec",):
            groups.setdefault((it.document, it.keys[:-1]), {})[str(it.keys[-1])] = it
    found: list[ImageSite] = []
    for (document, keys), group in groups.items():
        item = mine[document]
        url = groups.get((document, ("spec",)), {}).get("url")
        if item["kind"] == "OCIRepository":
            name = url.value.removeprefix("oci://") if url is not None and keys == ("spec", "ref") else ""
            said = _apart(name, group.get("tag"), group.get("digest"), pinned=False)
        else:
            said = _images(str(item["kind"]), keys, group)
        found += [site_of(image, parts, document, item, ".".join(map(str, keys))) for image, parts in said]
    for document, item in mine.items():
        for image, parts, keys in _parameters(document, groups):
            found.append(site_of(image, parts, document, item, ".".join(map(str, keys))))
    return sorted(found, key=lambda it: it.start)


def is_artifact(site: ImageSite) -> bool:
    """Return whether a site names a chart or another artifact that an engine fetches, and no image that pods run."""
    return all(
        it.role == FIELD
        and (
            it.kind == "OCIRepository"
            or (it.kind in ("Application", "ApplicationSet") and _SOURCE.search(it.container) is not None)
        )
        for it in site.uses
    )


def _is_engines(item: Mapping[str, Any]) -> bool:
    group = KINDS.get(str(item.get("kind")))
    return group is not None and str(item.get("apiVersion", "")).startswith(f"{group}/")


def _images(kind: str, keys: Keys, group: Group) -> Iterator[tuple[str, list[Part]]]:
    if keys[-1:] == ("images",) and "kustomize" in keys:
        yield from ((it.value.rpartition("=")[2], [_part(it, IMAGE)]) for it in group.values())
    elif keys[-2:-1] == ("images",) and (kind == "Kustomization" or "kustomize" in keys):
        name = group.get("newName") or group.get("name")
        if name is not None:
            yield from _apart(name.value, group.get("newTag"), group.get("digest"), pinned=True)
    elif _VALUES.intersection(map(str, keys[1:])):
        yield from of_values(group)
    elif kind in ("Application", "ApplicationSet"):
        yield from _artifact(group)


def _artifact(source: Group) -> Iterator[tuple[str, list[Part]]]:
    """Yield the artifact in a registry that a source of Argo CD names: a chart there, or an `oci://` address."""
    url, revision, chart = source.get("repoURL"), source.get("targetRevision"), source.get("chart")
    if url is None or revision is None or "://" in url.value.removeprefix("oci://"):
        return
    if chart is None and not url.value.startswith("oci://"):
        return
    name = "/".join([url.value.removeprefix("oci://").rstrip("/"), *([chart.value] if chart else [])])
    by_digest = revision.value.startswith("sha256:")
    tag, digest = (None, revision) if by_digest else (revision, None)
    # A range of versions is nobody's tag.
    yield from (it for it in _apart(name, tag, digest, pinned=False) if Image(it[0]).ref is not None)


def of_values(group: Group) -> Iterator[tuple[str, list[Part]]]:
    """Yield the images that one map of a chart's values says: whole, or a repository and a tag."""
    repository, whole = group.get("repository"), group.get("image")
    if repository is not None:
        registry = group.get("registry")
        name = f"{registry.value}/{repository.value}" if registry and registry.value else repository.value
        yield from _apart(name, group.get("tag"), group.get("digest"), pinned=False)
    elif whole is not None and _has_tag(whole.value):
        yield whole.value, [_part(whole, IMAGE, pinned="@" in whole.value)]


def _apart(
    name: str, tag: Scalar | None, digest: Scalar | None, *, pinned: bool
) -> Iterator[tuple[str, list[Part]]]:
    """Yield the image that a name with a tag and a digest says, each in its own scalar."""
    said, pin = tag.value if tag else "", digest.value if digest else ""
    if not name or not (said or pin):
        return
    parts = []
    if tag is not None and said:
        parts.append(_part(tag, TAG, pinned=pinned or "@" in said))
    if digest is not None:
        parts.append(_part(digest, DIGEST))
    yield name + (f":{said}" if said else "") + (f"@{pin}" if pin else ""), parts


def _parameters(
    document: int, groups: Mapping[tuple[int, Keys], Group]
) -> Iterator[tuple[str, list[Part], Keys]]:
    """Yield the images of `helm.parameters`: those with names that end in `repository` and `tag`."""
    lists: dict[Keys, dict[str, Scalar]] = {}
    for (at, keys), group in groups.items():
        if at == document and keys[-3:-1] == ("helm", "parameters") and "name" in group and "value" in group:
            lists.setdefault(keys[:-1], {})[group["name"].value] = group["value"]
    for keys, named in lists.items():
        for name, value in named.items():
            before, _, last = name.rpartition("repository")
            if last or not name.endswith("repository"):
                continue
            tag, digest = named.get(f"{before}tag"), named.get(f"{before}digest")
            for image, parts in _apart(value.value, tag, digest, pinned=False):
                yield image, parts, keys


def _has_tag(value: str) -> bool:
    return Image(value).ref is not None and bool(Image(value).tag or Image(value).digest)


def _part(it: Scalar, role: str, *, pinned: bool = True) -> Part:
    return Part("", it.start, it.end, it.line, it.column, role, it.text, pinned)


def site_of(image: str, parts: list[Part], document: int, item: Mapping[str, Any], place: str) -> ImageSite:
    """Return the site of an image that a field of an object says in parts."""
    meta = item["metadata"]
    use = ImageUse(document, item["kind"], str(meta.get("namespace") or ""), meta["name"], place, FIELD)
    first = parts[0]
    return ImageSite(Image(image), first.start, first.end, first.line, first.column, (use,), tuple(parts))
