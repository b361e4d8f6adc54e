"""What a scan must ask, so that it asks each repository, history and tag once: worked out from the rules alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from headway.domain.images.facts import ImageFacts
from headway.domain.images.reference import ImageRef
from headway.domain.rules.picks import Question
from headway.domain.rules.tags import Position, Refused, TagRule

Key = tuple[str, str]
"""An environment and a service."""
Kind = tuple[str, bool]
"""For which platform a tag is looked up, and whether it may have come to mean something else."""
Source = tuple[str, str]
"""A source repo and its branch."""

_SHA = re.compile(r"[0-9a-f]{7,40}")
_SEPARATORS = re.compile(r"[-_.]")


def exact_tags(rules: Mapping[Key, TagRule]) -> dict[str, list[str]]:
    """Return, by service, the tags that rules name exactly: no list is asked for to know them."""
    named: dict[str, dict[str, None]] = {}
    for (_, service), rule in rules.items():
        if rule.order == "exact":
            named.setdefault(service, {}).update(dict.fromkeys(rule.exact))
    return {service: list(tags) for service, tags in named.items()}


def listed_services(rules: Mapping[Key, TagRule]) -> list[str]:
    """Return the services whose repositories must be listed."""
    return list(dict.fromkeys(service for (_, service), rule in rules.items() if rule.order != "exact"))


def ranked_by_name(rules: Mapping[Key, TagRule], service: str) -> list[TagRule]:
    """Return the rules of a service that need to know nothing of its tags but their names."""
    return [
        rule
        for (_, each), rule in rules.items()
        if each == service and rule.order not in ("commit", "created", "exact")
    ]


def histories(
    rules: Mapping[Key, TagRule], sources: Mapping[str, Source], listed: Collection[str]
) -> dict[Source, list[str]]:
    """Return the source branches that order tags by commit, each with those of its services that are `listed`."""
    found: dict[Source, dict[str, None]] = {}
    for (_, service), rule in rules.items():
        if rule.order == "commit" and service in sources and service in listed:
            found.setdefault(sources[service], {})[service] = None
    return {source: list(services) for source, services in found.items()}


def dated_images(
    rules: Mapping[Key, TagRule], tags: Mapping[str, Iterable[str]], images: Mapping[str, ImageRef]
) -> dict[Kind, dict[ImageRef, str]]:
    """Return the images that are ordered by when they were made, each with its service.

    When an index was made is when its image for the rule's platform was, so they are asked for by platform.
    """
    found: dict[Kind, dict[ImageRef, str]] = {}
    for (_, service), rule in rules.items():
        if rule.order != "created" or service not in tags:
            continue
        wanted = found.setdefault((rule.platform, rule.mutable), {})
        for tag in tags[service]:
            if not isinstance(rule.taken(tag), Refused):
                wanted[images[service].pinned(tag, None)] = service
    return found


def missing_digests(
    needs: Mapping[Key, Iterable[str]], questions: Mapping[Key, Question], images: Mapping[str, ImageRef]
) -> dict[Kind, dict[ImageRef, list[Key]]]:
    """Return the tags whose digests are missing, each once, with the questions that wait for it."""
    found: dict[Kind, dict[ImageRef, list[Key]]] = {}
    for key, tags in needs.items():
        rule = questions[key].ranking.rule
        wanted = found.setdefault((rule.platform, rule.mutable), {})
        for tag in tags:
            wanted.setdefault(images[key[1]].pinned(tag, None), []).append(key)
    return found


def commit_names(tags: Iterable[str]) -> set[str]:
    """Return the parts of tags that may be a commit's SHA-1, whole or shortened."""
    return {part for tag in tags for part in _SEPARATORS.split(tag) if _SHA.fullmatch(part)}


def without_source(sha: str) -> Refused:
    """Refuse to place a commit: the service does not say where its source is."""
    return Refused("cannot be ordered by commit: the service has no `source` in headway.yaml")


def by_time(facts: Mapping[str, ImageFacts | Refused]) -> Position:
    """Return what orders tags by when their images were made; Refused for one of which that is not known."""

    def created(tag: str) -> datetime | Refused:
        known = facts.get(tag)
        if isinstance(known, Refused):
            return known
        if known is None or known.created is None:
            return Refused("has no creation time")
        return known.created

    return created
