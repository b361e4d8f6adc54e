"""The model of a tag rule, as it stands in headway.yaml.

The docstring of a key is its description in the JSON Schema that editors show.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from headway.domain.text.described import Described

Words = str | list[str]


class Part(Described):
    """A map in headway.yaml: only known keys, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tags(Part):
    """Which tags may be released, and which is the newest."""

    match: Words = "glob:*"
    """Tags that may be released: `glob:`, `semver:`, `regex:` or `exact:` patterns. Matching one of them is enough."""
    ignore: Words = []
    """Tags that are never released: the same kinds of patterns as in `match`."""
    range: str | None = Field(default=None, min_length=1)
    """Versions that may be released, such as ">=1.2 <2". They are the group `semver` of `match`, or the whole tag."""
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
    """What makes one tag newer than another. With `desc`, the first in the order is the newest."""
    format: str | None = None
    """Format of the time in the tag, for `order: timestamp`."""
    platform: str | None = None
    """Platform that an image must support, such as linux/amd64."""
    floor: str | None = None
    """Oldest tag that automation may release."""
    mutable: bool | None = None
    """Whether tags may move to another image. Default: only those named by `exact:` may."""
