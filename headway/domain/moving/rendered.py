"""The images that kustomizations and charts really run, where they could be rendered.

What their sources say is only a guess: a template may take the tag from elsewhere, and a value may be for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from headway.domain.moving.found import Image, Unit, split_image
from headway.domain.moving.layout import Group

Render = Callable[[Unit], Iterable[str] | None]
"""Returns the images of what a unit renders to, as they are written there; None where it could not be rendered."""


def not_rendered(unit: Unit) -> Iterable[str] | None:
    """Render nothing."""
    return None


def with_rendered_images(group: Group, render: Render) -> Group:
    """Return an application with the images that its units render to, each at the place where its source says it."""
    slots = [
        replace(slot, units=tuple(_with_images(unit, render(unit)) for unit in slot.units))
        for slot in group.slots
    ]
    return Group(group.root, tuple(slots))


def _with_images(unit: Unit, rendered: Iterable[str] | None) -> Unit:
    if rendered is None:
        return unit
    said = {it.name: it for it in unit.images}
    images: dict[str, Image] = {}
    for text in rendered:
        split = split_image(text)
        if split is None:
            continue
        image = Image(*split, unit.place)
        known = said.get(image.name)
        images.setdefault(image.name, image._replace(place=known.place) if known else image)
    return replace(unit, images=tuple(images.values()))
