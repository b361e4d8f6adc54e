"""What a headway.yaml with mistakes says where it has none, so that all its mistakes are reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from headway.domain.config.checks import Path
from headway.domain.config.model import Document
from headway.domain.rules.model import Part

Mistake = Mapping[str, Any]
"""An error as pydantic gives it."""
ROUNDS = 5
_SERVICE = {"image": "unknown.invalid/unknown"}
_ENVIRONMENT = {"path": "unknown", "cluster": {"namespace": "unknown"}}
_REQUIRED: dict[Path, Any] = {
    ("version",): 1,
    ("app",): "unknown",
    ("services",): {"unknown": _SERVICE},
    ("environments",): {"unknown": _ENVIRONMENT},
    ("services", "*", "image"): "unknown.invalid/{}",
    ("environments", "*", "path"): "unknown-{}",
    ("environments", "*", "cluster"): {"namespace": "unknown"},
    ("environments", "*", "cluster", "namespace"): "unknown",
}
"""What stands in for a key that must be there, so that what stands beside it is looked at too."""


def repaired(value: Any) -> tuple[Document | None, frozenset[Path], list[Mistake]]:
    """Return what is right in a value, the keys that were left out or replaced for it, and what is wrong with them.

    The document is None where it could not be put right.
    """
    left, cut, mistakes = _copy(value), set[Path](), list[Mistake]()
    for number in range(ROUNDS):
        try:
            return Document.model_validate(left), frozenset(cut), mistakes
        except ValidationError as error:
            found = error.errors(include_url=False)
        if number == 0:
            mistakes += found
        for path in dict.fromkeys([_place(left, it) for it in found]):
            cut.add(_take_out(left, path, len(cut)))
    return None, frozenset(cut), mistakes


def _copy(value: Any) -> Any:
    """Copy a value; what an anchor gave to several places is apart then."""
    if isinstance(value, dict):
        return {key: _copy(it) for key, it in value.items()}
    return [_copy(it) for it in value] if isinstance(value, list) else value


def _place(value: Any, mistake: Mistake) -> Path:
    loc = tuple(it for it in mistake["loc"] if it != "[key]")
    there = existing(value, loc)
    return loc[: len(there) + 1] if mistake["type"] == "missing" else there


def _take_out(value: Any, path: Path, number: int) -> Path:
    """Leave out what is wrong at a path, or the nearest above it that may be left out; return where that was."""
    for length in range(len(path), 0, -1):
        where, key = path[: length - 1], path[length - 1]
        holder = value
        for step in where:
            holder = holder[step] if existing(holder, (step,)) else {}
        shape = tuple("*" if place == 1 else it for place, it in enumerate(path[:length]))
        if shape in _REQUIRED:
            given = _copy(_REQUIRED[shape])
            holder[key] = given.format(number) if isinstance(given, str) else given
            return path[:length]
        if isinstance(holder, list):
            # The whole list goes: what is left of it would have other places.
            continue
        part = _part_at(where)
        field = part.model_fields.get(str(key)) if part is not None else None
        if field is None or not field.is_required():
            holder.pop(key, None)
            return path[:length]
    return ()


def existing(value: object, path: Path) -> Path:
    """Cut off what pydantic adds to a place to name the branch of a union."""
    kept: list[str | int] = []
    for step in path:
        here: Any = value
        inside = isinstance(here, dict) and step in here
        if not inside and not (isinstance(here, list) and isinstance(step, int) and step < len(here)):
            break
        value = here[step]
        kept.append(step)
    return tuple(kept)


def keys_at(path: Path) -> list[str]:
    """Return the keys that a map of headway.yaml may have."""
    part = _part_at(path)
    return list(part.model_fields) if part is not None else []


def _part_at(path: Path) -> type[Part] | None:
    part: Any = Document
    for step in path:
        if isinstance(part, type) and issubclass(part, Part) and step in part.model_fields:
            part = _inner(part.model_fields[str(step)].annotation)
        elif isinstance(part, list):
            part = part[0]
    return part if isinstance(part, type) and issubclass(part, Part) else None


def _inner(annotation: Any) -> Any:
    """Return the Part in `Part | None`, or it in a list for a map of Parts."""
    arguments: Any = getattr(annotation, "__args__", ())
    if getattr(annotation, "__origin__", None) is dict:
        return [arguments[1]]
    return next((it for it in arguments if isinstance(it, type) and issubclass(it, Part)), annotation)
