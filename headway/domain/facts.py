"""What is true of an image for ever, since its digest names its content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image's creation time, platforms (`linux/arm64/v8`) and labels; `first_seen` is when we saw it first."""

    digest: str
    created: datetime | None = None
    platforms: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    first_seen: datetime | None = None


def platform_of(value: Mapping[str, Any]) -> str:
    """Write a platform as `os/architecture[/variant]`; empty where it is not an image to run."""
    parts = [str(value.get(key) or "") for key in ("os", "architecture", "variant")]
    if not (parts[0] and parts[1]) or "unknown" in parts[:2]:
        return ""
    return "/".join(it for it in parts if it)


def children(index: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List an index's images as (platform, digest), without attestations (OCI image index, `manifests`)."""
    found = []
    for each in index.get("manifests") or ():
        if isinstance(each, dict) and isinstance(each.get("digest"), str):
            platform = platform_of(each.get("platform") or {})
            annotations = each.get("annotations") or {}
            if "vnd.docker.reference.type" not in annotations:
                found.append((platform, each["digest"]))
    named = [it for it in found if it[0]]
    return named or found


def chosen_child(images: list[tuple[str, str]]) -> str | None:
    """Give the digest of the image that speaks for an index: linux/amd64's, or the first."""
    return next((digest for platform, digest in images if platform == "linux/amd64"), None) or (
        images[0][1] if images else None
    )


def facts_from(
    digest: str, config: Mapping[str, Any], platforms: tuple[str, ...], now: datetime
) -> ImageFacts:
    """Read an image's configuration blob (OCI image config); without `platforms` it names its own."""
    own = platform_of(config)
    labels = (config.get("config") or {}).get("Labels") or {}
    return ImageFacts(
        digest,
        _time(config.get("created")),
        platforms or ((own,) if own else ()),
        {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {},
        now,
    )


def _time(value: Any) -> datetime | None:
    """Read RFC 3339; the year 1 and the epoch stand for images that name no time."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if found.year > 1970 else None


def to_json(facts: ImageFacts) -> str:
    """Write facts as the store keeps them."""
    created = facts.created.isoformat() if facts.created else None
    return json.dumps([created, facts.platforms, dict(facts.labels)], separators=(",", ":"))


def from_json(digest: str, text: str, first_seen: datetime) -> ImageFacts:
    """Read what `to_json` wrote; raise ValueError or TypeError for anything else."""
    created, platforms, labels = json.loads(text)
    when = datetime.fromisoformat(created) if created else None
    return ImageFacts(digest, when, tuple(platforms), dict(labels), first_seen)
