"""From a commit to an image in the registry, once: what is there already is not built again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headway.domain.images.reference import ImageRef
from headway.systems.registry.client import ImageNotFound, RegistryClient

if TYPE_CHECKING:
    from headway.systems.docker.engine import Engine


@dataclass(frozen=True, slots=True)
class Built:
    """A service's image for a commit, pinned to its digest; `skipped` says that it was there before.

    `built_in` and `pushed_in` are seconds.
    """

    service: str
    image: ImageRef
    skipped: bool
    built_in: float = 0.0
    pushed_in: float = 0.0


@dataclass(frozen=True, slots=True)
class ToBuild:
    """What building a service's commit would make; `there` says that the registry has it already."""

    service: str
    sha: str
    image: ImageRef
    there: bool


def commit_tag(sha: str) -> str:
    """Return the tag of a commit's image: `sha-` and all 40 digits, which nothing takes for a version."""
    return f"sha-{sha}"


def to_build(registry: RegistryClient, service: str, image: ImageRef, sha: str) -> ToBuild:
    """Return what `build_commit` would make, and make nothing."""
    wanted = image.pinned(commit_tag(sha), None)
    return ToBuild(service, sha, wanted, registry.exists(wanted))


def build_commit(
    engine: Callable[[], Engine],
    registry: RegistryClient,
    *,
    service: str,
    image: ImageRef,
    sha: str,
    folder: Callable[[], Path],
    dockerfile: str = "Dockerfile",
    source: str = "",
    on_line: Callable[[str], None] = lambda line: None,
) -> Built:
    """Build and push a service's commit, unless the registry has its tag.

    `engine` and `folder` are called only when there is something to build.
    Raises what Engine and RegistryClient raise.
    """
    wanted = image.pinned(commit_tag(sha), None)
    try:
        return Built(service, wanted.pinned(wanted.tag, registry.resolve(wanted)), skipped=True)
    except ImageNotFound:
        pass
    labels = {
        "org.opencontainers.image.revision": sha,
        "org.opencontainers.image.source": source,
        "org.opencontainers.image.title": service,
    }
    builder = engine()
    began = time.monotonic()
    builder.build(folder(), wanted, dockerfile=dockerfile, labels=labels, on_line=on_line)
    built = time.monotonic()
    digest = builder.push(wanted, on_line)
    pushed = time.monotonic()
    return Built(
        service,
        wanted.pinned(wanted.tag, digest),
        skipped=False,
        built_in=built - began,
        pushed_in=pushed - built,
    )
