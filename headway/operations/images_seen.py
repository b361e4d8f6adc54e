"""Every image that an environment's files say: whose it is, where it stands, and which rule moves it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from headway.domain.images.reference import Image
from headway.domain.manifests.engines import is_artifact
from headway.domain.manifests.image_sites import FIELD, ImageSite
from headway.domain.manifests.index import FileIndex
from headway.domain.policy.gates import is_automatic
from headway.domain.releases.plans import service_of
from headway.domain.rules.tags import TagRule
from headway.operations.image_places import places
from headway.operations.snapshot import Snapshot

NAMED = 3
DIGITS = 12


@dataclass(frozen=True, slots=True)
class Seen:
    """One place of an image; `service` is empty where none has it, `line` 0 where a tool renders it.

    `rule` says which tags may come here and who releases them; `obstacle`, why a release cannot change it here.
    """

    image: Image
    service: str
    file: str
    line: int
    column: int
    used_by: tuple[str, ...]
    rule: str = ""
    obstacle: str = ""

    @property
    def place(self) -> str:
        """Its file and line."""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def short(self) -> str:
        """The image as a table shows it: a service's without its repository, any digest by its first digits."""
        named, _, digest = self.image.text.partition("@")
        said = self.image.tag if self.service else named
        pinned = f"@{digest.partition(':')[2][:DIGITS]}" if digest else ""
        return f"{said}{pinned}" or "no tag"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--output json` prints."""
        return {
            "image": self.image.text,
            "service": self.service or None,
            "file": self.file,
            "line": self.line or None,
            "column": self.column if self.line else None,
            "used_by": list(self.used_by),
            "rule": self.rule or None,
            "obstacle": self.obstacle or None,
        }


def images_seen(snapshot: Snapshot, name: str) -> list[Seen]:
    """Return the images of an environment, those of services first; what is rendered has the places of its sources."""
    found = [_seen(snapshot, name, index, site) for index in places(snapshot, name) for site in index.images]
    order = {service: at for at, service in enumerate(snapshot.config.services)}
    last = len(order)
    return sorted(found, key=lambda it: (order.get(it.service, last), it.image.text, it.file, it.line))


def ownerless(snapshot: Snapshot, name: str) -> list[Seen]:
    """Return the images of an environment that no service has; nothing is rendered for it."""
    indexes = snapshot.environment(name).indexes
    sites = ((index, site) for index in indexes for site in index.images if not is_artifact(site))
    return [it for it in (_seen(snapshot, name, *each) for each in sites) if not it.service]


def told(found: Iterable[Seen]) -> str:
    """Return one line about images that no service has: how many there are, and the first few."""
    first = {it.image: it for it in reversed(list(found))}
    images = list(reversed(first.values()))
    named = ", ".join(f"{it.short} ({it.place})" for it in images[:NAMED])
    more = f" and {len(images) - NAMED} more" if len(images) > NAMED else ""
    return f"{len(images)} of no service: {named}{more}"


def _seen(snapshot: Snapshot, name: str, index: FileIndex, site: ImageSite) -> Seen:
    config = snapshot.config
    service = service_of(config, site.image) or ""
    rule = config.rule(name, service) if service else None
    by = "automatic" if service and is_automatic(config, snapshot.holds, name, service) else "manual"
    words = f"{_words(rule)}, {by}" if rule is not None else "no rule"
    # What no source is known of has its line in what was rendered, where nobody finds it.
    rendered = bool(index.rendered) or (bool(site.obstacle) and not site.parts)
    return Seen(
        site.image,
        service,
        (index.edited or index.rendered or index.path),
        0 if rendered else site.line,
        0 if rendered else site.column,
        tuple(_user(use.kind, use.name, use.container, use.role) for use in site.uses),
        words if service else "",
        site.obstacle if service else "",
    )


def _words(rule: TagRule) -> str:
    """Return a rule as people wrote it; its order where its pattern does not say it already."""
    said = rule.words.startswith(f"{rule.order_words}:")
    return rule.words if said else f"{rule.words} by {rule.order_words}"


def _user(kind: str, name: str, container: str, role: str) -> str:
    return f"{kind}/{name}" + (f" {container}" if role == FIELD else f" ({container})" if container else "")
