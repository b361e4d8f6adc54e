"""Who set which field: reading and rewriting an object's `metadata.managedFields`.

The API server keeps one set of field paths per manager, written as nested maps:
`f:NAME` is a field, `k:{…}` a list's element by its keys, `v:…` an element by its
value, `.` the thing itself, and an empty map ends a path. What ends a path is set
as a whole. (Kubernetes API conventions, FieldsV1; KEP-555.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from headway.domain.objects import MANAGER

Fields = dict[str, Any]
RESTARTED_AT = "f:kubectl.kubernetes.io/restartedAt"
NOT_PEOPLES = frozenset({"f:metadata", "f:status"})
KEY_DEFAULTS = {"protocol": "TCP"}
"""Defaults of fields that are keys of a list in Kubernetes' own kinds: ports of Services and containers.

All other keys there are required (`x-kubernetes-list-map-keys` of its OpenAPI schema), but for the name
of an imagePullSecret, the only key of its list.
"""


@lru_cache(maxsize=65536)
def element_key(entry: str) -> Any:
    """Decode what stands after `k:` or `v:`."""
    return json.loads(entry[2:])


def find_element(items: Sequence[Any], entry: str) -> Any:
    """Return the list's element that a `k:` or `v:` entry names; None when there is none.

    A key that the element leaves out has its default. Where that is not known (a custom
    resource's), an element that says all keys comes before one that leaves some out.
    """
    key = element_key(entry)
    if entry[0] == "v":
        return key if key in items else None
    best, best_lacks = None, len(key) + 1
    for item in items:
        if not isinstance(item, dict):
            continue
        lacks = 0
        for name, value in key.items():
            said = item.get(name, KEY_DEFAULTS.get(name))
            if said is None:
                lacks += 1
            elif said != value:
                break
        else:
            if lacks < best_lacks:
                best, best_lacks = item, lacks
    return best


def is_leaf(fields: Fields) -> bool:
    """Say whether a path ends here, so that the value is set as a whole."""
    return not fields or (len(fields) == 1 and "." in fields)


def applied_entry(meta: Mapping[str, Any], manager: str = MANAGER) -> dict[str, Any] | None:
    """Give a manager's server-side apply entry of an object's metadata."""
    for entry in meta.get("managedFields") or ():
        if entry.get("manager") == manager and entry.get("operation") == "Apply":
            return None if entry.get("subresource") else entry
    return None


def set_by_a_person(entry: Mapping[str, Any]) -> bool:
    """Say whether an entry of managedFields is somebody's kubectl."""
    return str(entry.get("manager", "")).startswith("kubectl") and entry.get("subresource") != "status"


def absent_paths(fields: Fields, wanted: Any, at: str = "") -> list[str]:
    """List the paths of a field set that lead to nothing in `wanted`."""
    found: list[str] = []
    for entry, below in fields.items():
        if entry == ".":
            continue
        if entry[0] == "f":
            name = entry[2:]
            here = f"{at}.{name}" if at else name
            present = isinstance(wanted, dict) and name in wanted
            value = wanted[name] if present else None
        else:
            here = at + element_label(entry)
            value = find_element(wanted, entry) if isinstance(wanted, list) else None
            present = value is not None
        if not present:
            found.append(here)
        elif below and not is_leaf(below):
            found.extend(absent_paths(below, value, here))
    return found


def element_label(entry: str) -> str:
    """Spell a list's element for people: `[name=app]`."""
    key = element_key(entry)
    if isinstance(key, dict):
        return "[" + ",".join(f"{name}={value}" for name, value in key.items()) + "]"
    return f"[{key}]"


def takeover(meta: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
    """Find what people set that the manifest does not say, and make it headway's to remove.

    Gives the paths, and the new managedFields in which they belong to headway: an apply
    on top of that takes them away. Metadata and status are not looked at; neither are
    `kubectl rollout restart`'s mark, which would roll everything once more if it went,
    nor replicas that the manifest leaves open.
    """
    entries = meta.get("managedFields") or []
    paths: list[str] = []
    taken: Fields = {}
    rest: list[dict[str, Any]] = []
    version = ""
    for entry in entries:
        if not set_by_a_person(entry):
            rest.append(entry)
            continue
        theirs, left = _split(entry.get("fieldsV1") or {}, wanted)
        found = absent_paths(theirs, wanted)
        if not found:
            rest.append(entry)
            continue
        paths.extend(found)
        _merge(taken, theirs)
        version = entry.get("apiVersion", "")
        if left:
            rest.append({**entry, "fieldsV1": left})
    if not paths:
        return [], []
    ours = applied_entry(meta)
    mine: Fields = json.loads(json.dumps(ours["fieldsV1"])) if ours else {}
    _merge(mine, taken)
    entry = {**(ours or {"manager": MANAGER, "operation": "Apply", "apiVersion": version}), "fieldsV1": mine}
    entry["fieldsType"] = "FieldsV1"
    return paths, [*(each for each in rest if each is not ours), entry]


def without_times(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give managedFields without their clocks, in a fixed order, for comparing."""
    entries = [
        {name: value for name, value in entry.items() if name != "time"}
        for entry in meta.get("managedFields") or ()
    ]
    by: Callable[[dict[str, Any]], tuple[str, ...]] = lambda entry: tuple(  # noqa: E731
        str(entry.get(name, "")) for name in ("manager", "operation", "subresource", "apiVersion")
    )
    return sorted(entries, key=by)


def _split(fields: Fields, wanted: Mapping[str, Any]) -> tuple[Fields, Fields]:
    theirs: Fields = json.loads(json.dumps({k: v for k, v in fields.items() if k not in NOT_PEOPLES}))
    left: Fields = {k: v for k, v in fields.items() if k in NOT_PEOPLES}
    spec = wanted.get("spec")
    if not (isinstance(spec, dict) and "replicas" in spec):
        _move(theirs, left, ("f:spec", "f:replicas"))
    _move(theirs, left, ("f:spec", "f:template", "f:metadata", "f:annotations", RESTARTED_AT))
    return theirs, left


def _move(source: Fields, target: Fields, path: tuple[str, ...]) -> None:
    trail = [source]
    for step in path:
        below = trail[-1].get(step)
        if below is None:
            return
        trail.append(below)
    for step in path[:-1]:
        target = target.setdefault(step, {})
    target[path[-1]] = trail[-1]
    for holder, step in zip(reversed(trail[:-1]), reversed(path), strict=True):
        del holder[step]
        if holder.keys() - {"."}:
            return


def _merge(target: Fields, more: Fields) -> None:
    for entry, below in more.items():
        _merge(target.setdefault(entry, {}), below)
