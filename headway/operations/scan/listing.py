"""Which tags there are: one request for each repository, and none for tags that a rule names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from headway.domain.images.reference import ImageRef
from headway.domain.rules.lookups import Key, exact_tags, listed_services
from headway.domain.rules.tags import TagRule
from headway.errors import HeadwayError

if TYPE_CHECKING:
    from headway.systems.registry.client import RegistryClient


def list_tags(
    registry: RegistryClient,
    rules: Mapping[Key, TagRule],
    images: Mapping[str, ImageRef],
    on_list: Callable[[str, list[str]], None],
) -> tuple[dict[str, list[str]], dict[str, HeadwayError]]:
    """Return the tags of services, and why not of others; `on_list` gets each list while others are waited for."""
    tags: dict[str, list[str]] = {}
    errors: dict[str, HeadwayError] = {}
    listed = listed_services(rules)
    services = {images[service].name: service for service in listed}

    def take(name: str, found: list[str] | HeadwayError) -> None:
        service = services[name]
        if isinstance(found, HeadwayError):
            errors[service] = found
            return
        tags[service] = found
        on_list(service, found)

    if listed:
        registry.scan_tags((images[it] for it in listed), take)
    for service, named in exact_tags(rules).items():
        tags.setdefault(service, named)
    return tags, errors
