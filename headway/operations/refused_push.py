"""Refuse a person's push that reverts an image, where the environment says so.

Often a folder was rendered from an older source over what was released. The push is on the branch already, so
what is refused is applying it: the cluster stays as it is until somebody forces it or puts the folder right.
"""

from __future__ import annotations

from headway.errors import RefusedError
from headway.operations.older_push import going_on, older_push
from headway.operations.snapshot import Snapshot
from headway.runtime.steps import log
from headway.systems.git.config_repo import ConfigRepo


def refuse_older_push(repo: ConfigRepo, snapshot: Snapshot, name: str, forced: str = "") -> None:
    """Raise RefusedError where a push took an image back and the environment refuses that; `forced` goes past it."""
    said = older_push(repo, snapshot, name, log)
    if not said:
        return
    if forced:
        log(f"warning: {name}: going past a push that reverts images: {said}; reason: {forced}")
        return
    raise RefusedError(
        f"{name}: a push reverts images, and is not applied: {said}",
        hint=going_on(name),
    )
