"""The model of a tag rule, as it stands in headway.yaml.

The docstring of a key is its description in the JSON Schema that editors show.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Words = str | list[str]


class Part(BaseModel):
    """A map in headway.yaml: only known keys, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Tags(Part):
    """Which image of the registry is the one to release."""

    match: Words = "glob:*"
    """Tags that may be released: `glob:`, `semver:`, `regex:` or `exact:`; of several any one is enough."""
    ignore: Words = []
    """Tags that are never released, in the same words as `match`."""
    range: str | None = Field(default=None, min_length=1)
    """Versions that may be released of what `match` takes, such as ">=1.2 <2": of its group `semver`, or of the tag."""
    order: (
        Literal[
            "commit",
            "semver",
            "number",
            "alphabetical",
            "created",
            "timestamp",
            "number desc",
            "alphabetical desc",
        ]
        | None
    ) = None
    """What makes one tag newer than another; with `desc` the first one in the order is the newest."""
    format: str | None = None
    """Format of the time in the tag, for `order: timestamp`."""
    platform: str | None = None
    """Platform that an image must have, such as linux/amd64."""
    floor: str | None = None
    """Tag that automation never goes below."""
    mutable: bool | None = None
    """Whether a tag may come to mean another image. Left out: only those named by `exact:` may."""
