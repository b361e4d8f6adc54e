"""Which commit of the config repo a person means."""

from __future__ import annotations

from headway.connections import Connections
from headway.desired import Desired
from headway.domain.config import Config
from headway.domain.plans import images_of
from headway.errors import UsageError
from headway.requests import RollbackRequest


def commit_named(connections: Connections, name: str) -> str:
    """Find the commit of a release id or a Git revision; raise UsageError where there is none."""
    found = connections.repo.find_release(name) or connections.repo.rev_parse(name)
    if found is None:
        raise UsageError(
            f"the config repo has no release and no commit {name!r}", hint="`headway history` lists them"
        )
    return found


def rebuild_revision(connections: Connections, environment: str, revision: str) -> str:
    """Give the commit to rebuild an environment from: the one named, or what was live, or the head."""
    if revision:
        return commit_named(connections, revision)
    return connections.repo.live(environment) or connections.repo.head


def rollback_target(connections: Connections, config: Config, request: RollbackRequest) -> str:
    """Give the commit to go back to.

    Without a name it is the newest one that was live with other images than the
    head has now: the last state that was healthy, not merely the previous commit.
    """
    if request.to:
        return commit_named(connections, request.to)
    repo, name = connections.repo, request.environment
    now = _images(connections, config, name, repo.head, request.services)
    for entry in repo.log(name, path=config.environment(name).path):
        if (
            "live" in entry.states
            and _images(connections, config, name, entry.commit, request.services) != now
        ):
            return entry.commit
    what = f"of {', '.join(request.services)} " if request.services else ""
    raise UsageError(
        f"{name}: no earlier state {what}was live with other images",
        hint=f"`headway history {name}` shows what was; name one with --to",
    )


def _images(
    connections: Connections, config: Config, name: str, commit: str, services: list[str]
) -> dict[str, tuple[str, ...]]:
    images = images_of(config, Desired(connections, config, name, commit).indexes)
    return {service: value for service, value in images.items() if not services or service in services}
