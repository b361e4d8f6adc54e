"""What the index.yaml of a chart repository says of one version of a chart.

Such an index has thousands of versions of hundreds of charts, up to 20 MB, so where it is laid out as Helm writes it,
the part about one chart alone is parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from yaml.nodes import Node, ScalarNode, SequenceNode

from headway.domain.text.yaml_nodes import YamlProblem, child, compose, decode
from headway.errors import UsageError

_HEX = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Listed:
    """A version of a chart: where its archive is, relative to the index, and its digest; empty where none is said."""

    url: str
    digest: str


def listed(data: bytes, name: str, version: str) -> Listed:
    """Return what an index says of a chart's version; raise KeyError with what it does not have.

    Raises UsageError for what is no index.
    """
    try:
        text = decode(data).removeprefix("\ufeff")
        versions = _versions(_part(text, name) or text, name)
    except YamlProblem as problem:
        raise UsageError(f"its index.yaml is not readable: line {problem.line}: {problem.message}") from None
    if not isinstance(versions, SequenceNode):
        raise KeyError(f"no chart {name}")
    for each in versions.value:
        if _said(child(each, "version")) == version:
            urls = child(each, "urls")
            first = _said(urls.value[0]) if isinstance(urls, SequenceNode) and urls.value else ""
            digest = _said(child(each, "digest")).removeprefix("sha256:").lower()
            return Listed(
                first or f"{name}-{version}.tgz", f"sha256:{digest}" if _HEX.fullmatch(digest) else ""
            )
    raise KeyError(f"no version {version} of {name}")


def _part(text: str, name: str) -> str:
    """Return an index with the one chart, where that has lines of its own; empty where it has not."""
    found = re.search(rf"^  {re.escape(name)}:[ ]*\r?\n(?:(?:  -|   |\r?$).*\n?)+", text, re.M)
    return f"entries:\n{found[0]}" if found and re.search(r"^entries:[ ]*\r?$", text, re.M) else ""


def _versions(text: str, name: str) -> Node | None:
    return child(child(next(compose(text), None), "entries"), name)


def _said(node: Node | None) -> str:
    return node.value if isinstance(node, ScalarNode) else ""
