"""Generated names: kustomize names a ConfigMap after its content, so that a change of a value is another object.

Two renderings are compared as if the name had stayed: then what differs is what somebody changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from headway.domain.rendering.containers import Item, flat, identity

_HASHED = re.compile(r"(?P<base>.+)-[a-z0-9]{10}")
Names = Mapping[tuple[str, str], str]


def renamed(before: Iterable[Item], after: Iterable[Item]) -> dict[tuple[str, str], str]:
    """Return the ConfigMaps whose generated name is another one: (namespace, old name) → new name."""
    old, new = _generated(before), _generated(after)
    gone = {key: names - new.get(key, set()) for key, names in old.items()}
    come = {key: names - old.get(key, set()) for key, names in new.items()}
    return {
        (key[0], next(iter(names))): next(iter(come[key]))
        for key, names in gone.items()
        if len(names) == 1 and len(come.get(key, ())) == 1
    }


def with_names(objects: Iterable[Item], names: Names) -> list[Item]:
    """Return objects in which ConfigMaps have other names, and so has what refers to them."""
    if not names:
        return list(objects)
    return [
        _renamed(it, {old: new for (space, old), new in names.items() if space in ("", _space(it))})
        for it in objects
    ]


def _generated(objects: Iterable[Item]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for item in flat(objects):
        group, kind, space, name = identity(item)
        hashed = _HASHED.fullmatch(name) if (group, kind) == ("", "ConfigMap") else None
        if hashed is not None:
            found.setdefault((space, hashed["base"]), set()).add(name)
    return found


def _space(item: Item) -> str:
    return identity(item)[2]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(it, names) for key, it in value.items()}
    if isinstance(value, list):
        return [_renamed(it, names) for it in value]
    return names.get(value, value) if isinstance(value, str) else value
