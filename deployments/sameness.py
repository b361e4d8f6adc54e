"""Where what a server has differs from what is wanted. Nothing may be missing there, and nothing left over."""

from __future__ import annotations

from typing import Any

FILLED = {"parameters", "job_variables", "parameter_openapi_schema", "base_job_template"}
"""What people fill as they like: each key and each value counts, also one that is empty or false."""
ADDED = {"id", "created", "updated", "deployment_id", "active", "anchor_date", "timezone", "source"}
"""What the server adds to what it was sent. Other keys that were not sent must be empty."""


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Return the wanted keys whose value the server does not have."""
    return [key for key, value in wanted.items() if not _same(key, found.get(key), value)]


def _same(key: str, found: Any, wanted: Any) -> bool:
    """Compare the values of a key; lists have no order, but for what people fill."""
    if key in FILLED:
        return bool(found == wanted)
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            _same(it, found.get(it), wanted[it]) if it in wanted else it in ADDED or not found[it]
            for it in found.keys() | wanted.keys()
        )
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return False
        if all(isinstance(it, str) for it in wanted):
            return sorted(map(str, found)) == sorted(wanted)
        return all(any(_same(key, it, each) for it in found) for each in wanted)
    return bool(found == wanted)
