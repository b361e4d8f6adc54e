"""Where the commits that tags name stand in their source branches."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

from headway.domain.config.reading import Config
from headway.domain.images.reference import Image
from headway.domain.rules.lookups import Key, commit_names, histories
from headway.domain.rules.tags import Refused, TagRule, commit_in
from headway.errors import HeadwayError
from headway.operations.connections import Connections
from headway.operations.snapshot import Snapshot

if TYPE_CHECKING:
    from headway.systems.git.source_history import Line

AT_ONCE = 8
"""So many source repos are read side by side: a Git host that does not answer delays no other."""


def read_histories(
    connections: Connections,
    snapshot: Snapshot,
    rules: Mapping[Key, TagRule],
    tags: Mapping[str, list[str]],
) -> tuple[dict[str, Line], dict[str, HeadwayError]]:
    """Return the history of each service whose tags are ordered by commit, and why not of others."""
    lines: dict[str, Line] = {}
    errors: dict[str, HeadwayError] = {}
    services = snapshot.config.services
    sources = {name: (it.source.repo, it.source.branch) for name, it in services.items() if it.source}
    wanted = histories(rules, sources, tags)
    if not wanted:
        return lines, errors

    def read(together: list[str]) -> Line | HeadwayError:
        source = services[together[0]].source
        assert source is not None
        # What was rolled back is asked for too: nothing older than it is picked, also when its tag is gone.
        vetoes = snapshot.holds.vetoes
        rolled_back = [it.tag for it in vetoes if it.and_older and it.service in together]
        names = commit_names([*(tag for service in together for tag in tags[service]), *rolled_back])
        try:
            return connections.history(source).line(names)
        except HeadwayError as error:
            return error

    with ThreadPoolExecutor(min(AT_ONCE, len(wanted)), thread_name_prefix="history") as pool:
        for together, line in zip(wanted.values(), pool.map(read, wanted.values()), strict=True):
            if isinstance(line, HeadwayError):
                errors.update(dict.fromkeys(together, line))
            else:
                lines.update(dict.fromkeys(together, line))
    return lines, errors


def source_of(
    connections: Connections, config: Config, service: str, image: Image
) -> tuple[str, datetime] | None:
    """Return the source commit that an image's tag names, and its time; None where that is not known.

    It is for the record only, so what cannot be reached is no error.
    """
    from headway.systems.git.source_history import time_of

    source = config.services[service].source
    try:
        names = commit_names([image.tag])
        if source is None or not names:
            return None
        line = connections.history(source).line(names)
    except HeadwayError:
        return None
    found = commit_in(image.tag, line.find)
    return None if isinstance(found, Refused) else (found, time_of(line, found))
