"""The images that kustomizations and charts really run, where they could be rendered.

What their sources say is only a guess: a template may take the tag from elsewhere, and a value may be for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from headway.domain.moving.found import Image, Unit, split_image
from headway.domain.moving.layout import Group

Render = Callable[[Sequence[Unit]], Sequence[Iterable[str] | None]]
"""Returns, of each unit, the images of what it renders to, as they are written there; None of one that does not."""


def not_rendered(units: Sequence[Unit]) -> Sequence[Iterable[str] | None]:
    """Render nothing."""
    return [None] * len(units)


def with_rendered_images(groups: Sequence[Group], render: Render) -> list[Group]:
    """Return applications with the images that their units render to, each at the place where its source says it."""
    units = {id(unit): unit for group in groups for slot in group.slots for unit in slot.units}
    rendered = render(list(units.values()))
    known = {key: _with_images(units[key], it) for key, it in zip(units, rendered, strict=True)}
    return [
        Group(
            group.root,
            tuple(replace(slot, units=tuple(known[id(it)] for it in slot.units)) for slot in group.slots),
        )
        for group in groups
    ]


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
