"""Where a change is: which environments have had an image, from when to when, and how that ended."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from headway.domain.images.reference import Image
from headway.domain.releases.ledger import Entry
from headway.domain.rules.lookups import commit_names

DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}")
COMMIT = re.compile(r"[0-9a-f]{7,40}")
ENDED = {"failed": "failed", "rolled-back": "failed, and was rolled back", "superseded": "was superseded"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One service's images that somebody looks for: by their tags, or by a digest's beginning."""

    service: str
    tags: frozenset[str] = frozenset()
    digest: str = ""

    def has(self, image: Image) -> bool:
        """Return whether an image is one of them."""
        hexadecimal = image.digest.partition(":")[2]
        return image.tag in self.tags or bool(self.digest and hexadecimal.startswith(self.digest))


@dataclass(frozen=True, slots=True)
class Stay:
    """One time that an environment named the image: since its commit `came`, until `went`, which is None today."""

    came: Entry
    went: Entry | None = None

    @property
    def live_since(self) -> datetime | None:
        """Return when it was live first; None where it never was."""
        return next((it.at for it in self.came.outcomes if it.state == "live"), None)

    @property
    def words(self) -> str:
        """Return how it is or was there, for people."""
        live, state = self.live_since, self.came.state
        if live is not None:
            began = f"{live:%Y-%m-%d %H:%M} UTC"
            if self.went is None:
                return f"live since {began}"
            return f"was live from {began} to {self.went.time:%Y-%m-%d %H:%M} UTC, {_by(self.went)}"
        if state in ENDED:
            return ENDED[state] + (f": {self.came.cause}" if self.came.cause else "")
        if self.went is not None:
            return f"was in the repo, and never live, until {self.went.time:%Y-%m-%d %H:%M} UTC"
        if state == "applied":
            return "applied, not running"
        return f"in the repo since {self.came.time:%Y-%m-%d %H:%M} UTC, and not live yet"


def _by(entry: Entry) -> str:
    verb = {"rollback": "when it was rolled back", "push": "by a push"}.get(
        entry.kind, "when it was replaced"
    )
    return f"{verb} by {entry.actor}" if entry.kind != "push" else f"{verb} of {entry.actor}"


def stays(history: Iterable[tuple[Entry, Collection[Image]]], wanted: Wanted) -> list[Stay]:
    """Return when an environment named what is wanted, the newest time first.

    `history` has the environment's commits, the newest first, each with the images of the service after it; a commit
    that changed none of them may be left out.
    """
    found: list[Stay] = []
    open_: Entry | None = None
    for entry, images in reversed(list(history)):
        here = any(map(wanted.has, images))
        if here and open_ is None:
            open_ = entry
        elif not here and open_ is not None:
            found.append(Stay(open_, entry))
            open_ = None
    if open_ is not None:
        found.append(Stay(open_))
    return found[::-1]


def tags_of_commit(tags: Iterable[str], commit: str) -> list[str]:
    """Return the tags that have a commit's SHA-1, or its first seven digits or more, as one of their words."""
    return [tag for tag in tags if any(map(commit.startswith, commit_names([tag])))]


def newer_has_it(places: Sequence[int | None], commit: int | None) -> bool:
    """Return whether what runs was built from a commit that has another one in its history, on one branch.

    `places` are the commits of the images that run, on the branch; one that is not known has nothing for certain.
    """
    return commit is not None and bool(places) and all(it is not None and it >= commit for it in places)
