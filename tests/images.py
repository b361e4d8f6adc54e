"""Changes of images as values, for tests that write and read them as text."""

from __future__ import annotations

from collections.abc import Iterable

from headway.domain.images.reference import Image
from headway.domain.releases.message import Triple


def moved(service: str, old: str, new: str) -> Triple:
    """Return the change of a service's image from one text to another."""
    return service, Image(old), Image(new)


def spelled(changes: Iterable[Triple]) -> tuple[tuple[str, str, str], ...]:
    """Return changes as texts: service, old image, new image."""
    return tuple((service, old.text, new.text) for service, old, new in changes)
