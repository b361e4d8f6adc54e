"""The last line about an environment that a command prints: how it ended, how long it took, and the versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headway.domain.images.reference import Image
from headway.domain.releases.ledger import short_tag

NAMED = 6
"""How many services one line names."""
Version = dict[str, str]


def versions(
    now: Mapping[str, Sequence[Image]], before: Mapping[str, Sequence[Image]] | None = None
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


def environment_line(name: str, result: Mapping[str, Any] | Sequence[object]) -> str:
    """Return what became of an environment that was not released to: how it differs, or why nothing was done."""
    if isinstance(result, Mapping):
        return f"{name}: {result.get('state', '')}" + (f": {result['why']}" if result.get("why") else "")
    if not result:
        return f"{name}: the cluster equals the repo"
    differ = "1 object differs" if len(result) == 1 else f"{len(result)} objects differ"
    return f"{name}: {differ} from the repo; nothing was done"


def flow_line(flow: str, result: Mapping[str, Any]) -> str:
    """Return how a flow that is about more than one environment, or about none, ended."""
    if flow == "rebuild":
        names = ", ".join(result["environments"])
        if "seconds" not in result:
            missing = ", ".join(result["missing_images"])
            return f"{names}: nothing was done; " + (
                f"images are missing: {missing}" if missing else "all images are there"
            )
        proven = "equal to the repo" if result["equal"] else "equal to the repo but for fields of other tools"
        return f"{names}: rebuilt in {result['seconds']:.1f} s, {proven}"
    if flow == "set-image":
        objects = result.get("changed", result.get("would_change", ()))
        done = "; nothing was done" if "would_change" in result else ""
        return f"{result['namespace']}: {', '.join(objects) or 'nothing'} to {result['image']}{done}"
    if flow == "build-images" and isinstance(result.get("images"), list):
        return f"to build: {', '.join(result['images'])}; nothing was done"
    return "\n".join(f"{key}: {value}" for key, value in result.items()) or f"{flow}: nothing to do"


def _tags(images: Sequence[Image]) -> str:
    return "/".join(dict.fromkeys(short_tag(it) for it in images))
