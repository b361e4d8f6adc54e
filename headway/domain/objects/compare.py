"""Does a live object say what its manifest says?

The field set that headway owns tells how each list is keyed and what is set as a
whole, so no table of kinds is needed. A difference found here is a suspicion: the
server may only have written a value another way. It is never the other way round,
since whoever changes a field takes its ownership from headway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from headway.domain.objects.fields import Fields, element_key, element_label, find_element, is_leaf

_QUANTITY_MAPS = frozenset(
    {"limits", "requests", "hard", "capacity", "default", "defaultRequest", "min", "max", "overhead"}
)
_QUANTITIES = frozenset({"storage", "sizeLimit", "divisor", "averageValue"})
_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12),
    "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip


class FieldDiff(NamedTuple):
    """One field that differs; None stands for "not there"."""

    path: str
    live: Any
    wanted: Any

    def __str__(self) -> str:
        return f"{self.path}: {_short(self.live)} -> {_short(self.wanted)}"


@dataclass(slots=True)
class Comparison:
    """What differs in value, and whether something wanted belongs to somebody else."""

    fields: list[FieldDiff] = field(default_factory=list)
    unowned: bool = False


def compare(wanted: Mapping[str, Any], live: Mapping[str, Any], owned: Fields) -> Comparison:
    """Compare every field of a manifest with the live object.

    `owned` is headway's field set of the live object. Identity and what the server
    alone writes are left out by the caller, or stand in neither.
    """
    result = Comparison()
    for name, value in wanted.items():
        if name in ("apiVersion", "kind"):
            continue
        if name == "metadata":
            meta = live.get("metadata") or {}
            fields = owned.get("f:metadata") or {}
            for key in ("labels", "annotations", "finalizers", "ownerReferences"):
                if value.get(key):
                    _field(key, value[key], meta.get(key), fields.get(f"f:{key}"), f"metadata.{key}", result)
        else:
            _field(name, value, live.get(name), owned.get(f"f:{name}"), name, result)
    return result


def _field(name: str, wanted: Any, live: Any, owned: Fields | None, at: str, out: Comparison) -> None:
    if owned is None:
        if wanted not in ({}, [], None):
            out.unowned = True
            if not same_value(wanted, live, name in _QUANTITY_MAPS or name in _QUANTITIES):
                out.fields.append(FieldDiff(at, live, wanted))
    elif is_leaf(owned):
        if not same_value(wanted, live, name in _QUANTITY_MAPS or name in _QUANTITIES):
            out.fields.append(FieldDiff(at, live, wanted))
    elif isinstance(wanted, dict):
        if not isinstance(live, dict):
            out.fields.append(FieldDiff(at, live, wanted))
            return
        whole = name in _QUANTITY_MAPS
        for key, value in wanted.items():
            _field(name if whole else key, value, live.get(key), owned.get(f"f:{key}"), f"{at}.{key}", out)
    elif isinstance(wanted, list):
        _elements(wanted, live, owned, at, out)
    elif wanted != live:
        out.fields.append(FieldDiff(at, live, wanted))


def _elements(wanted: list[Any], live: Any, owned: Fields, at: str, out: Comparison) -> None:
    if live is not None and not isinstance(live, list):
        out.fields.append(FieldDiff(at, live, wanted))
        return
    live = live or []
    seen = 0
    for entry, below in owned.items():
        if entry == ".":
            continue
        mine = find_element(wanted, entry)
        if mine is None:
            continue
        seen += 1
        theirs = find_element(live, entry)
        here = at + element_label(entry)
        if theirs is None:
            out.fields.append(FieldDiff(here, None, mine))
        elif entry[0] == "k" and isinstance(mine, dict):
            for key, value in mine.items():
                owned_here = below.get(f"f:{key}")
                if owned_here is None and key in element_key(entry):
                    continue
                _field(key, value, theirs.get(key), owned_here, f"{here}.{key}", out)
    if seen != len(wanted):
        out.unowned = True
        out.fields.extend(
            FieldDiff(at + _guess_label(item), None, item)
            for item in wanted
            if not any(same_value(item, other, False) for other in live)
        )


def same_value(wanted: Any, live: Any, quantity: bool) -> bool:
    """Return whether two values mean the same; defaults that the server added inside do not count."""
    if isinstance(wanted, dict):
        if not wanted:
            return live is None or isinstance(live, dict)
        return isinstance(live, dict) and all(
            same_value(value, live.get(key), quantity or key in _QUANTITIES or key in _QUANTITY_MAPS)
            for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        if not wanted:
            return live is None or live == []
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(same_value(mine, theirs, quantity) for mine, theirs in zip(wanted, live, strict=True))
        )
    if wanted == live:
        return True
    return quantity and parse_quantity(wanted) == parse_quantity(live) is not None


def parse_quantity(value: Any) -> Decimal | None:
    """Read a Kubernetes quantity (`500m`, `1Gi`, `1e3`); None when it is none."""
    text = str(value)
    digits = text.rstrip("numkMGTPEi")
    suffix = text[len(digits) :]
    if suffix not in _SUFFIXES:
        return None
    try:
        return Decimal(digits) * _SUFFIXES[suffix]
    except InvalidOperation:
        return None


def _guess_label(item: Any) -> str:
    if isinstance(item, dict):
        for key in ("name", "mountPath", "containerPort", "port", "type", "key"):
            if key in item:
                return f"[{key}={item[key]}]"
        return "[+]"
    return f"[{item}]"


def _short(value: Any) -> str:
    if value is None:
        return "(none)"
    text = str(value)
    return text if len(text) <= 120 else text[:117] + "..."
