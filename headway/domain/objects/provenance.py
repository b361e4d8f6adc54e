"""Which config repo an environment in a cluster belongs to.

A copy of a config repo names the same application, environment and namespace, and so
has the same labels: without more, each would prune what the other applied. So the
environment remembers the repo that applied it last, and the commit.
"""

from __future__ import annotations

from dataclasses import dataclass

from headway.domain.text.addresses import repo_address


@dataclass(frozen=True, slots=True)
class Provenance:
    """The repo that an environment was applied from last, as `repo_address` has it, and the commit."""

    repo: str
    commit: str


@dataclass(frozen=True, slots=True)
class Source:
    """The repo at hand.

    `knows` says that it has the commit that was applied last, `released` that it holds headway's own
    record of the environment (the ref of what is live), which a copy by clone and push has not.
    """

    repo: str
    knows: bool
    released: bool


def source_name(url: str, folder: str) -> str:
    """Return what stands for a config repo, and for the folder of an application that is not at its root."""
    address = repo_address(url)
    return f"{address}//{folder}" if folder else address


def applied_from(last: Provenance | None, source: Source) -> bool:
    """Return whether the repo at hand is the one that an environment was applied from.

    It is where nothing is recorded yet and where the address is the same. Under another address
    (a repo that moved, another spelling of its URL) it is where it knows the commit that was
    applied and holds headway's record of the environment.
    """
    return last is None or last.repo == source.repo or (source.knows and source.released)
