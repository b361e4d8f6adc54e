"""Read what an API server answers, and tell it from what something else in its place does."""

from __future__ import annotations

import json
from typing import Any

# What each object, list, discovery document, Status and version of the API has one of.
_MARKS = frozenset({"kind", "metadata", "items", "gitVersion"})


def read_object(data: bytes) -> dict[str, Any] | None:
    """Read an object or a list of objects of the API; None where it is neither."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not (found.keys() & _MARKS):
        return None
    if "metadata" in found and not isinstance(found["metadata"], dict):
        return None
    items = found.get("items")
    if items is None:
        return found
    well = isinstance(items, list) and all(
        isinstance(it, dict) and isinstance(it.get("metadata"), dict) for it in items
    )
    return found if well else None


def excerpt(data: bytes) -> str:
    """Return the beginning of an answer, in one line."""
    text = " ".join(data[:200].decode(errors="replace").split())
    return f"`{text[:80]}…`" if len(text) > 80 else f"`{text}`" if text else "an empty body"


def parsed(sent: bytes | None) -> object:
    """Read what was sent; None where it was nothing, or no JSON."""
    try:
        return json.loads(sent or b"null")
    except ValueError:
        return None
