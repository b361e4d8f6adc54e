"""YAML as Kubernetes reads it, with the place of every value.

kubectl and the API server read YAML 1.1 by the rules of Go's yaml.v2, which are not
PyYAML's: no timestamps, no base-60 numbers, `1e3` is a number, `y` is true, and a
key that stands twice is an error. Files are composed by libyaml into nodes, which
know their place; values are made from those nodes here, so one parse gives both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headway.errors import Problem

PLAIN = "plain"
_CParser: Any = yaml.CSafeLoader.__mro__[1]
_STR = "tag:yaml.org,2002:str"
_TAGS = {ScalarNode: _STR, SequenceNode: "tag:yaml.org,2002:seq", MappingNode: "tag:yaml.org,2002:map"}
_FIXED: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
}  # fmt: skip
_NUMBER = re.compile(r"[-+.0-9]")
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OCTAL = re.compile(r"([-+]?)0o?([0-7]+)")
_HEX = re.compile(r"([-+]?)0[xX]([0-9a-fA-F]+)")
_BINARY = re.compile(r"([-+]?)0[bB]([01]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_PROPERTIES = re.compile(r"(?:(?:&\S+|!<[^>]*>|!\S*)(?:[ \t]|\r?\n(?:[ \t]*#[^\n]*\n)*)*)*")
_TEMPLATE = re.compile(r"\{\{.*\}\}")


class YamlProblem(Exception):
    """Something wrong with a document; `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line, self.column, self.message = line, column, message

    def at(self, file: str) -> Problem:
        """Name the file too."""
        return Problem(file, self.line, self.column, self.message)


class _Loader(_CParser):
    """libyaml's parser, with nothing but the difference between plain and quoted decided."""

    def resolve(self, kind: type[Node], value: str | None, implicit: Any) -> str:
        if kind is ScalarNode and implicit[0]:
            return PLAIN
        return _TAGS[kind]

    def descend_resolver(self, *_: object) -> None:
        """Do nothing: no value is decided by its path."""

    def ascend_resolver(self) -> None:
        """Do nothing."""


def decode(data: bytes) -> str:
    """Read a file's text; raise YamlProblem where it is not UTF-8. A byte order mark stays."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise YamlProblem(line, column, "this is not UTF-8 text") from None


def compose(text: str) -> Iterator[Node]:
    """Give the nodes of a file's documents; empty documents are left out.

    A byte order mark must have been taken off. Raises YamlProblem.
    """
    loader = None
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if not (isinstance(node, ScalarNode) and node.tag == PLAIN and node.value in ("", "null", "~")):
                yield node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = " ".join(part for part in (error.context, error.problem) if part)
        lines = text.splitlines()
        if any(_TEMPLATE.search(it) for it in lines[max(0, line - 2) : line]):
            said += "; {{ }} looks like a chart's template, and charts are not supported yet"
        raise YamlProblem(line, column, f"not YAML: {said}") from None
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0) or 0
        line = text.count("\n", 0, position) + 1
        raise YamlProblem(line, 1, f"not YAML: {getattr(error, 'reason', error)}") from None
    finally:
        if loader is not None:
            loader.dispose()


def value_of(node: Node) -> Any:
    """Make the value that Kubernetes would read; raise YamlProblem for what it would refuse."""
    return _value(node, set())


def _value(node: Node, above: set[int]) -> Any:
    if isinstance(node, ScalarNode):
        return plain_value(node.value) if node.tag == PLAIN else _tagged(node)
    if id(node) in above:
        raise problem_at(node, "this alias names what it stands in")
    above.add(id(node))
    try:
        if isinstance(node, SequenceNode):
            return [_value(each, above) for each in node.value]
        assert isinstance(node, MappingNode)
        return _mapping(node, above)
    finally:
        above.discard(id(node))


def _mapping(node: MappingNode, above: set[int]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    merged: list[dict[str, Any]] = []
    for key, each in node.value:
        if not isinstance(key, ScalarNode):
            template = "; {{ }} looks like a chart's template, and charts are not supported yet"
            braces = isinstance(key, MappingNode) and key.flow_style
            raise problem_at(key, "a key must be a word, not a list or a map" + (template if braces else ""))
        if key.tag == PLAIN and key.value == "<<":
            sources = each.value if isinstance(each, SequenceNode) else [each]
            for source in sources:
                if not isinstance(source, MappingNode):
                    raise problem_at(source, "<<: merges maps only")
                merged.append(_value(source, above))
            continue
        name = key.value
        if key.tag == PLAIN and not isinstance(found := plain_value(name), str):
            name = "null" if found is None else str(found).lower() if isinstance(found, bool) else str(found)
        if name in made:
            raise problem_at(key, f"the key {name} stands here a second time")
        made[name] = _value(each, above)
    for source in merged:
        for name, each in source.items():
            made.setdefault(name, each)
    return made


def plain_value(text: str) -> Any:
    """Read a plain scalar: null, a boolean, a number, or else the text."""
    if text in _FIXED:
        return _FIXED[text]
    if not _NUMBER.match(text):
        return text
    bare = text.replace("_", "")
    if _DECIMAL.fullmatch(bare):
        return int(bare)
    for pattern, base in ((_OCTAL, 8), (_HEX, 16), (_BINARY, 2)):
        if found := pattern.fullmatch(bare):
            return int(found[1] + found[2], base)
    if _FLOAT.fullmatch(bare):
        return float(bare)
    if bare.lstrip("+-").lower() == ".inf":
        return float("-inf") if bare.startswith("-") else float("inf")
    return text


def _tagged(node: ScalarNode) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind in ("int", "float", "bool", "null"):
        return plain_value(node.value)
    return node.value


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
            return value
        if name.value == "<<" and name.tag == PLAIN:
            merged += value.value if isinstance(value, SequenceNode) else [value]
    for source in merged:
        if (found := child(source, key)) is not None:
            return found
    return None


def scalar_span(text: str, node: ScalarNode) -> tuple[int, int]:
    """Give a scalar's first and past-the-last character, its quotes included, its anchor and tag not."""
    start, end = node.start_mark.index, node.end_mark.index
    if text[start] in "&!":
        found = _PROPERTIES.match(text, start, end)
        assert found is not None
        start = found.end()
    return start, end
