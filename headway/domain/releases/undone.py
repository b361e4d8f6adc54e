"""What people undid in Git itself: a revert, a hand edit to an older image, a merge that dropped a release. Pure.

Automation would bring it again at its next look, so it counts as held back until something newer comes or
somebody says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from headway.domain.images.reference import Image
from headway.domain.releases.message import Triple
from headway.domain.rules.semver import version_key
from headway.domain.rules.tags import Position, Refused, TagRule

Older = Callable[[Image, Image], bool | None]
"""Says whether the first of two images is older than the second; None where nothing tells."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a service's image in an environment; `ours` where headway's own commit made it."""

    service: str
    old: Image
    new: Image
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
    def image(self) -> Image:
        """The image that was taken away."""
        return self.step.old

    @property
    def why(self) -> str:
        """Return what happened, in a sentence."""
        it = self.step
        return f"undone by {it.who or 'somebody'} in {it.commit[:9]}: {it.subject}"


def undone(steps: Iterable[Step], older: Older, answered: Collection[str] = ()) -> tuple[Undone, ...]:
    """Return what people undid of one service, from its changes, the newest first.

    A commit has a step for each image that it gave containers. Only people's commits since headway's last change
    count, and of those none that an `answered` one is: what was held back for it once, holds.yaml speaks of since.
    A push forward ends the search: whoever pushed it has moved on.
    """
    changes = list(steps)
    found: list[Undone] = []
    place = 0
    pushed = itertools.takewhile(lambda it: not it.ours, changes)
    for commit, several in itertools.groupby(pushed, key=lambda it: it.commit):
        together = list(several)
        place += len(together)
        back = [it for it in together if _went_back(it, changes[place:], older)]
        if commit not in answered:
            found += map(Undone, back)
        if len(back) < len(together):
            break
    return tuple(found)


def _went_back(step: Step, earlier: Iterable[Step], older: Older) -> bool:
    back = older(step.new, step.old)
    # Where nothing tells: whether it ran before what it replaced.
    return any(step.new in (it.old, it.new) for it in earlier) if back is None else back


def older_by(rule: TagRule | None, position: Position | None = None) -> Older:
    """Return how images compare by a rule's order, or as versions where that says nothing."""

    def older(first: Image, second: Image) -> bool | None:
        left, right = first.tag, second.tag
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


def downgrades(
    changes: Iterable[Triple], older: Callable[[str], Older]
) -> list[tuple[str, Image, Image, str]]:
    """Return which of the changes (service, now, before) revert an image or remove its digest.

    Each as (service, before, now, what happened).
    """
    found = []
    for service, new, old in changes:
        if older(service)(new, old):
            found.append((service, old, new, "is older than what was live"))
        elif old.digest and not new.digest:
            found.append((service, old, new, "lost its digest"))
    return found


def _unknown(text: str) -> Refused:
    return Refused("cannot be ordered here")
