"""What is known of an environment: what was read from Git, the cluster, the registry and the runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from headway.domain.images.reference import Image
from headway.domain.releases.ledger import Entry


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload of a service as the cluster has it; `status` is a verdict's, or `unknown`.

    `details` are the cluster's warnings and the last log lines, where it failed.
    """

    name: str
    status: str
    cause: str = ""
    ready: int = 0
    wanted: int = 0
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """Something that is under way in an environment; `line` is the last that it said, `page` where more is said.

    `error` is how it ended, where that was not well.
    """

    environment: str
    what: str
    began: datetime
    line: str = ""
    page: str = ""
    services: frozenset[str] = frozenset()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A plan that waits for an approval; `services` are those that it changes, empty where that is not known."""

    run: str
    environment: str
    what: str
    actor: str
    asked: datetime
    plan: str
    text: str = ""
    page: str = ""
    services: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decided:
    """An answer that was given here: for which run and plan, by whom, and when."""

    run: str
    plan: str
    decision: str
    by: str
    at: datetime

    def __str__(self) -> str:
        word = "approved" if self.decision == "approve" else "rejected"
        return f"{self.by} {word} it at {self.at:%H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Candidate:
    """The newest image that a service's rule takes from the registry, or why there is none."""

    image: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One of the systems that the board reads: when it last answered, and what it said where it does not."""

    name: str
    seen: datetime | None = None
    error: str = ""


Changes = tuple[tuple[Entry, Image], ...]
"""The changes of one service, the newest first, each with the image that it brought; empty where it left."""


@dataclass(frozen=True, slots=True)
class EnvironmentFacts:
    """One environment: its images at the head of the branch, its history, and how its cluster is.

    `entries` are the newest first, `history` the same by service. `workloads` are by service; None where the
    cluster was not asked yet. `problem` says why the images are not known.
    """

    name: str
    images: Mapping[str, tuple[Image, ...]] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    history: Mapping[str, Changes] = field(default_factory=dict)
    workloads: Mapping[str, tuple[Workload, ...]] | None = None
    drifted: frozenset[str] = frozenset()
    problem: str = ""


def history_of(
    name: str, entries: Iterable[Entry], pushed: Mapping[str, Mapping[str, Image]]
) -> dict[str, Changes]:
    """Return the changes of each service in an environment; `pushed` has the images that each person's push brought."""
    found: dict[str, list[tuple[Entry, Image]]] = {}
    for entry in entries:
        if entry.record is None:
            for service, image in pushed.get(entry.commit, {}).items():
                found.setdefault(service, []).append((entry, image))
        elif entry.environment in ("", name):
            # A service that ran two images has two changes; the first stands for both.
            for service, new in {it: new for it, _, new in reversed(entry.record.changes)}.items():
                found.setdefault(service, []).append((entry, new))
    return {service: tuple(several) for service, several in found.items()}
