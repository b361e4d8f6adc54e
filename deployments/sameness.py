"""Where what a server has differs from what is wanted, when the server adds defaults of its own."""

from __future__ import annotations

from typing import Any


def differences(found: Any, wanted: dict[str, Any]) -> list[str]:
    """Name the wanted keys whose value the server does not have."""
    return [key for key, value in wanted.items() if not covers(found.get(key), value)]


def covers(found: Any, wanted: Any) -> bool:
    """Say whether what was found holds everything that is wanted; lists of text have no order."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return not wanted and found is None
        return all(key in found and covers(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return False
        if all(isinstance(it, str) for it in wanted):
            return sorted(map(str, found)) == sorted(wanted)
        return all(any(covers(it, each) for it in found) for each in wanted)
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        return isinstance(found, int | float) and float(found) == float(wanted)
    return bool(found == wanted)
