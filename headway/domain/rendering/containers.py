"""The containers of rendered objects, and what differs between two renderings, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headway.domain.manifests.image_sites import DIGEST, FIELD, ImageSite, ImageUse

Item = Mapping[str, Any]
Field = tuple[str | int, ...]

_ROLES = (("initContainers", "init"), ("containers", "container"), ("ephemeralContainers", "ephemeral"))
_PODS: tuple[tuple[str, ...], ...] = (
    ("spec", "template", "spec"),
    ("spec", "jobTemplate", "spec", "template", "spec"),
    ("template", "spec"),
)
ABSENT = object()
"""Stands for a field that one of two objects has not."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a rendered object: `document` is the object's number, `field` leads to its image.

    Other fields that say images are taken for containers, too, named by their path. A digest may follow the tag where
    it can be `pinned`.
    """

    document: int
    item: Item
    field: Field
    name: str
    role: str
    image: str
    pinned: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs between two renderings of a unit; a whole object where `field` is empty."""

    item: Item
    field: Field
    before: Any
    after: Any

    @property
    def object(self) -> str:
        """The object's kind and name, with its namespace where it names one."""
        return "/".join(it for it in identity(self.item)[1:] if it)


def identity(item: Item) -> tuple[str, str, str, str]:
    """Return what tells an object from the others: its group, kind, namespace and name."""
    meta = item.get("metadata")
    said = meta if isinstance(meta, dict) else {}
    group = str(item.get("apiVersion", "")).rpartition("/")[0]
    return group, str(item.get("kind", "")), str(said.get("namespace") or ""), str(said.get("name") or "")


def flat(objects: Iterable[Item]) -> list[Item]:
    """Return the objects, those in a List one by one."""
    found: list[Item] = []
    for item in objects:
        items = item.get("items")
        if str(item.get("kind", "")).endswith("List") and isinstance(items, list):
            found += flat(it for it in items if isinstance(it, dict))
        else:
            found.append(item)
    return found


def containers(objects: Iterable[Item]) -> Iterator[Container]:
    """Yield every container that has an image."""
    for document, item in enumerate(flat(objects)):
        for pod in (("spec",),) if item.get("kind") == "Pod" else _PODS:
            spec: Any = item
            for key in pod:
                spec = spec.get(key) if isinstance(spec, dict) else None
            for role_field, role in _ROLES if isinstance(spec, dict) else ():
                listed = spec.get(role_field)
                for place, each in enumerate(listed if isinstance(listed, list) else ()):
                    image = each.get("image") if isinstance(each, dict) else None
                    if isinstance(image, str) and image:
                        field: Field = (*pod, role_field, place, "image")
                        yield Container(document, item, field, str(each.get("name") or ""), role, image)


def fields_in(images: Iterable[ImageSite], *, every: bool = False) -> list[Container]:
    """Return the fields of a rendering's sites that are no containers.

    Of a ConfigMap that others read values from, only those that read it, since its own name may be another one after
    each change; with `every`, itself too.
    """
    return [
        Container(
            use.document,
            {"kind": use.kind, "metadata": {"name": use.name, "namespace": use.namespace}},
            (use.container,),
            use.container,
            use.role,
            site.image.text,
            not site.parts or any(it.pinned for it in site.parts if it.role != DIGEST),
        )
        for site in images
        for use in _fields_of(site, every)
    ]


def _fields_of(site: ImageSite, every: bool) -> list[ImageUse]:
    found = [it for it in site.uses if it.role == FIELD]
    readers = [] if every else [it for it in found if it.kind != "ConfigMap"]
    return readers or found


def differences(before: Iterable[Item], after: Iterable[Item]) -> list[Difference]:
    """Return the fields that differ, and the objects that only one of two renderings has."""
    then: dict[tuple[str, str, str, str], list[Item]] = {}
    for item in flat(after):
        then.setdefault(identity(item), []).append(item)
    found: list[Difference] = []
    for item in flat(before):
        same = then.get(identity(item))
        if not same:
            found.append(Difference(item, (), item, ABSENT))
            continue
        other = same.pop(0)
        found += [Difference(item, field, one, two) for field, one, two in _fields(item, other, ())]
    found += [Difference(item, (), ABSENT, item) for left in then.values() for item in left]
    return found


def _fields(one: Any, two: Any, above: Field) -> Iterator[tuple[Field, Any, Any]]:
    if isinstance(one, dict) and isinstance(two, dict):
        for key in {**one, **two}:
            yield from _fields(one.get(key, ABSENT), two.get(key, ABSENT), (*above, key))
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for place, (each, other) in enumerate(zip(one, two, strict=True)):
            yield from _fields(each, other, (*above, place))
    elif type(one) is not type(two) or one != two:
        yield above, one, two
