"""What is taken back is vetoed in the same commit, so that automation never brings it again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from headway.connections import Connections
from headway.domain.holds import FILE, Veto, stamp
from headway.domain.images import ImageRef, InvalidImage
from headway.errors import ConfigError, HeadwayError

WHY_LENGTH = 200


def vetoed(
    connections: Connections,
    head: str,
    environment: str,
    changes: Iterable[tuple[str, str, str]],
    why: str,
    by: str,
) -> dict[str, bytes]:
    """Give the holds.yaml that vetoes the old image of each change (service, old, new) in an environment.

    A holds.yaml that cannot be read is left as it is: nothing automatic happens while it is so.
    """
    try:
        holds = connections.holds(head)
    except ConfigError:
        return {}
    now, line = stamp(datetime.now(UTC)), " ".join(why.split())[:WHY_LENGTH]
    facts = []
    for service, old, new in changes:
        image, digest = _pinned(connections, old)
        if image is not None and digest and digest != _pinned(connections, new)[1]:
            facts.append(Veto(environment, service, digest, image.tag or "", True, by, now, line))
    return {FILE: holds.put(facts).write()} if facts else {}


def _pinned(connections: Connections, value: str) -> tuple[ImageRef | None, str]:
    """Read an image value and the digest it means: the one it pins, or what the registry has for its tag."""
    try:
        image = ImageRef.parse(value)
    except InvalidImage:
        return None, ""
    if image.digest:
        return image, image.digest
    try:
        return image, connections.registry.resolve(image)
    except HeadwayError:
        return image, ""
