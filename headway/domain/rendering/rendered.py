"""What a tool made of a unit's sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headway.domain.text.yaml_nodes import compose, decode
from headway.domain.text.yaml_values import value_of


@dataclass(frozen=True, slots=True)
class Rendered:
    """The objects of a rendering in the tool's order, and its bytes as the tool wrote them."""

    objects: tuple[dict[str, Any], ...]
    raw: bytes

    @classmethod
    def of(cls, raw: bytes) -> Rendered:
        """Read what a tool wrote; raises YamlProblem where that is no YAML."""
        values = (value_of(node) for node in compose(decode(raw)))
        return cls(tuple(it for it in values if isinstance(it, dict)), raw)
