"""The scalars of a unit's sources, each with its place: also those of YAML that stands as text in other YAML.

A kustomization has patches as text, a HelmRelease has values so. A chart's templates are no YAML at all: there an
image is found as text, by `occurrences`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headway.domain.text.yaml_nodes import YamlProblem, compose, decode, scalar_span

Keys = tuple[str | int, ...]
_BOM = "\ufeff"
_NAME_CHARACTERS = r"[\w./:@-]"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One scalar of a file: `value` is what it says, `text` how it stands there.

    `start` and `end` are characters of the decoded text, quotes included; `line` and `column` count from 1.
    `keys` lead to it through maps and lists, those of text in YAML after those of the YAML around it. `document`
    tells the files' documents apart.
    """

    path: str
    start: int
    end: int
    line: int
    column: int
    value: str
    text: str
    keys: Keys
    document: int = 0

    @property
    def key(self) -> str:
        """The nearest key that is a word."""
        return next((it for it in reversed(self.keys) if isinstance(it, str)), "")


def scalars(path: str, data: bytes) -> Iterator[Scalar]:
    """Yield a file's scalars; nothing where it is no YAML, or not until the place where it ends to be."""
    try:
        whole = decode(data)
        shift = len(_BOM) if whole.startswith(_BOM) else 0
        text = whole[shift:]
        for document, node in enumerate(compose(text)):
            for each in _below(path, text, node, ()):
                yield replace(each, start=each.start + shift, end=each.end + shift, document=document)
    except YamlProblem:
        return


def occurrences(path: str, data: bytes, wanted: str) -> Iterator[Scalar]:
    """Yield where a text stands in a file as a word of its own, with the quotes right around it."""
    try:
        text = decode(data)
    except YamlProblem:
        return
    word = re.compile(
        rf"""(?<!{_NAME_CHARACTERS})(?:"{re.escape(wanted)}"|'{re.escape(wanted)}'|{re.escape(wanted)})"""
        rf"(?!{_NAME_CHARACTERS})"
    )
    for found in word.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - text.rfind("\n", 0, found.start())
        yield Scalar(path, *found.span(), line, column, wanted, found[0], ())


def _below(path: str, text: str, top: Node, above: Keys) -> Iterator[Scalar]:
    """Yield the scalars of a document; one that an alias repeats comes once."""
    waiting: list[tuple[Node, Keys]] = [(top, above)]
    seen: set[int] = set()
    while waiting:
        node, keys = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, SequenceNode):
            waiting += [(each, (*keys, place)) for place, each in enumerate(node.value)][::-1]
        elif isinstance(node, MappingNode):
            waiting += [
                (each, (*keys, name.value) if name.value != "<<" else keys)
                for name, each in reversed(node.value)
                if isinstance(name, ScalarNode)
            ]
        elif isinstance(node, ScalarNode):
            start, end = scalar_span(text, node)
            if text[start : start + 1] == "|":
                yield from _of_block(path, text, node, start, end, keys)
            elif text[start : start + 1] != ">":
                line, column = (
                    node.start_mark.line + 1,
                    node.start_mark.column + 1 + start - node.start_mark.index,
                )
                yield Scalar(path, start, end, line, column, node.value, text[start:end], keys)


def _of_block(path: str, text: str, node: ScalarNode, start: int, end: int, keys: Keys) -> Iterator[Scalar]:
    """Yield the scalars of the YAML that a literal block holds; its lines stand in the text as they are, indented."""
    if ":" not in node.value:
        return
    header = text.index("\n", start, end) + 1
    first_line = text.count("\n", 0, header) + 1
    rows = text[header:end].split("\n")
    content = node.value.split("\n")
    indent = next((len(row) - len(said) for row, said in zip(rows, content, strict=False) if said), 0)
    if any(row.rstrip("\r")[indent:] != said for row, said in zip(rows, content, strict=False) if said):
        return
    offsets, position = [], header
    for row in rows:
        offsets.append(position + indent)
        position += len(row) + 1
    try:
        inner = list(compose(node.value))
    except YamlProblem:
        return
    lengths = [0]
    for said in content:
        lengths.append(lengths[-1] + len(said) + 1)
    for below in inner:
        for each in _below(path, node.value, below, keys):
            at = each.line - 1
            if at >= len(offsets) or "\n" in each.text:
                continue
            shift = offsets[at] - lengths[at]
            yield replace(
                each,
                start=each.start + shift,
                end=each.end + shift,
                line=first_line + at,
                column=each.column + indent,
            )
