"""What a shell offers after TAB: environments, services, tags and releases, as they were last looked at.

The config repo is fetched the first time only, so that an answer comes at once; the registry has two seconds.
Whatever goes wrong, nothing is offered: a completion says nothing and breaks nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from headway.errors import HeadwayError

if TYPE_CHECKING:
    from headway.domain.images.reference import ImageRef
    from headway.operations.connections import Connections
    from headway.operations.snapshot import Snapshot

SECONDS = 2.0
"""How long the registry is waited for."""
RELEASES = 30
T = TypeVar("T")


def environments(incomplete: str) -> list[str]:
    """Return the environments that begin so."""
    return _offered(lambda _, snapshot: _fitting(snapshot.config.environments, incomplete))


def services(incomplete: str) -> list[str]:
    """Return the services that begin so."""
    return _offered(lambda _, snapshot: _fitting(snapshot.config.services, incomplete))


def services_and_environments(incomplete: str) -> list[str]:
    """Return the services and environments that begin so."""
    return _offered(
        lambda _, snapshot: _fitting([*snapshot.config.services, *snapshot.config.environments], incomplete)
    )


def images(incomplete: str) -> list[str]:
    """Return `SERVICE=`, and behind it the registry's tags that begin so."""
    name, equals, begun = incomplete.partition("=")
    ends_word = False
    words = os.environ.get("COMP_WORDS", "").split()
    if "=" in words[-2:] and words[-1] in ("=", incomplete):
        # bash ends a word at `=`, and wants only what comes behind it.
        at = len(words) - 1 - words[::-1].index("=")
        name, equals, begun, ends_word = words[at - 1], "=", incomplete.removeprefix("="), True

    def found(connections: Connections, snapshot: Snapshot) -> list[str]:
        if not equals:
            return [f"{it}=" for it in _fitting(snapshot.config.services, name)]
        tags = _tags(connections, snapshot.config.service(name).ref)
        return [it if ends_word else f"{name}={it}" for it in _fitting(reversed(tags), begun)]

    return _offered(found)


def releases(incomplete: str) -> list[tuple[str, str]]:
    """Return the ids of the newest releases that begin so, each with what it released where."""

    def found(connections: Connections, snapshot: Snapshot) -> list[tuple[str, str]]:
        paths = {name: it.path for name, it in snapshot.config.environments.items()}
        entries = connections.repo.ledger(paths, head=snapshot.commit, limit=10 * RELEASES)
        known = (it for it in entries if it.release_id and it.release_id.startswith(incomplete))
        return [(it.release_id, f"{it.environment}: {it.what}") for it in itertools.islice(known, RELEASES)]

    return _offered(found)


def _fitting(names: Iterable[str], begun: str) -> list[str]:
    return [it for it in names if it.startswith(begun)]


def _offered(work: Callable[[Connections, Snapshot], list[T]]) -> list[T]:
    """Return what some work finds in the config repo as it was last looked at; nothing where it fails."""
    from headway.operations.connections import Connections

    try:
        with Connections() as connections:
            return work(connections, connections.at(connections.repo.head))
    except Exception:  # noqa: BLE001 - what went wrong is said by the command itself, once it is called
        return []


def _tags(connections: Connections, image: ImageRef) -> list[str]:
    """Return a repository's tags; none where the registry does not answer soon."""
    found: list[str] = []

    def ask() -> None:
        with contextlib.suppress(HeadwayError):
            found.extend(connections.registry.tags(image))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return list(found)
