"""Whose a deployment on a Prefect server is: several applications may share a server, and names do not tell them apart.

`deployments/sync` marks each deployment with the application and the config repo. A command compares the marks
with its own before it starts anything: a prefix that was forgotten must not roll back somebody else's application.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

REPO_LABEL = "headway.repo"
"""The label of a deployment that names its config repo."""
APP_TAG = "app:"


@dataclass(frozen=True, slots=True)
class Claim:
    """An application and its config repo, as `repo_address` has it; what is not known is empty."""

    apps: tuple[str, ...] = ()
    repo: str = ""

    @classmethod
    def of(cls, deployment: Mapping[str, object]) -> Claim:
        """Read the marks of a deployment or a run, as the Prefect server tells of it."""
        tags, labels = deployment.get("tags"), deployment.get("labels")
        repo = labels.get(REPO_LABEL, "") if isinstance(labels, Mapping) else ""
        return cls(apps_in(tags if isinstance(tags, list) else ()), str(repo))


def apps_in(tags: Iterable[object]) -> tuple[str, ...]:
    """Return the applications that some tags are of."""
    return tuple(str(it).removeprefix(APP_TAG) for it in tags if str(it).startswith(APP_TAG))


def mismatch(mine: Claim, theirs: Claim) -> str:
    """Return why a deployment is another application's or another repo's; empty where nothing says so.

    One host has several names (inside a network, by SSH), so of one application's repo the path decides.
    """
    if mine.repo and mine.repo == theirs.repo:
        return ""
    if mine.apps and theirs.apps and not set(mine.apps) & set(theirs.apps):
        return f"it belongs to the application {', '.join(theirs.apps)}, and this config repo is that of {mine.apps[0]}"
    if mine.repo and theirs.repo and not _same_path(mine.repo, theirs.repo):
        return f"it belongs to the config repo {theirs.repo}, and HEADWAY_REPO is {mine.repo}"
    return ""


def _same_path(one: str, other: str) -> bool:
    """Return whether one path ends as the other: a server may have its repos below a folder that SSH does not show."""
    left, right = (_path(it) for it in (one, other))
    size = min(len(left), len(right))
    return size > 0 and left[-size:] == right[-size:]


def _path(address: str) -> list[str]:
    host, slash, path = address.partition("/")
    return [part for part in (path if slash else host).split("/") if part]
