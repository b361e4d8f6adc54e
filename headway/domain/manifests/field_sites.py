"""The images that an object's fields say, with their places in the file: one scalar each, or a tag apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from yaml.nodes import Node, ScalarNode

from headway.domain.images.reference import Image
from headway.domain.manifests.image_fields import Found, ImageField
from headway.domain.manifests.image_sites import DIGEST, FIELD, TAG, ImageSite, ImageUse, Part
from headway.domain.text.yaml_nodes import scalar_span


def whole_images(
    node: Node, document: int, item: Mapping[str, Any], fields: Sequence[ImageField]
) -> Iterator[tuple[ScalarNode, ImageUse]]:
    """Yield the scalars of an object that say a whole image in one of the fields."""
    for field in fields:
        if not field.is_whole:
            continue
        for found in field.found(node):
            if isinstance(found.image, ScalarNode) and field.accepts(found.image.value):
                yield found.image, _use(document, item, found.place)


def images_apart(
    text: str, shift: int, node: Node, document: int, item: Mapping[str, Any], fields: Sequence[ImageField]
) -> Iterator[ImageSite]:
    """Yield the images of an object whose tag or digest stands apart from the name.

    `text` is what the nodes were read from, and `shift` what stands in the file before it.
    """
    for field in fields:
        if field.is_whole:
            continue
        for found in field.found(node):
            if (site := _apart(text, shift, found, _use(document, item, found.place))) is not None:
                yield site


def _apart(text: str, shift: int, found: Found, use: ImageUse) -> ImageSite | None:
    name, tag, digest = (
        it.value if isinstance(it, ScalarNode) else "" for it in (found.image, found.tag, found.digest)
    )
    image = Image(name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else ""))
    if not (name and (tag or digest)) or image.ref is None:
        return None
    parts = []
    if tag:
        parts.append(_part(text, shift, found.tag, TAG, pinned="@" in tag))
    if isinstance(found.digest, ScalarNode):
        parts.append(_part(text, shift, found.digest, DIGEST))
    first = parts[0]
    if any(it.text[:1] in ("|", ">") for it in parts):
        return None
    return ImageSite(image, first.start, first.end, first.line, first.column, (use,), tuple(parts))


def _part(text: str, shift: int, node: ScalarNode, role: str, *, pinned: bool = True) -> Part:
    start, end = scalar_span(text, node)
    line, column = node.start_mark.line + 1, node.start_mark.column + 1 + start - node.start_mark.index
    return Part("", start + shift, end + shift, line, column, role, text[start:end], pinned)


def _use(document: int, item: Mapping[str, Any], place: str) -> ImageUse:
    meta = item["metadata"]
    return ImageUse(document, item["kind"], str(meta.get("namespace") or ""), meta["name"], place, FIELD)
