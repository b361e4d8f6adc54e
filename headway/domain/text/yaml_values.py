"""The values of YAML nodes, exactly as `kubectl` reads them.

kubectl and the API server read YAML by the rules of Go's yaml.v2 (`sigs.k8s.io/yaml`),
which are not PyYAML's: no timestamps, no base-60 numbers, `1e3` is a number, `y` is
true, `!!binary` is text. What Go would turn into another value without a word (an
integer of more than 64 bits) and what would hurt whoever reads it (an alias that
multiplies, thousands of levels) is a problem with its place.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headway.domain.text.yaml_nodes import DEPTH, MERGE, PLAIN, problem_at, too_deep

ALIASED = 100_000
"""Values in one document that are there through an alias."""
ALIASED_TEXT = 4_000_000
"""Characters in one document that are there through an alias: more than the API server takes in one object."""

_FIXED: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], math.nan),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], math.inf),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], -math.inf),
}  # fmt: skip
_NUMBER = re.compile(r"[-+.0-9]")
_ODD = frozenset({*"-+.0123456789<", *(it[:1] for it in _FIXED)})
"""What a plain scalar begins with that may mean anything but its text; the empty one begins with nothing."""
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OCTAL = re.compile(r"([-+]?)0[oO]?([0-7]+)")
_HEX = re.compile(r"([-+]?)0[xX]([0-9a-fA-F]+)")
_BINARY = re.compile(r"([-+]?)0[bB]([01]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
TEXT = "tag:yaml.org,2002:str"
_LONGEST_NUMBER = 400
"""No number of 64 bits is longer, whatever its base and its zeros."""
_CHECKED: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}


def value_of(node: Node, *, aliases: bool = True) -> Any:
    """Return the value that kubectl would read; raise YamlProblem for what it would refuse or change.

    `aliases` is false where the text cannot hold any: reading it takes half the time then.
    """
    if aliases:
        _Aliases().look(node, 0, aliased=False)
    return _value(node, 0)


def may_alias(text: str) -> bool:
    """Return whether a text may hold an alias, which is `*name` and needs an anchor, `&name`."""
    return "&" in text and "*" in text


def plain_value(text: str) -> Any:
    """Return what a plain scalar means: null, a boolean, a number, or else the text.

    Raises ValueError for a number that JSON cannot hold as it stands.
    """
    if text[:1] not in _ODD:
        return text
    if text in _FIXED:
        return _finite(_FIXED[text])
    if not _NUMBER.match(text):
        return text
    bare = text.replace("_", "")
    if _DECIMAL.fullmatch(bare):
        return _whole(bare, 10)
    for pattern, base in ((_OCTAL, 8), (_HEX, 16), (_BINARY, 2)):
        if found := pattern.fullmatch(bare):
            return _whole(found[1] + found[2], base)
    if _FLOAT.fullmatch(bare):
        return _finite(float(bare))
    return text


def node_at(node: Node, path: tuple[str | int, ...]) -> Node:
    """Return the node of a value, or of the nearest one above it that stands in the text."""
    for step in path:
        below: Node | None = None
        if isinstance(step, int) and isinstance(node, SequenceNode) and step < len(node.value):
            below = node.value[step]
        elif isinstance(node, MappingNode):
            below = next((value for key, value in node.value if _key(key) == step), None)
        if below is None:
            return node
        node = below
    return node


def _whole(digits: str, base: int) -> int:
    value = int(digits, base) if len(digits) <= _LONGEST_NUMBER else 1 << 64
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError("a whole number of more than 64 bits would become another one: put it in quotes")
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("no number in a Kubernetes object can be this: put it in quotes if it is text")
    return value


def _scalar(node: ScalarNode) -> Any:
    tag, value = node.tag, node.value
    if tag == TEXT or (tag is PLAIN and value[:1] not in _ODD):
        return value
    kind = tag.removeprefix("tag:yaml.org,2002:")
    try:
        if tag is PLAIN:
            return plain_value(value)
        if kind == "binary":
            return base64.b64decode(node.value, validate=True).decode()
        if kind in _CHECKED:
            value = plain_value(node.value)
            if not isinstance(value, _CHECKED[kind]) or (
                kind in ("int", "float") and isinstance(value, bool)
            ):
                raise ValueError(f"this is tagged !!{kind} and is none")
            return float(value) if kind == "float" else value
    except (binascii.Error, UnicodeDecodeError):
        raise problem_at(node, "this is tagged !!binary and is no text in base64") from None
    except ValueError as error:
        raise problem_at(node, str(error)) from None
    return node.value


def _key(node: Node) -> str:
    """Return a key as JSON has it; raise YamlProblem for what can be none."""
    if not isinstance(node, ScalarNode):
        template = "; {{ }} looks like a chart's template, and charts are not supported yet"
        braces = isinstance(node, MappingNode) and node.flow_style
        raise problem_at(node, "a key must be a word, not a list or a map" + (template if braces else ""))
    value = _scalar(node) if node.tag is PLAIN else node.value
    if isinstance(value, str):
        return value
    if value is None:
        raise problem_at(node, "a key must be a word, and this is null: put it in quotes")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        if float(short) == value:
            return short
        # Go writes it in as few digits as 32 bits need: another number, as often as not.
        raise problem_at(node, "a key must be a word, and this is a number: put it in quotes")
    return str(value)


def _value(node: Node, depth: int) -> Any:
    if isinstance(node, ScalarNode):
        return _scalar(node)
    if depth >= DEPTH:
        raise too_deep(node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, SequenceNode):
        return [_value(each, depth + 1) for each in node.value]
    assert isinstance(node, MappingNode)
    return _mapping(node, depth + 1)


def _mapping(node: MappingNode, depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    merged: list[dict[str, Any]] = []
    for key, each in node.value:
        name = key.value
        if key.tag is not PLAIN or name[:1] in _ODD:
            if _merges(key):
                merged += [_value(source, depth) for source in _merged(each)]
                continue
            name = _key(key)
        if name in made:
            raise problem_at(key, f"the key {name} stands here a second time")
        if isinstance(each, ScalarNode):
            said = each.value
            # Most are plain words: looked at here, since a call costs more than the look.
            made[name] = said if each.tag is PLAIN and said[:1] not in _ODD else _scalar(each)
        else:
            made[name] = _value(each, depth)
    for source in merged:
        for name, each in source.items():
            made.setdefault(name, each)
    return made


def _merges(key: Node) -> bool:
    return isinstance(key, ScalarNode) and key.value == "<<" and (key.tag is PLAIN or key.tag == MERGE)


def _merged(given: Node) -> list[Node]:
    sources = given.value if isinstance(given, SequenceNode) else [given]
    for source in sources:
        if not isinstance(source, MappingNode):
            raise problem_at(source, "<<: merges maps only")
    return sources


class _Aliases:
    """Counts what a document holds through aliases, so that a few lines cannot become millions."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._above: set[int] = set()
        self._all = self._aliased = self._text = 0

    def look(self, node: Node, depth: int, *, aliased: bool) -> None:
        """Raise YamlProblem for an alias that multiplies, or names what it stands in."""
        if isinstance(node, ScalarNode):
            if aliased or id(node) in self._seen:
                self._count(node, 1, len(node.value))
            elif node.value:
                self._seen.add(id(node))
            return
        if id(node) in self._above:
            raise problem_at(node, "this alias names what it stands in")
        if depth >= DEPTH:
            raise too_deep(node.start_mark.line + 1, node.start_mark.column + 1)
        self._all += len(node.value)
        if aliased or id(node) in self._seen:
            aliased = True
            self._count(node, len(node.value) + 1, 0)
        self._seen.add(id(node))
        self._above.add(id(node))
        for each in _read_below(node):
            self.look(each, depth + 1, aliased=aliased)
        self._above.discard(id(node))

    def _count(self, node: Node, values: int, characters: int) -> None:
        self._aliased += values
        self._text += characters
        # The rule of yaml.v2 for small documents, and a limit of its own for large ones.
        mostly = self._aliased > 1000 and self._aliased > 0.99 * (self._aliased + self._all)
        if mostly or self._aliased > ALIASED or self._text > ALIASED_TEXT:
            raise problem_at(node, "excessive aliasing: the aliases of this document multiply what it holds")


def _read_below(node: Node) -> Iterator[Node]:
    if isinstance(node, SequenceNode):
        yield from node.value
    else:
        for key, each in node.value:
            if _merges(key):
                yield from _merged(each)
            else:
                yield each
