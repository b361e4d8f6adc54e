"""Find what people's pushes reverted in an environment since it was live. It only looks."""

from __future__ import annotations

from collections.abc import Callable, Collection

from headway.domain.releases.ledger import short_tag
from headway.domain.releases.plans import moved_images
from headway.domain.releases.undone import downgrades, older_by
from headway.errors import HeadwayError
from headway.operations.snapshot import Snapshot
from headway.systems.git.config_repo import ConfigRepo


def older_push(
    repo: ConfigRepo,
    snapshot: Snapshot,
    name: str,
    tell: Callable[[str], None],
    besides: Collection[str] = (),
) -> str:
    """Return what pushes reverted in an environment since it was live, in a sentence; empty where nothing.

    What headway's own commits changed since was asked for and does not count; nor do the services `besides`.
    Empty too where `older_push` is not `refuse`, and where nothing was live before or it cannot be read, which
    `tell` hears.
    """
    config, head = snapshot.config, snapshot.commit
    environment, live = snapshot.rules(name), repo.live(name)
    if environment.older_push != "refuse" or live is None or live == head:
        return ""
    if snapshot.folder(name) == repo.state(live, snapshot.place(name)):
        return ""
    try:
        then, now = (each.indexes for each in (snapshot.past(name, live), snapshot.environment(name)))
    except HeadwayError as error:
        tell(f"warning: {name}: what was live at {live[:9]} cannot be compared with: {error.message}")
        return ""
    asked = {
        (service, new)
        for entry in repo.commits_between(live, head, snapshot.place(name))
        for service, _, new in (entry.record.changes if entry.record else ())
    }
    found = downgrades(moved_images(config, now, then), lambda service: older_by(config.rule(name, service)))
    return "; ".join(
        f"{service} {short_tag(new)} {what} ({short_tag(old)})"
        for service, old, new, what in found
        if service not in besides and (service, new) not in asked
    )


def going_on(name: str) -> str:
    """Return how to go on where a push that reverts images is not applied."""
    return (
        f'`headway reconcile {name} --force --reason "…"` applies it all the same; `headway release` or another '
        "push puts the folder right"
    )
