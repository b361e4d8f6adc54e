"""Which commit of the config repo a person means."""

from __future__ import annotations

from datetime import UTC, datetime

from headway.domain.images.reference import Image
from headway.domain.releases.ledger_filter import parse_time
from headway.domain.releases.plans import images_of
from headway.errors import UsageError
from headway.operations.snapshot import Snapshot
from headway.requests import RollbackRequest
from headway.systems.git.config_repo import ConfigRepo


def commit_named(repo: ConfigRepo, name: str) -> str:
    """Find the commit of a release id or a Git revision; raise UsageError where there is none."""
    found = repo.find_release(name) or repo.rev_parse(name)
    if found is None:
        raise UsageError(
            f"the config repo has no release and no commit {name!r}", hint="`headway history` lists them"
        )
    return found


def rebuild_revision(repo: ConfigRepo, environment: str, revision: str) -> str:
    """Return the commit to rebuild an environment from: the one named, or what was live, or the head."""
    if revision:
        return commit_named(repo, revision)
    return repo.live(environment) or repo.head


def rollback_target(repo: ConfigRepo, snapshot: Snapshot, request: RollbackRequest) -> str:
    """Return the commit to roll back to.

    Without a name it is the newest one that was live with other images than the
    head has now: the last state that was healthy, not merely the previous commit.
    """
    name = request.environment
    if request.to:
        return _as_named(repo, snapshot, name, request.to)
    now = _images(snapshot, name, snapshot.commit, request.services)
    vetoed = {(it.service, it.digest) for it in snapshot.holds.vetoes if it.environment == name}
    for entry in repo.log(name, path=snapshot.place(name), head=snapshot.commit):
        if "live" not in entry.states:
            continue
        then = _images(snapshot, name, entry.commit, request.services)
        # What was rolled back once is no state to roll back to.
        bad = any((service, it.digest) in vetoed for service, values in then.items() for it in values)
        # A service that only one of them has cannot be rolled back by its image.
        if any(then[it] != now[it] for it in then.keys() & now.keys()) and not bad:
            return entry.commit
    what = f"of {', '.join(request.services)} " if request.services else ""
    raise UsageError(
        f"{name}: no earlier state {what}was live with other images",
        hint=f"`headway history {name}` shows what was; name one with --to",
    )


def _as_named(repo: ConfigRepo, snapshot: Snapshot, name: str, to: str) -> str:
    """Return the commit of a release, of a revision, or the one that was live in an environment at a time."""
    found = repo.find_release(to) or repo.rev_parse(to)
    if found is not None:
        return found
    try:
        at = parse_time(to, datetime.now(UTC))
    except UsageError:
        raise UsageError(
            f"the config repo has no release and no commit {to!r}, and it is no time either",
            hint=f"`headway history {name}` lists what was; a time is 2026-11-23T10:00, 90m or 2d",
        ) from None
    for entry in repo.log(name, path=snapshot.place(name), head=snapshot.commit):
        if any(it.state == "live" and it.at <= at for it in entry.outcomes):
            return entry.commit
    raise UsageError(
        f"nothing was live in {name} at {at:%Y-%m-%d %H:%M:%S} UTC",
        hint=f"`headway history {name}` lists what was",
    )


def _images(snapshot: Snapshot, name: str, commit: str, services: list[str]) -> dict[str, tuple[Image, ...]]:
    images = images_of(snapshot.config, snapshot.past(name, commit).indexes)
    return {service: value for service, value in images.items() if not services or service in services}
