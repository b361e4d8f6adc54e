"""Where a cluster and the config repo differ, object by object.

`examine` decides from one live object alone, without asking the server. "Same" is
certain; "suspect" may still turn out to be nothing but another spelling, which only
the server knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headway.domain.objects.compare import FieldDiff, compare
from headway.domain.objects.fields import (
    NO_CLAIMS,
    Claims,
    absent_paths,
    applied_entry,
    handover,
    without_times,
)
from headway.domain.objects.identity import ObjectId

Action = Literal["create", "change", "prune", "deleting", "adopt", "keep"]
HIDDEN = "(hidden)"
LEFT = "(left as it is, for its autoscaler)"
_REPLICAS = "spec.replicas"


@dataclass(frozen=True, slots=True)
class Drift:
    """One object that is not as the repo says, and what applying would do about it.

    An object that is `deleting` waits for its finalizers: applying can only wait for them. One to
    `adopt` was made by others: applying is refused until somebody asks to take it over. Fields to
    `keep` were set by another tool and are not in the repo: applying leaves them as they are.
    """

    object: ObjectId
    action: Action
    fields: tuple[FieldDiff, ...] = ()

    def __str__(self) -> str:
        return f"{self.action} {self.object}"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--output json` prints."""
        fields = [{"path": path, "live": live, "wanted": wanted} for path, live, wanted in self.fields]
        return {"object": str(self.object), "action": self.action, "fields": fields}


@dataclass(frozen=True, slots=True)
class Examination:
    """What one look at a live object says.

    `handed_over` is the managedFields in which people's additions have become
    headway's, when there are such; `certain` says that the differences are real.
    """

    same: bool
    fields: tuple[FieldDiff, ...] = ()
    handed_over: tuple[dict[str, Any], ...] = ()
    certain: bool = False


SAME = Examination(True)
_ASIDE = frozenset({"apiVersion", "kind", "metadata", "status"})
# What these were made with stays with them for good: taking fields away would only be refused.
FIXED_KINDS = frozenset({"Job", "Pod", "PersistentVolume", "PersistentVolumeClaim"})


def examine(wanted: Mapping[str, Any], live: Mapping[str, Any], claims: Claims = NO_CLAIMS) -> Examination:
    """Compare a prepared manifest with the live object."""
    meta = live.get("metadata") or {}
    handed_over: list[dict[str, Any]] = []
    added: list[str] = []
    if wanted.get("kind") not in FIXED_KINDS:
        added, handed_over = handover(meta, wanted, claims)
    entry = applied_entry(meta)
    if entry is None:
        return Examination(False, handed_over=tuple(handed_over))
    owned = entry.get("fieldsV1") or {}
    result = compare(wanted, live, owned)
    gone = absent_paths(owned, wanted)
    freed: tuple[FieldDiff, ...] = ()
    if handed_over and claims.scaled and _REPLICAS in gone:
        gone.remove(_REPLICAS)
        freed = (FieldDiff(_REPLICAS, _at(live, _REPLICAS), LEFT),)
    if not (result.fields or result.unowned or gone or added or freed):
        return SAME
    removed = tuple(FieldDiff(path, _at(live, path), None) for path in dict.fromkeys([*gone, *added]))
    fields = tuple(result.fields) + removed + freed
    if "Secret" in (wanted.get("kind"), live.get("kind")):
        fields = hide(fields)
    return Examination(False, fields, tuple(handed_over), bool(gone or added or freed))


def as_applied(
    fields: tuple[FieldDiff, ...], claims: Claims, examination: Examination
) -> tuple[FieldDiff, ...]:
    """Return a dry run's differences as applying makes them: it lets go of replicas before, which a dry run cannot."""
    if not claims.scaled:
        return fields
    freed = tuple(it for it in examination.fields if it.path == _REPLICAS)
    return tuple(it for it in fields if it.path != _REPLICAS) + freed


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldDiff, ...]:
    """Return the fields in which two states of one object differ; the server's bookkeeping is left out."""
    found: list[FieldDiff] = []
    for part in ("labels", "annotations", "finalizers", "ownerReferences"):
        _differ(
            (before.get("metadata") or {}).get(part),
            (after.get("metadata") or {}).get(part),
            f"metadata.{part}",
            found,
        )
    for name in dict.fromkeys([*before, *after]):
        if name not in _ASIDE:
            _differ(before.get(name), after.get(name), name, found)
    return hide(found) if "Secret" in (before.get("kind"), after.get("kind")) else tuple(found)


def same_owners(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether two states of one object have the same field managers."""
    return without_times(before.get("metadata") or {}) == without_times(after.get("metadata") or {})


def hide(fields: list[FieldDiff] | tuple[FieldDiff, ...]) -> tuple[FieldDiff, ...]:
    """Keep a Secret's paths and drop its values."""
    return tuple(
        FieldDiff(
            each.path,
            None if each.live is None else HIDDEN,
            None if each.wanted is None else HIDDEN,
        )
        if each.path.startswith(("data", "stringData", "metadata.annotations"))
        else each
        for each in fields
    )


def _differ(before: Any, after: Any, at: str, found: list[FieldDiff]) -> None:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            _differ(before.get(name), after.get(name), f"{at}.{name}", found)
    elif isinstance(before, list) and isinstance(after, list) and _named(before) and _named(after):
        mine, theirs = ({item["name"]: item for item in items} for items in (before, after))
        for name in dict.fromkeys([*mine, *theirs]):
            _differ(mine.get(name), theirs.get(name), f"{at}[name={name}]", found)
    else:
        found.append(FieldDiff(at, before, after))


def _named(items: list[Any]) -> bool:
    names = [item.get("name") for item in items if isinstance(item, dict)]
    return len(names) == len(items) and None not in names and len(set(map(str, names))) == len(names)


def _at(live: Mapping[str, Any], path: str) -> Any:
    """Look a path up as far as it can be; what cannot be found is shown as being there."""
    value: Any = live
    for step in path.replace("[", "\0[").replace(".", "\0").split("\0"):
        if step.startswith("[") and isinstance(value, list):
            pairs = [part.partition("=") for part in step[1:-1].split(",")]
            value = next(
                (
                    it
                    for it in value
                    if isinstance(it, dict) and all(str(it.get(k)) == v for k, _, v in pairs)
                ),
                None,
            )
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            value = None
        if value is None:
            return "(there)"
    return value
