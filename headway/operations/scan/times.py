"""When images were made, for rules that order tags by that, and why a tag that is listed names no image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from headway.domain.images.facts import ImageFacts
from headway.domain.images.reference import ImageRef
from headway.domain.rules.lookups import Key, dated_images
from headway.domain.rules.tags import Refused, TagRule
from headway.errors import HeadwayError, UsageError

if TYPE_CHECKING:
    from headway.systems.registry.client import RegistryClient

Times = dict[tuple[str, str], dict[str, ImageFacts | Refused]]
"""By service and platform, then by tag."""


def read_times(
    registry: RegistryClient,
    rules: Mapping[Key, TagRule],
    tags: Mapping[str, list[str]],
    images: Mapping[str, ImageRef],
) -> tuple[Times, dict[str, HeadwayError]]:
    """Return what is known of each tag that is ordered by its image's time, and why nothing is of other services."""
    times: Times = {}
    errors: dict[str, HeadwayError] = {}
    for (platform, mutable), wanted in dated_images(rules, tags, images).items():
        for image, facts in registry.scan_facts(wanted, fresh=mutable, platform=platform).items():
            service = wanted[image]
            if isinstance(facts, HeadwayError) and not isinstance(facts, UsageError):
                errors[service] = facts
                continue
            known = refused(facts) if isinstance(facts, UsageError) else facts
            times.setdefault((service, platform), {})[image.tag or ""] = known
    return times, errors


def refused(error: HeadwayError) -> Refused:
    """Return why a tag that is listed cannot be released: it names something else, or it was deleted since."""
    from headway.systems.registry.client import NotAnImage

    if isinstance(error, NotAnImage):
        return Refused(f"is {error.what}, not an image")
    return Refused(f"is listed, and then not there: {error.message}")
