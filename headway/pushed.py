"""Which services a person's own push changed: what its message does not say, its images do."""

from __future__ import annotations

from headway.connections import Connections
from headway.desired import Desired
from headway.domain.config import Config
from headway.domain.history import Entry
from headway.domain.plans import images_of
from headway.errors import HeadwayError


def services_pushed(connections: Connections, config: Config, entry: Entry) -> set[str]:
    """Name the services whose images differ between a commit and the one before, where it changed environments."""
    if not entry.parents:
        return set(config.services)
    found: set[str] = set()
    for name in entry.environments:
        before, after = (_images(connections, config, name, it) for it in (entry.parents[0], entry.commit))
        found |= {it for it in before.keys() | after.keys() if before.get(it) != after.get(it)}
    return found


def _images(connections: Connections, config: Config, name: str, commit: str) -> dict[str, tuple[str, ...]]:
    """Give the images of an environment; none where it was not there or cannot be read."""
    try:
        return images_of(config, Desired(connections, config, name, commit).indexes)
    except HeadwayError:
        return {}
