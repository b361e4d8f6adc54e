"""What is true of an image for ever, since its digest names its content.

Whoever may push an image writes these documents, so nothing about them is taken for granted:
what is not as the OCI image specification has it is left out, and is no error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from headway.domain.images.reference import is_digest

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
USUAL = "linux/amd64"
"""The platform whose image speaks for an index where nobody asks for another."""

_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image's creation time, platforms (`linux/arm64/v8`) and labels; `first_seen` is when we saw it first.

    Of an index, `platform` is the one whose image was asked for its time and labels.
    """

    digest: str
    created: datetime | None = None
    platforms: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    first_seen: datetime | None = None
    platform: str = ""


def platform_of(value: Any) -> str:
    """Write a platform as `os/architecture[/variant]`; empty where it is not an image to run."""
    if not isinstance(value, dict):
        return ""
    parts = [it for key in ("os", "architecture", "variant") if (it := value.get(key))]
    if not all(isinstance(it, str) and _WORD.fullmatch(it) for it in parts) or "unknown" in parts[:2]:
        return ""
    return "/".join(parts) if value.get("os") and value.get("architecture") else ""


def is_index(manifest: Mapping[str, Any]) -> bool:
    """Return whether a manifest lists the images of several platforms."""
    return manifest.get("mediaType") in INDEXES or "manifests" in manifest


def children(index: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return an index's images as (platform, digest), without attestations (OCI image index, `manifests`)."""
    listed = index.get("manifests")
    found = []
    for each in listed if isinstance(listed, list) else ():
        if not isinstance(each, dict) or not is_digest(str(each.get("digest"))):
            continue
        annotations = each.get("annotations")
        if not isinstance(annotations, dict) or "vnd.docker.reference.type" not in annotations:
            found.append((platform_of(each.get("platform")), each["digest"]))
    named = [it for it in found if it[0]]
    return named or found


def chosen_child(images: list[tuple[str, str]], platform: str = USUAL) -> str | None:
    """Return the digest of the image that speaks for an index: the platform's, the usual one's, or the first."""
    for wanted in (platform, USUAL):
        for each, digest in images:
            if each == wanted or each.startswith(f"{wanted}/"):
                return digest
    return images[0][1] if images else None


def config_of(manifest: Mapping[str, Any]) -> str | None:
    """Return the digest of an image's configuration blob; None where the manifest names none."""
    config = manifest.get("config")
    digest = config.get("digest") if isinstance(config, dict) else None
    return digest if is_digest(str(digest)) else None


def facts_from(
    digest: str, config: Any, platforms: tuple[str, ...], now: datetime, platform: str = ""
) -> ImageFacts:
    """Read an image's configuration blob (OCI image config); without `platforms` it names its own."""
    config = config if isinstance(config, dict) else {}
    own = platform_of(config)
    inner = config.get("config")
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    return ImageFacts(
        digest,
        _time(config.get("created")),
        platforms or ((own,) if own else ()),
        {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {},
        now,
        platform,
    )


def _time(value: Any) -> datetime | None:
    """Read RFC 3339; the year 1 and the epoch stand for images that name no time."""
    try:
        found = datetime.fromisoformat(value)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.year > 1970 else None


def to_json(facts: ImageFacts) -> str:
    """Write facts as the store keeps them."""
    created = facts.created.isoformat() if facts.created else None
    return json.dumps([created, facts.platforms, dict(facts.labels)], separators=(",", ":"))


def from_json(digest: str, text: str, first_seen: datetime, platform: str = "") -> ImageFacts:
    """Read what `to_json` wrote; raise ValueError or TypeError for anything else."""
    created, platforms, labels = json.loads(text)
    when = datetime.fromisoformat(created) if created else None
    return ImageFacts(digest, when, tuple(platforms), dict(labels), first_seen, platform)
