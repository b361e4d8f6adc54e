"""The containers of a workload that a document describes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from headway.domain.moving.documents import Document, Path, items_at, text_at
from headway.domain.moving.found import Place

_SPECS: tuple[Path, ...] = (
    ("spec",),
    ("spec", "template", "spec"),
    ("spec", "jobTemplate", "spec", "template", "spec"),
)


class Container(NamedTuple):
    """A container, its image as it is written, and its line."""

    name: str
    image: str
    place: Place
    init: bool = False


def containers(document: Document) -> Iterator[Container]:
    """Yield the containers of an object, init containers first."""
    for path in _SPECS:
        for field in ("initContainers", "containers"):
            for number, item in enumerate(items_at(document.value, *path, field)):
                image = text_at(item, "image")
                if image:
                    place = document.place(*path, field, number, "image")
                    yield Container(text_at(item, "name"), image, place, field != "containers")
