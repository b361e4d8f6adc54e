"""What a cluster would make of a release, tried there before anything is committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headway.domain.images.reference import Image
from headway.domain.objects.compare import FieldDiff
from headway.domain.objects.drift import Drift
from headway.domain.objects.identity import ObjectId
from headway.domain.rules.semver import version_key

LINES = 10
"""So many refusals are told; of the others, how many there are."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would change in the cluster, what it refuses, and what could not be tried.

    `of_release` names the objects whose manifests the release changes; what else is changed was
    different before: a person's push that was not applied yet, or a change behind the repo's back.
    `refused` is what the cluster rejected, `unable` what the account may not do there;
    `strangers` are objects that others made and nobody asked to take over; `fights` says which
    manifests set replicas that an autoscaler sets too; `unasked` says why the cluster could not be asked at all.
    """

    changes: tuple[Drift, ...] = ()
    refused: tuple[str, ...] = ()
    unable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    of_release: frozenset[ObjectId] = frozenset()
    strangers: tuple[str, ...] = ()
    fights: tuple[str, ...] = ()
    unasked: str = ""

    @property
    def against(self) -> tuple[str, ...]:
        """Everything that keeps the cluster from taking the release."""
        return (*self.strangers, *self.unable, *self.refused)

    @property
    def refusal(self) -> str:
        """The same as one message; empty where nothing stands against it."""
        more = len(self.against) - LINES
        return "\n".join([*self.against[:LINES], *([f"… and {more} more"] if more > 0 else [])])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what a person should see first: fewer pods, older images, deletions, fights over a field."""
        found = [said for it in self.changes for field in it.fields for said in _warnings(it.object, field)]
        gone = [str(it.object) for it in self.changes if it.action == "prune"]
        if gone:
            more = f" and {len(gone) - 5} more" if len(gone) > 5 else ""
            found.append(f"deletes {', '.join(gone[:5])}{more}")
        if beside := [it for it in self.changes if it.action != "prune" and it.object not in self.of_release]:
            found.append(
                f"changes {_objects(len(beside))} that this commit does not: "
                "they differ from the config repo already"
            )
        found += self.fights
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--output json` prints."""
        return {
            "asked": not self.unasked,
            "changes": [
                {**it.as_dict(), "of_this_release": it.object in self.of_release} for it in self.changes
            ],
            "warnings": list(self.warnings),
            "refused": list(self.against),
            "notes": [*self.notes, *([self.unasked] if self.unasked else [])],
        }


def counted(changes: Iterable[Drift]) -> str:
    """Return how many objects would be created, changed and deleted."""
    words = {"create": "created", "change": "changed", "prune": "deleted"}
    actions = [it.action for it in changes]
    return ", ".join(f"{actions.count(it)} {word}" for it, word in words.items() if it in actions)


def touched(before: Mapping[ObjectId, Any], after: Mapping[ObjectId, Any]) -> frozenset[ObjectId]:
    """Return the objects whose manifests differ between two states of an environment."""
    return frozenset(it for it in after if before.get(it) != after[it])


def is_downgrade(old: object, new: object) -> bool:
    """Return whether an image is of an older version than the one it takes the place of, as far as tags tell."""
    before, after = (Image(str(it)).ref for it in (old, new))
    if before is None or after is None or not before.same_repository(after):
        return False
    was, becomes = (version_key(it.tag or "") for it in (before, after))
    return was is not None and becomes is not None and becomes < was


def _warnings(identity: ObjectId, field: FieldDiff) -> Iterable[str]:
    path, live, wanted = field
    fewer = isinstance(live, int) and isinstance(wanted, int) and wanted < live
    if path == "spec.replicas" and fewer:
        yield f"scales {identity} down from {live} to {wanted}"
    if path.endswith(".image") and is_downgrade(live, wanted):
        yield f"{identity} is downgraded from {_tag(live)} to {_tag(wanted)}"


def _tag(image: object) -> str:
    return Image(str(image)).tag or str(image)


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"
