"""What people undid in Git itself: a revert, a hand edit to an older image, a merge that dropped a release. Pure.

Automation would bring it again at its next look, so it counts as held back until something newer comes or
somebody says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from headway.domain.images import ImageRef, InvalidImage
from headway.domain.semver import version_key
from headway.domain.tagrules import Position, Refused, TagRule

Older = Callable[[str, str], bool | None]
"""Says whether the first of two images is older than the second; None where nothing tells."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a service's image in an environment; `ours` where headway's own commit made it."""

    service: str
    old: str
    new: str
    ours: bool
    commit: str = ""
    who: str = ""
    subject: str = ""
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """An image that a person took away, for an older one, with a commit that is not headway's."""

    step: Step

    @property
    def image(self) -> str:
        """The image that was taken away, as the manifests spelled it."""
        return self.step.old

    @property
    def why(self) -> str:
        """What happened, in a sentence."""
        it = self.step
        return f"undone by {it.who or 'somebody'} in {it.commit[:9]}: {it.subject}"


def undone(steps: Iterable[Step], older: Older, answered: Collection[str] = ()) -> tuple[Undone, ...]:
    """Return what people undid of one service, from its changes, the newest first.

    Only people's commits since headway's last change of it count, and of those none that an `answered` one is:
    what was held back for it once, holds.yaml speaks of since. A push forward ends the search: whoever pushed it
    has moved on.
    """
    changes = list(steps)
    pushed = list(itertools.takewhile(lambda it: not it.ours, changes))
    found: list[Undone] = []
    for place, step in enumerate(pushed):
        back = older(step.new, step.old)
        if back is None:
            # It ran before what it replaced.
            back = any(step.new in (it.old, it.new) for it in changes[place + 1 :])
        if not back:
            break
        if step.commit not in answered:
            found.append(Undone(step))
    return tuple(found)


def older_by(rule: TagRule | None, position: Position | None = None) -> Older:
    """Return how images compare by a rule's order, or as versions where that says nothing."""

    def older(first: str, second: str) -> bool | None:
        left, right = _tag(first), _tag(second)
        if left == right or not left or not right:
            return False if left == right and left else None
        if rule is not None and rule.order != "exact":
            keys = [rule.ranked(it, position or _unknown) for it in (left, right)]
            if not any(isinstance(it, Refused) for it in keys):
                return bool(keys[0] < keys[1]) if keys[0] != keys[1] else False
        versions = [version_key(it) for it in (left, right)]
        if versions[0] is None or versions[1] is None:
            return None
        return versions[0] < versions[1]

    return older


def taken_back(
    before: Mapping[str, tuple[str, ...]], now: Mapping[str, tuple[str, ...]], older: Callable[[str], Older]
) -> list[tuple[str, str, str, str]]:
    """Return the services whose image went back, or lost its digest: (service, before, now, what happened)."""
    found = []
    for service in now:
        if len(before.get(service, ())) != 1 or len(now[service]) != 1:
            continue
        old, new = before[service][0], now[service][0]
        if old == new:
            continue
        if older(service)(new, old):
            found.append((service, old, new, "is older than what was live"))
        elif "@" in old and "@" not in new:
            found.append((service, old, new, "lost its digest"))
    return found


def _tag(image: str) -> str:
    try:
        return ImageRef.parse(image).tag or ""
    except InvalidImage:
        return ""


def _unknown(text: str) -> Refused:
    return Refused("cannot be ordered here")
