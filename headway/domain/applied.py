"""What an apply did, object by object."""

from __future__ import annotations

from dataclasses import dataclass

from headway.domain.objects import ObjectId


@dataclass(frozen=True, slots=True, order=True)
class Kept:
    """An object that left the repo and stays in the cluster, and why."""

    id: ObjectId
    why: str

    def __str__(self) -> str:
        return f"{self.id}: {self.why}"


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did. `stopped` says that it was asked to end before everything was done."""

    created: tuple[ObjectId, ...] = ()
    changed: tuple[ObjectId, ...] = ()
    unchanged: tuple[ObjectId, ...] = ()
    pruned: tuple[ObjectId, ...] = ()
    kept: tuple[Kept, ...] = ()
    stopped: bool = False

    @property
    def touched(self) -> tuple[ObjectId, ...]:
        """Everything that was written or deleted."""
        return self.created + self.changed + self.pruned

    def __str__(self) -> str:
        counts = [
            f"{len(items)} {word}"
            for word, items in (
                ("created", self.created),
                ("changed", self.changed),
                ("pruned", self.pruned),
                ("unchanged", self.unchanged),
            )
            if items
        ]
        return ", ".join(counts) or "nothing to do"
