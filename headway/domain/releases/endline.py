"""The last line about an environment that a command prints: how it ended, how long it took, and the versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headway.domain.releases.ledger import short_tag

NAMED = 6
"""How many services one line names."""
Version = dict[str, str]


def versions(
    now: Mapping[str, Sequence[str]], before: Mapping[str, Sequence[str]] | None = None
) -> list[Version]:
    """Return each service's version now and before, those that differ first; `before` is None where nothing was."""
    found = []
    for service, images in now.items():
        was = before.get(service, ()) if before is not None else ()
        found.append({"service": service, "version": _tags(images), "was": _tags(was)})
    return sorted(found, key=lambda it: it["version"] == it["was"] or not it["was"])


def end_line(result: Mapping[str, Any]) -> str:
    """Return how an environment ended, as `production: live in 3.1 s: web 1.4.2, api 2.0.1 (was 1.4.1, 2.0.1)`."""
    state, commit = result["state"], result["commit"][:9]
    line = f"{result['environment']}: {state} in {result['seconds']:.1f} s"
    rows: list[Version] = result.get("versions") or []
    if state not in ("live", "unchanged") or not rows:
        return f"{line} ({commit})"
    shown = rows[:NAMED]
    line += ": " + ", ".join(f"{it['service']} {it['version']}" for it in shown)
    if len(rows) > NAMED:
        line += f" and {len(rows) - NAMED} more"
    if any(it["was"] not in ("", it["version"]) for it in shown):
        line += " (was " + ", ".join(it["was"] or "nothing" for it in shown) + ")"
    return line


def _tags(images: Sequence[str]) -> str:
    return "/".join(dict.fromkeys(short_tag(it) for it in images))
