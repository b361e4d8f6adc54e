"""Fields that are left as the cluster has them: what a chart renders to another value each time.

The first time such an object is applied as it was rendered. From then on the cluster's own value stands in its
manifest, so that it differs in nothing and nobody's password changes. It is sent, not left out: what is left out of an
apply is removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headway.domain.objects.identity import is_named
from headway.domain.text.field_path import Step, Steps, values_at


@dataclass(frozen=True, slots=True)
class KeptField:
    """A field of the objects of a kind, which may carry its group; an empty `name` stands for each of them."""

    kind: str
    path: Steps
    name: str = ""

    def covers(self, item: Mapping[str, Any]) -> bool:
        """Return whether it is about an object."""
        return is_named(item, self.kind, self.name)


def kept_in(item: Mapping[str, Any], fields: Iterable[KeptField]) -> tuple[Steps, ...]:
    """Return the paths of an object's fields that are kept."""
    return tuple(it.path for it in fields if it.covers(item))


def without(item: Mapping[str, Any], paths: Iterable[Steps]) -> dict[str, Any]:
    """Return an object without some of its fields."""
    found: Any = dict(item)
    for path in paths:
        for at, _ in list(values_at(found, path)):
            found = _changed(found, at, None)
    return dict(found)


def as_in_cluster(
    wanted: Mapping[str, Any], live: Mapping[str, Any], paths: Iterable[Steps]
) -> dict[str, Any]:
    """Return an object with the values that the cluster has in some of its fields; others stay as they are.

    What a Secret says as text stands among its data, in the cluster and in what is applied.
    """
    found: Any = dict(wanted)
    secret = wanted.get("kind") == "Secret"
    for path in paths:
        if secret and path[0].name == "stringData":
            path = (Step("key", "data"), *path[1:])
        for at, _ in list(values_at(found, path)):
            there = [value for _, value in values_at(live, at)]
            if len(there) == 1:
                found = _changed(found, at, there[0])
    return dict(found)


def _changed(value: Any, at: Steps, new: Any) -> Any:
    """Return a value with another one at a path that leads to one place; without it where the new one is None."""
    step, rest = at[0], at[1:]
    if step.kind == "key":
        if not rest:
            return {
                key: it
                for key, it in {**value, step.name: new}.items()
                if key != step.name or new is not None
            }
        return {**value, step.name: _changed(value[step.name], rest, new)}
    places = [place for place, it in enumerate(value) if _is_at(step, place, it)]
    if not rest:
        changed = [new if place in places else it for place, it in enumerate(value)]
        return [it for place, it in enumerate(changed) if place not in places or new is not None]
    return [_changed(it, rest, new) if place in places else it for place, it in enumerate(value)]


def _is_at(step: Step, place: int, item: Any) -> bool:
    return any(True for _ in values_at([item], (step,))) if step.kind == "where" else step.name == str(place)
