"""headway.yaml as text: where each key stands, and how near a wrong word is to a right one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headway.domain.text.yaml_nodes import YamlProblem, child, compose, decode
from headway.domain.text.yaml_values import value_of
from headway.errors import ConfigError, Problem


class ConfigText:
    """One file's value, and the place of each key in it."""

    def __init__(
        self,
        data: bytes,
        file: str,
        expected: str = "a map with version, app, services and environments is expected",
    ) -> None:
        self.file = file
        try:
            documents = list(compose(decode(data).removeprefix("\ufeff")))
            self.node: Node | None = documents[0] if documents else None
            self.value: Any = value_of(documents[0]) if documents else None
        except YamlProblem as problem:
            raise ConfigError([problem.at(file)]) from None
        if len(documents) > 1:
            mark = documents[1].start_mark
            raise ConfigError(
                [Problem(file, mark.line + 1, 1, "one document is expected, this is a second one")]
            )
        if not isinstance(self.node, MappingNode):
            raise ConfigError([Problem(file, 1, 1, expected)])

    def locate(self, *path: str | int) -> tuple[int, int]:
        """Return line and column of a key, or of the nearest one above it that stands there."""
        node: Node | None = self.node
        place = (1, 1)
        for step in path:
            below: Node | None = None
            if isinstance(step, int) and isinstance(node, SequenceNode) and step < len(node.value):
                below = node.value[step]
                place = _mark(below)
            elif isinstance(step, str) and isinstance(node, MappingNode):
                for key, value in node.value:
                    if isinstance(key, ScalarNode) and key.value == step:
                        below, place = value, _mark(key)
                if below is None:
                    below = child(node, step)
            if below is None:
                break
            node = below
        return place

    def locate_value(self, *path: str | int) -> tuple[int, int]:
        """Return line and column of a key's value."""
        node: Node | None = self.node
        for step in path:
            if isinstance(step, int) and isinstance(node, SequenceNode) and step < len(node.value):
                node = node.value[step]
            elif isinstance(step, str) and (below := child(node, step)) is not None:
                node = below
            else:
                return self.locate(*path)
        return _mark(node) if node is not None else (1, 1)

    def problem(self, path: tuple[str | int, ...], message: str, *, value: bool = False) -> Problem:
        """Make a problem at a key, or at its value."""
        line, column = self.locate_value(*path) if value else self.locate(*path)
        return Problem(self.file, line, column, message)


def _mark(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean …?` where a known word is near, or else the known words."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known: {', '.join(known)}" if known else ""
