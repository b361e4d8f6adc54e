"""Plain folders: manifests that are applied as they stand, at any depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headway.domain.manifests.engines import is_artifact
from headway.domain.moving.documents import Document, Repo, at, text_at
from headway.domain.moving.found import Found, Image, Place, Unit, split_image
from headway.domain.objects.identity import ObjectId, id_of

_TEXTS = (".yaml", ".yml", ".json")
_FLUX_ITSELF = ("gotk-components.yaml", "gotk-components.yml")


def read_plain(repo: Repo, rendered: frozenset[str], found: Found) -> None:
    """Add a unit for each folder with manifests that carry an image, but those that a tool reads."""
    for folder, files in repo.folders.items():
        if folder in rendered or folder in repo.charts or repo.in_chart(f"{folder}/x" if folder else "x"):
            continue
        manifests = [it for it in files if it.endswith(_TEXTS) and it.rpartition("/")[2] not in _FLUX_ITSELF]
        images: dict[str, Image] = {}
        objects: set[ObjectId] = set()
        namespaces: list[tuple[str, Place]] = []
        for path in manifests:
            for image in images_of(repo, path):
                images.setdefault(image.name, image)
            objects |= objects_of(repo, path)
            namespaces += namespaces_of(repo, path)
        if images:
            place = Place(next(iter(images.values())).place.file)
            found.units.append(
                Unit(
                    folder,
                    "plain",
                    place,
                    tuple(images.values()),
                    frozenset(objects),
                    tuple(namespaces),
                    frozenset(manifests),
                )
            )


def images_of(repo: Repo, path: str) -> list[Image]:
    """Return the images that a file's containers run, and those in the values of a HelmRelease."""
    found = []
    if not path.endswith(_TEXTS):
        return []
    for site in repo.index(path).images:
        split = split_image(site.image.text)
        if split is not None and not is_artifact(site):
            found.append(Image(*split, Place(path, site.line)))
    for document in repo.documents(path) if b"HelmRelease" in repo.files[path] else ():
        if document.group == "helm.toolkit.fluxcd.io" and document.kind == "HelmRelease":
            values = at(document.value, "spec", "values")
            found += values_images(document, values if isinstance(values, dict) else {}, ("spec", "values"))
    return found


def values_images(
    document: Document, values: Mapping[str, Any], above: tuple[str | int, ...] = ()
) -> list[Image]:
    """Return the images that a chart's values say: `repository` with `tag` and perhaps `registry`, or `image`."""
    return list(_in_values(document, values, above))


def _in_values(document: Document, value: Any, above: tuple[str | int, ...]) -> Iterator[Image]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _in_values(document, item, (*above, number))
        return
    if not isinstance(value, dict):
        return
    repository = text_at(value, "repository")
    if repository and (
        "tag" in value or "digest" in value or (above and str(above[-1]).lower().endswith("image"))
    ):
        registry = text_at(value, "registry")
        whole = f"{registry}/{repository}" if registry else repository
        split = split_image(whole)
        if split is not None and "://" not in whole:
            tag = value.get("tag")
            yield Image(
                split[0],
                str(tag) if tag not in (None, "") else split[1],
                document.place(*above, "repository"),
            )
    for key, item in value.items():
        if isinstance(item, str) and str(key).lower().endswith("image") and ("/" in item or ":" in item):
            split = split_image(item)
            if split is not None:
                yield Image(*split, document.place(*above, key))
        else:
            yield from _in_values(document, item, (*above, key))


def objects_of(repo: Repo, path: str) -> frozenset[ObjectId]:
    """Return the names of the objects in a file."""
    return (
        frozenset(id_of(it.object) for it in repo.index(path).manifests)
        if path.endswith(_TEXTS)
        else frozenset()
    )


def namespaces_of(repo: Repo, path: str) -> list[tuple[str, Place]]:
    """Return the namespaces that a file's objects name, each with the object's line."""
    return [
        (namespace, Place(path, it.line))
        for it in repo.index(path).manifests
        if (namespace := text_at(it.object, "metadata", "namespace"))
    ]
