"""Paths of fields, as people write them in headway.yaml, and what stands there: in YAML's nodes or in values.

    spec.image                                    keys, with dots between them
    metadata.annotations."example.com/image"      a key with dots in it, in quotes
    spec.steps[*].image                           every item of a list
    spec.steps[0].image                           one item, counted from 0
    spec.env[?name=IMAGE].value                   the items that have that value at a key; both may be in quotes
    spec.tags[?from.kind=DockerImage].from.name   … at a key below another

It is a part of what JSONPath has: whoever reads one knows how many fields it can mean, and a mistake in one is found
when headway.yaml is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headway.domain.text.yaml_nodes import child

_KEY = re.compile(r"""(?P<bare>[^\s.\[\]"'=?*{}$@]+)|"(?P<double>[^"\n]+)"|'(?P<single>[^'\n]+)'""")
_VALUE = re.compile(r"""(?P<bare>[^\]"'\n]+)|"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'""")
_ITEM = re.compile(r"\[(?P<index>\d{1,6}|\*)\]")
_PLAIN = re.compile(r"[\w/-]+")
_FORM = "keys with dots between them, [*], [0] or [?key=value] are expected, and quotes around a key that has dots"


@dataclass(frozen=True, slots=True)
class Step:
    """How a path goes on: to a key of a map, or to items of a list: every one, one, or those with a value at `keys`."""

    kind: Literal["key", "every", "item", "where"]
    name: str = ""
    keys: tuple[str, ...] = ()
    value: str = ""

    def __str__(self) -> str:
        if self.kind == "key":
            return _quoted(self.name)
        if self.kind == "where":
            return f"[?{'.'.join(map(_quoted, self.keys))}={_quoted(self.value)}]"
        return "[*]" if self.kind == "every" else f"[{self.name}]"


Steps = tuple[Step, ...]


def parse_path(text: str) -> Steps:
    """Read a path; raise ValueError that says where it stops to be one, and what is expected."""
    steps: list[Step] = []
    at = 0
    while at < len(text) or not steps:
        if steps and text[at] == "[":
            step, at = _selector(text, at)
        else:
            if steps and text[at] != ".":
                raise _wrong(text, at)
            step, at = _key(text, at + 1 if steps else at)
        steps.append(step)
    return tuple(steps)


def written(steps: Steps) -> str:
    """Return a path as a person would write it."""
    said = ""
    for step in steps:
        said += f".{step}" if said and step.kind == "key" else str(step)
    return said


def values_at(value: Any, steps: Steps) -> Iterator[tuple[Steps, Any]]:
    """Yield what stands at a path, each with its own path, in which a `[*]` has become the item's name or number.

    `value` is a node of YAML, whose nodes are then what is yielded, or a value of maps and lists.
    """
    waiting: list[tuple[Any, Steps, Steps]] = [(value, steps, ())]
    while waiting:
        here, left, gone = waiting.pop()
        if not left:
            yield gone, here
            continue
        step, rest = left[0], left[1:]
        if step.kind == "key":
            below = _child(here, step.name)
            if below is not None:
                waiting.append((below, rest, (*gone, step)))
        else:
            ahead = rest[0].name if rest and rest[0].kind == "key" else ""
            waiting += [(each, rest, (*gone, its)) for its, each in _chosen(here, step, ahead)][::-1]


def text_of(value: Any) -> str | None:
    """Return the text of a scalar; None where it is no scalar, or no text."""
    if isinstance(value, ScalarNode):
        return str(value.value)
    return value if isinstance(value, str) else None


def _chosen(value: Any, step: Step, ahead: str) -> Iterator[tuple[Step, Any]]:
    """Yield the items that a step means, each with a step of its own; where a key comes next, those that have it."""
    items = value.value if isinstance(value, SequenceNode) else value
    if not isinstance(items, list):
        return
    for place, each in enumerate(items):
        if ahead and _child(each, ahead) is None:
            continue
        if step.kind == "every":
            name = text_of(_child(each, "name"))
            fits = name is not None and _PLAIN.fullmatch(name)
            its = Step("where", keys=("name",), value=str(name)) if fits else Step("item", str(place))
            yield its, each
        elif step.kind == "item":
            if str(place) == step.name:
                yield step, each
        elif _said(_deep(each, step.keys)) == step.value:
            yield step, each


def _child(value: Any, key: str) -> Any:
    if isinstance(value, Node):
        return child(value, key) if isinstance(value, MappingNode) else None
    return value.get(key) if isinstance(value, Mapping) else None


def _deep(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = _child(value, key)
    return value


def _said(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else text_of(value)


def _key(text: str, at: int) -> tuple[Step, int]:
    found = _KEY.match(text, at)
    if found is None:
        raise _wrong(text, at)
    return Step("key", _word(found)), found.end()


def _selector(text: str, at: int) -> tuple[Step, int]:
    if found := _ITEM.match(text, at):
        index = found["index"]
        return (Step("every") if index == "*" else Step("item", str(int(index)))), found.end()
    if not text.startswith("[?", at):
        raise _wrong(text, at)
    step, end = _key(text, at + 2)
    keys = [step.name]
    while text.startswith(".", end):
        step, end = _key(text, end + 1)
        keys.append(step.name)
    value = _VALUE.match(text, end + 1) if text.startswith("=", end) else None
    if value is None:
        raise _wrong(text, end)
    if not text.startswith("]", value.end()):
        raise _wrong(text, value.end())
    return Step("where", keys=tuple(keys), value=_word(value)), value.end() + 1


def _word(found: re.Match[str]) -> str:
    return next((it for it in (found["bare"], found["double"], found["single"]) if it is not None), "")


@lru_cache(maxsize=4096)
def _quoted(key: str) -> str:
    return key if _PLAIN.fullmatch(key) else f'"{key}"'


def _wrong(text: str, at: int) -> ValueError:
    if not text:
        return ValueError("the path of a field is expected, such as spec.image")
    rest = text[at : at + 40]
    where = f"from {rest!r} on" if rest else "at its end"
    return ValueError(f"the path {text!r} cannot be read {where}: {_FORM}")
