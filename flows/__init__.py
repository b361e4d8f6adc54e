"""The nine flows, by name. Each is a file, a function and a deployment of the same name.

A flow's file is read when the flow is wanted: a rollback does not wait for what a build needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FLOWS = (
    "build-images",
    "deliver",
    "promote",
    "reconcile",
    "rebuild",
    "release",
    "rollback",
    "set-image",
    "watch-registry",
)


def flow_named(name: str) -> Callable[..., Any]:
    """Return a flow by its name; raise KeyError for a name that is none."""
    match name:
        case "build-images":
            from headway.flows.build_images import build_images

            return build_images
        case "deliver":
            from headway.flows.deliver import deliver

            return deliver
        case "promote":
            from headway.flows.promote import promote

            return promote
        case "reconcile":
            from headway.flows.reconcile import reconcile

            return reconcile
        case "rebuild":
            from headway.flows.rebuild import rebuild

            return rebuild
        case "release":
            from headway.flows.release import release

            return release
        case "rollback":
            from headway.flows.rollback import rollback

            return rollback
        case "set-image":
            from headway.flows.set_image import set_image

            return set_image
        case "watch-registry":
            from headway.flows.watch_registry import watch_registry

            return watch_registry
        case _:
            raise KeyError(name)
