"""Refuse a person's push that takes an image back, where the environment says so.

Often a folder was rendered from an older source over what was released. The push is on the branch already, so
what is refused is applying it: the cluster stays as it is until somebody forces it or puts the folder right.
"""

from __future__ import annotations

from collections.abc import Collection

from headway.connections import Connections
from headway.desired import Desired
from headway.domain.history import short_tag
from headway.domain.plans import moved_images
from headway.domain.undone import older_by, taken_back
from headway.errors import HeadwayError, RefusedError
from headway.steps import log


def older_push(connections: Connections, name: str, head: str, besides: Collection[str] = ()) -> str:
    """Return what pushes took back in an environment since it was live, in a sentence; empty where nothing.

    What headway's own commits changed since was asked for and does not count; nor do the services `besides`.
    Empty too where `older_push` is not `refuse`, and where nothing was live before or it cannot be read.
    """
    config = connections.config(head)
    place, live = config.environment(name), connections.repo.live(name)
    if place.older_push != "refuse" or live is None or live == head:
        return ""
    if connections.repo.tree_sha(head, place.path) == connections.repo.tree_sha(live, place.path):
        return ""
    try:
        then, now = (Desired(connections, config, name, it).indexes for it in (live, head))
    except HeadwayError as error:
        log(f"warning: {name}: what was live at {live[:9]} cannot be compared with: {error.message}")
        return ""
    asked = {
        (service, new)
        for entry in connections.repo.commits_between(live, head, place.path)
        for service, _, new in (entry.record.changes if entry.record else ())
    }
    found = taken_back(moved_images(config, now, then), lambda service: older_by(config.rule(name, service)))
    return "; ".join(
        f"{service} {short_tag(new)} {what} ({short_tag(old)})"
        for service, old, new, what in found
        if service not in besides and (service, new) not in asked
    )


def refuse_older_push(connections: Connections, name: str, head: str, forced: str = "") -> None:
    """Raise RefusedError where a push took an image back and the environment refuses that; `forced` goes past it."""
    said = older_push(connections, name, head)
    if not said:
        return
    if forced:
        log(f"warning: {name}: going past a push that takes images back: {said}; reason: {forced}")
        return
    raise RefusedError(
        f"{name}: a push takes images back, and is not applied: {said}",
        hint=f'`headway reconcile {name} --force --reason "…"` applies it all the same; `headway release` or another '
        "push puts the folder right",
    )
