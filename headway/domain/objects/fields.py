"""Who set which field: reading and rewriting an object's `metadata.managedFields`.

The API server keeps one set of field paths per manager, written as nested maps:
`f:NAME` is a field, `k:{…}` a list's element by its keys, `v:…` an element by its
value, `.` the thing itself, and an empty map ends a path. What ends a path is set
as a whole. (Kubernetes API conventions, FieldsV1; KEP-555.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from headway.domain.objects.identity import MANAGER
from headway.domain.objects.managers import is_controller, is_ours, named_in

Fields = dict[str, Any]
Trail = tuple[str, ...]
"""A path as a field set has it: its entries from the top."""
RESTARTED_AT = "f:kubectl.kubernetes.io/restartedAt"
NOT_PEOPLES = frozenset({"f:metadata", "f:status"})
_REPLICAS = ("f:spec", "f:replicas")
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
    """Return whether a path ends here, so that the value is set as a whole."""
    return not fields or (len(fields) == 1 and "." in fields)


def applied_entry(meta: Mapping[str, Any], manager: str = MANAGER) -> dict[str, Any] | None:
    """Return a manager's server-side apply entry of an object's metadata."""
    for entry in meta.get("managedFields") or ():
        if entry.get("manager") == manager and entry.get("operation") == "Apply":
            return None if entry.get("subresource") else entry
    return None


@dataclass(frozen=True, slots=True)
class Claims:
    """What of others' fields becomes headway's, and what of its own it lets go.

    `takeover` names field managers whose fields the repo decides about, as it does about
    kubectl's; `scaled` says that an autoscaler looks after the object's replicas.
    """

    takeover: tuple[str, ...] = ()
    scaled: bool = False


NO_CLAIMS = Claims()


def set_by_a_person(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry of managedFields is somebody's kubectl."""
    return str(entry.get("manager", "")).startswith("kubectl") and entry.get("subresource") != "status"


def absent_trails(fields: Fields, wanted: Any, at: Trail = ()) -> list[Trail]:
    """Return the paths of a field set that lead to nothing in `wanted`, as its entries from the top."""
    found: list[Trail] = []
    for entry, below in fields.items():
        if entry == ".":
            continue
        here = (*at, entry)
        if entry[0] == "f":
            name = entry[2:]
            present = isinstance(wanted, dict) and name in wanted
            value = wanted[name] if present else None
        else:
            value = find_element(wanted, entry) if isinstance(wanted, list) else None
            present = value is not None
        if not present:
            found.append(here)
        elif below and not is_leaf(below):
            found.extend(absent_trails(below, value, here))
    return found


def absent_paths(fields: Fields, wanted: Any) -> list[str]:
    """Return the paths of a field set that lead to nothing in `wanted`, for people."""
    return [trail_label(trail) for trail in absent_trails(fields, wanted)]


def trail_label(trail: Trail) -> str:
    """Spell a path for people: `spec.containers[name=app].image`."""
    return "".join(
        f".{entry[2:]}" if entry[0] == "f" else element_label(entry) for entry in trail
    ).removeprefix(".")


def at_trail(value: Any, trail: Trail) -> Any:
    """Return what stands at a path; None where nothing does."""
    for entry in trail:
        if entry[0] == "f":
            value = value.get(entry[2:]) if isinstance(value, dict) else None
        else:
            value = find_element(value, entry) if isinstance(value, list) else None
    return value


def without_trails(value: Any, trails: Sequence[Trail]) -> Any:
    """Return a value without what stands at these paths; the value itself stays as it is."""
    copy = json.loads(json.dumps(value))
    for *above, last in trails:
        holder = at_trail(copy, tuple(above))
        if last[0] == "f" and isinstance(holder, dict):
            holder.pop(last[2:], None)
        elif isinstance(holder, list) and (found := at_trail(holder, (last,))) is not None:
            holder.remove(found)
    return copy


def element_label(entry: str) -> str:
    """Spell a list's element for people: `[name=app]`."""
    key = element_key(entry)
    if isinstance(key, dict):
        return "[" + ",".join(f"{name}={value}" for name, value in key.items()) + "]"
    return f"[{key}]"


def handover(
    meta: Mapping[str, Any], wanted: Mapping[str, Any], claims: Claims = NO_CLAIMS
) -> tuple[list[str], list[dict[str, Any]]]:
    """Return what people set that the manifest does not say, and make it headway's to remove.

    Gives the paths, and the new managedFields in which they belong to headway: an apply
    on top of that takes them away. Metadata and status are not looked at; neither are
    `kubectl rollout restart`'s mark, which would roll everything once more if it went,
    nor replicas that the manifest leaves open. Replicas that headway set and an autoscaler
    looks after now are nobody's in the new managedFields, so that their value stays.
    """
    entries = meta.get("managedFields") or []
    paths: list[str] = []
    taken: Fields = {}
    rest: list[dict[str, Any]] = []
    version = ""
    for entry in entries:
        if not (set_by_a_person(entry) or _claimed(entry, claims)):
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
    ours = applied_entry(meta)
    frees = claims.scaled and owns_replicas(meta) and not _says_replicas(wanted)
    if not paths and not frees:
        return [], []
    mine: Fields = json.loads(json.dumps(ours["fieldsV1"])) if ours else {}
    if frees:
        _move(mine, {}, _REPLICAS)
    _merge(mine, taken)
    entry = {**(ours or {"manager": MANAGER, "operation": "Apply", "apiVersion": version}), "fieldsV1": mine}
    entry["fieldsType"] = "FieldsV1"
    return paths, [*(each for each in rest if each is not ours), entry]


def taken_over(
    meta: Mapping[str, Any],
    wanted: Mapping[str, Any],
    managers: Sequence[str],
    goes: Collection[Trail] | None = None,
) -> list[dict[str, Any]]:
    """Return new managedFields in which the fields of these managers are headway's; as they are if there are none.

    What headway set without an apply becomes part of its apply, too. Labels and annotations that the manifest has
    not, status, `kubectl rollout restart`'s mark and replicas that the manifest leaves open stay with who set
    them. `goes` are the fields that the manifest has not and that are more than the API server's defaults, which
    count as the creator's; defaults are nobody's afterwards. No value changes by this.
    """
    entries = list(meta.get("managedFields") or ())
    ours = applied_entry(meta)
    taken: Fields = {}
    rest: list[dict[str, Any]] = []
    version = ""
    for entry in entries:
        own = entry.get("manager") == MANAGER and entry is not ours
        if entry is ours or entry.get("subresource") or not (own or entry.get("manager") in managers):
            rest.append(entry)
            continue
        theirs, left = _split(entry.get("fieldsV1") or {}, wanted)
        _move_metadata(left, theirs, wanted)
        if not theirs:
            rest.append(entry)
            continue
        _merge(taken, theirs)
        version = entry.get("apiVersion", "")
        if left:
            rest.append({**entry, "fieldsV1": left})
    if not taken:
        return entries
    if goes is not None:
        for trail in absent_trails(taken, wanted):
            if trail not in goes:
                _move(taken, {}, trail)
    mine: Fields = json.loads(json.dumps(ours["fieldsV1"])) if ours else {}
    _merge(mine, taken)
    entry = {**(ours or {"manager": MANAGER, "operation": "Apply", "apiVersion": version}), "fieldsV1": mine}
    entry["fieldsType"] = "FieldsV1"
    return [*(each for each in rest if each is not ours), entry]


def _move_metadata(source: Fields, target: Fields, wanted: Mapping[str, Any]) -> None:
    """Move the labels and annotations that a manifest has from one field set to another."""
    meta = wanted.get("metadata") or {}
    for part in ("labels", "annotations"):
        holder = (source.get("f:metadata") or {}).get(f"f:{part}") or {}
        for name in meta.get(part) or ():
            if f"f:{name}" in holder:
                _move(source, target, ("f:metadata", f"f:{part}", f"f:{name}"))


def owns_replicas(meta: Mapping[str, Any]) -> bool:
    """Return whether headway set an object's `spec.replicas`."""
    fields = (applied_entry(meta) or {}).get("fieldsV1") or {}
    return _REPLICAS[1] in (fields.get(_REPLICAS[0]) or {})


def foreign_fields(
    meta: Mapping[str, Any], wanted: Mapping[str, Any], claims: Claims = NO_CLAIMS
) -> list[tuple[Trail, str, bool]]:
    """Return the fields that others set and the manifest leaves out: each with its field manager, whether it goes.

    Those of people and of claimed managers go when the manifest is applied; those of other tools
    stay. Left out is what controllers own, and what `handover` does not look at. What the API
    server filled in is among them: at creation it counts as the creator's.
    """
    found: dict[Trail, tuple[str, bool]] = {}
    for entry in meta.get("managedFields") or ():
        manager = str(entry.get("manager") or "")
        goes = set_by_a_person(entry) or _claimed(entry, claims)
        if entry.get("subresource") or is_ours(manager) or (is_controller(manager) and not goes):
            continue
        theirs, _ = _split(entry.get("fieldsV1") or {}, wanted)
        for trail in absent_trails(theirs, wanted):
            found.setdefault(trail, (manager, goes))
    return [(trail, manager, goes) for trail, (manager, goes) in found.items()]


def without_times(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return managedFields without their clocks, in a fixed order, for comparing."""
    entries = [
        {name: value for name, value in entry.items() if name != "time"}
        for entry in meta.get("managedFields") or ()
    ]
    by: Callable[[dict[str, Any]], tuple[str, ...]] = lambda entry: tuple(  # noqa: E731
        str(entry.get(name, "")) for name in ("manager", "operation", "subresource", "apiVersion")
    )
    return sorted(entries, key=by)


def _claimed(entry: Mapping[str, Any], claims: Claims) -> bool:
    return not entry.get("subresource") and named_in(str(entry.get("manager")), claims.takeover)


def _says_replicas(wanted: Mapping[str, Any]) -> bool:
    spec = wanted.get("spec")
    return isinstance(spec, dict) and "replicas" in spec


def _split(fields: Fields, wanted: Mapping[str, Any]) -> tuple[Fields, Fields]:
    theirs: Fields = json.loads(json.dumps({k: v for k, v in fields.items() if k not in NOT_PEOPLES}))
    left: Fields = {k: v for k, v in fields.items() if k in NOT_PEOPLES}
    if not _says_replicas(wanted):
        _move(theirs, left, _REPLICAS)
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
