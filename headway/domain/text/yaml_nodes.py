"""YAML as text: its documents as nodes that know their place. What they mean is read in `yamlvalues`.

Files are composed by libyaml. What kubectl's decoder reads and libyaml's composer does not is put right
here: a last line without its end, an anchor that is set twice, JSON's escapes in surrogate pairs. What
would overflow the stack of a composer in C is refused before it gets there.
"""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Iterator
from typing import Any, cast

import yaml
from yaml._yaml import CParser
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headway.errors import Problem

PLAIN = "plain"
"""The tag of a scalar without quotes and tag. It is known by its identity: `!<plain>` is a tag that a file may set."""
MERGE = "tag:yaml.org,2002:merge"
DEPTH = 200
"""Levels of maps and lists in one document; the deepest public CRD has about 60."""
_STR = "tag:yaml.org,2002:str"
_TAGS = {ScalarNode: _STR, SequenceNode: "tag:yaml.org,2002:seq", MappingNode: "tag:yaml.org,2002:map"}
_PROPERTIES = re.compile(r"(?:(?:&\S+|!<[^>]*>|!\S*)(?:[ \t]|\r?\n(?:[ \t]*#[^\n]*\n)*)*)*")
_TEMPLATE = re.compile(r"\{\{.*\}\}")
_FEW_BRACKETS = 500
_COMPACT_LEVELS = 100
_COMPACT = re.compile(rf"(?:[-?:][ \t]+){{{_COMPACT_LEVELS}}}")
_COMPACT_LENGTH = 2 * _COMPACT_LEVELS
_PAIR = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_PAIR_MARK = "\ue8f5\ue8f7"
_MARKED_PAIR = re.compile(f"{_PAIR_MARK}([0-9a-fA-F]{{8}}){_PAIR_MARK}")


class YamlProblem(Exception):
    """Something wrong with a document; `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line, self.column, self.message = line, column, message

    def at(self, file: str) -> Problem:
        """Return the same problem with its file."""
        return Problem(file, self.line, self.column, self.message)


class _Loader(CParser):
    """libyaml's parser, with nothing but the difference between plain and quoted decided."""

    def resolve(self, kind: type[Node], value: str | None, implicit: Any) -> str:
        return PLAIN if kind is ScalarNode and implicit[0] else _TAGS[kind]

    # No value is decided by its path. Both are called at every node, and Python's own functions are the cheapest.
    descend_resolver = staticmethod(operator.is_)
    ascend_resolver = staticmethod(tuple)


_NODES = {
    yaml.ScalarEvent: ScalarNode,
    yaml.SequenceStartEvent: SequenceNode,
    yaml.MappingStartEvent: MappingNode,
}


def decode(data: bytes) -> str:
    """Read a file's text; raise YamlProblem where it is not UTF-8. A byte order mark stays."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise YamlProblem(line, column, "this is not UTF-8 text") from None


def compose(text: str) -> Iterator[Node]:
    """Yield the nodes of a file's documents; empty documents are left out.

    A byte order mark must have been taken off. Raises YamlProblem.
    """
    if not text.endswith("\n"):
        # kubectl reads whole lines, so the text of a block never ends in the middle of one.
        text += "\n"
    pairs = "\\u" in text and text.lstrip()[:1] == "{" and _PAIR_MARK not in text
    if pairs:
        # As long as before, so that every place stays what it is.
        text = _PAIR.sub(rf"{_PAIR_MARK}\1\2{_PAIR_MARK}", text)
    try:
        _refuse_deep(text)
        for node in _documents(text):
            if pairs:
                _restore_pairs(node)
            if not (isinstance(node, ScalarNode) and node.tag is PLAIN and node.value in ("", "null", "~")):
                yield node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = " ".join(part for part in (error.context, error.problem) if part)
        lines = text.split("\n", line)
        if any(_TEMPLATE.search(it) for it in lines[max(0, line - 2) : line]):
            said += "; {{ }} looks like a chart's template, and charts are not supported yet"
        raise YamlProblem(line, column, f"not YAML: {said}") from None
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0) or 0
        line = text.count("\n", 0, position) + 1
        raise YamlProblem(line, 1, f"not YAML: {getattr(error, 'reason', error)}") from None


def _documents(text: str) -> Iterator[Node]:
    loader, given = _Loader(text), 0
    try:
        while loader.check_node():
            yield cast("Node", loader.get_node())
            given += 1
    except yaml.composer.ComposerError as error:
        if "duplicate anchor" not in str(error.context):
            raise
        # YAML lets an anchor be set again, and libyaml's binding does not.
        yield from itertools.islice(_slowly(text), given, None)
    finally:
        loader.dispose()


def _slowly(text: str) -> Iterator[Node]:
    """Compose from libyaml's events, which costs some times as much."""
    loader = _Loader(text)
    try:
        loader.get_event()
        while not isinstance(loader.peek_event(), yaml.StreamEndEvent):
            loader.get_event()
            yield _compose_event(loader, {})
            loader.get_event()
    finally:
        loader.dispose()


def _compose_event(loader: Any, anchors: dict[str, Node]) -> Node:
    event: Any = loader.get_event()
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            mark: Any = event.start_mark
            said = f"not YAML: found undefined alias {event.anchor}"
            raise YamlProblem(mark.line + 1, mark.column + 1, said)
        return anchors[event.anchor]
    kind = _NODES[type(event)]
    tag = event.tag if event.tag not in (None, "!") else None
    if kind is ScalarNode:
        tag = tag or loader.resolve(kind, event.value, event.implicit)
        scalar = ScalarNode(tag, event.value, event.start_mark, event.end_mark, style=event.style)
        if event.anchor:
            anchors[event.anchor] = scalar
        return scalar
    node: Any = kind(tag or _TAGS[kind], [], event.start_mark, None, flow_style=event.flow_style)
    if event.anchor:
        anchors[event.anchor] = node
    while not isinstance(loader.peek_event(), yaml.CollectionEndEvent):
        each: Any = _compose_event(loader, anchors)
        node.value.append(each if kind is SequenceNode else (each, _compose_event(loader, anchors)))
    node.end_mark = loader.get_event().end_mark
    return cast(Node, node)


def _refuse_deep(text: str) -> None:
    if text.count("[") + text.count("{") < _FEW_BRACKETS and not _may_be_compact(text):
        # Levels of other kinds take more indentation each, so there cannot be too many for a stack.
        return
    depth = 0
    loader = _Loader(text)
    try:
        while (event := loader.get_event()) is not None:
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEPTH:
                    mark: Any = event.start_mark
                    raise too_deep(mark.line + 1, mark.column + 1)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.StreamEndEvent):
                return
    finally:
        loader.dispose()


def _may_be_compact(text: str) -> bool:
    """Return whether one line may open many levels. Files too small for it are told by counting, which is cheapest."""
    if text.count("-") + text.count("?") + text.count(":") < _COMPACT_LEVELS:
        return False
    long_line = max(map(len, text.split("\n"))) >= _COMPACT_LENGTH
    return long_line and _COMPACT.search(text) is not None


def too_deep(line: int, column: int) -> YamlProblem:
    """Make the problem of what is nested too deep."""
    return YamlProblem(line, column, f"maps and lists are nested over {DEPTH} levels deep here")


def _restore_pairs(top: Node) -> None:
    waiting = [top]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ScalarNode):
            if _PAIR_MARK in node.value:
                node.value = _MARKED_PAIR.sub(_pair, node.value)
        elif isinstance(node, SequenceNode):
            waiting += node.value
        elif isinstance(node, MappingNode):
            waiting += [it for pair in node.value for it in pair]


def _pair(found: re.Match[str]) -> str:
    return bytes.fromhex(found[1]).decode("utf-16-be")


def problem_at(node: Node, message: str) -> YamlProblem:
    """Make a problem at a node's place."""
    return YamlProblem(node.start_mark.line + 1, node.start_mark.column + 1, message)


def child(node: Node | None, key: str) -> Node | None:
    """Look up a key's node in a map, through `<<` too; None where it is not."""
    if not isinstance(node, MappingNode):
        return None
    merged: list[Node] = []
    for name, value in node.value:
        if name.value == key:
            return cast(Node, value)
        if name.value == "<<" and (name.tag is PLAIN or name.tag == MERGE):
            merged += value.value if isinstance(value, SequenceNode) else [value]
    for source in merged:
        if (found := child(source, key)) is not None:
            return found
    return None


def scalar_span(text: str, node: ScalarNode) -> tuple[int, int]:
    """Return a scalar's first and past-the-last character, its quotes included, its anchor and tag not."""
    start, end = node.start_mark.index, node.end_mark.index
    if text[start] in "&!":
        found = _PROPERTIES.match(text, start, end)
        assert found is not None
        start = found.end()
    return start, end
