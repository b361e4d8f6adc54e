"""Images that stand where no release reaches: in a variable, an argument, a custom resource's field, a ConfigMap.

A release moves the images of containers. What names the same image elsewhere stays behind, so its places
are kept with the file, for a plan to name. Placeholders of `envsubst` or Flux are found too: nobody fills
them in here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headway.domain.images.reference import Image
from headway.domain.text.yaml_nodes import YamlProblem, problem_at

_IMAGE = re.compile(
    r"(?<![\w./:@$-])"
    r"[a-zA-Z0-9][\w.-]{0,250}(?::[0-9]{1,5}(?=/))?(?:/[a-z0-9][\w.-]{0,250}){0,20}"
    r"(?::[A-Za-z0-9_][\w.-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})"
    r"(?![\w/:@-])"
)
_TAG_OR_DIGEST = re.compile(r":[A-Za-z0-9_]")
"""What every image with a tag or digest has in it. One literal in front is found many times faster than two."""
_COMMENT = re.compile(r"(?:^|\s)#")
_PLACEHOLDER = re.compile(r"\$\{[A-Za-z_][^{}\n]*\}")
MOST = 200
"""Places that are kept of one file."""


class Mention(NamedTuple):
    """An image that is named outside of a container; `line` and `column` count from 1."""

    image: Image
    line: int
    column: int


def mentions(text: str, known: list[tuple[int, int]]) -> list[Mention]:
    """Return what looks like an image with a tag or digest, but for the spans that are known already and comments."""
    if not _may_hold_more(text, known):
        return []
    found: list[Mention] = []
    spans, line, line_start = iter(known), 1, 0
    start, end = next(spans, (len(text), len(text)))
    for each in _IMAGE.finditer(text):
        while end <= each.start():
            start, end = next(spans, (len(text) + 1, len(text) + 1))
        if each.start() >= start:
            continue
        line += text.count("\n", line_start, each.start())
        line_start = text.rfind("\n", 0, each.start()) + 1
        if _COMMENT.search(text[line_start : each.start()]):
            continue
        found.append(Mention(Image(each[0]), line, each.start() - line_start + 1))
        if len(found) == MOST:
            break
    return found


def _may_hold_more(text: str, known: list[tuple[int, int]]) -> bool:
    """Return whether there is a tag or a digest outside of the known spans; most files have none."""
    after = 0
    for start, end in known:
        if _TAG_OR_DIGEST.search(text, after, start + 1):
            return True
        after = end
    return _TAG_OR_DIGEST.search(text, after) is not None


def placeholders(top: Node) -> Iterator[YamlProblem]:
    """Yield what `envsubst` or Flux would fill in: values that are nothing else, and images with such a part."""
    waiting: list[tuple[str, Node]] = [("", top)]
    seen: set[int] = set()
    while waiting:
        key, node = waiting.pop()
        if isinstance(node, ScalarNode):
            part = _PLACEHOLDER.search(node.value)
            if part and (key == "image" or part[0] == node.value.strip()):
                said = f"the placeholder {part[0]} is applied as it stands: headway fills nothing in"
                yield problem_at(node, said)
        elif id(node) not in seen:
            seen.add(id(node))
            if isinstance(node, SequenceNode):
                waiting += [(key, each) for each in reversed(node.value)]
            elif isinstance(node, MappingNode):
                pairs = [(name.value, each) for name, each in node.value]
                waiting += [(name if isinstance(name, str) else "", each) for name, each in reversed(pairs)]
