"""Insert a key or a list's item into YAML text: in the style of what stands beside it, and no other byte changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headway.domain.text.yaml_nodes import PLAIN, compose, scalar_span
from headway.domain.text.yaml_tokens import token

Tree = str | Sequence["Tree"] | Mapping[str, "Tree"]
_STEP = 2


class Uninsertable(Exception):
    """What cannot be inserted, and why; the message says it."""


def insert(text: str, keys: Sequence[str | int], tree: Tree) -> str:
    """Return the text of a file with a value below keys; those that are missing are added.

    A number is that of a list's item, which must be there. A list that is there gets the items of `tree` besides its
    own. A scalar is only replaced where it says nothing. Raises Uninsertable; raises YamlProblem for what is no YAML.
    """
    shift = 1 if text.startswith("\ufeff") else 0
    documents = list(compose(text[shift:]))
    if len(documents) > 1:
        raise Uninsertable("this file has several documents")
    body = _Text(text[shift:])
    done = body.put(documents[0] if documents else None, list(keys), tree)
    return text[:shift] + done


class _Text:
    """A text to insert into, and its style."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        found = re.search(
            r"^(?:[\w.\"'/-]+:[ \t]*(?:#.*)?\r?\n)(?:[ \t]*(?:#.*)?\r?\n)*( +)[\w\"']", text, re.M
        )
        self._step = len(found[1]) if found else _STEP

    def put(self, root: Node | None, keys: list[str | int], tree: Tree) -> str:
        if root is None:
            return self._at_end(self._rows(_nested(keys, tree), 0))
        node, parent, above = root, None, 0
        while keys:
            if isinstance(node, SequenceNode) and isinstance(keys[0], int):
                node, keys = node.value[keys[0]], keys[1:]
                continue
            if not isinstance(node, MappingNode):
                break
            found = next((pair for pair in node.value if pair[0].value == keys[0]), None)
            if found is None:
                return self._add_key(node, _nested(keys, tree))
            parent, above = found[0], found[0].start_mark.column
            node, keys = found[1], keys[1:]
        tree = _nested(keys, tree)
        if isinstance(node, SequenceNode) and isinstance(tree, list | tuple):
            return self._add_items(node, tree, above)
        if isinstance(node, MappingNode) and isinstance(tree, Mapping):
            return self._add_key(node, tree)
        if isinstance(node, ScalarNode) and parent is not None and _says_nothing(node):
            return self._fill(node, parent, tree, above)
        where = f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"
        raise Uninsertable(f"{where}: there is a value already")

    def _add_key(self, node: MappingNode, tree: Tree) -> str:
        assert isinstance(tree, Mapping)
        if node.flow_style:
            return self._into_flow(node, self._flow(tree, self._is_json(node))[1:-1])
        return self._after(_last(node), self._rows(tree, node.start_mark.column))

    def _add_items(self, node: SequenceNode, tree: Sequence[Tree], above: int) -> str:
        if node.flow_style:
            return self._into_flow(node, self._flow(tree, self._is_json(node))[1:-1])
        dash = node.start_mark.column
        first = node.value[0].start_mark
        width = first.column - dash if first.line == node.start_mark.line else _STEP
        return self._after(_last(node), self._rows(tree, dash, width))

    def _fill(self, node: ScalarNode, key: Node, tree: Tree, above: int) -> str:
        colon = self._text.index(":", key.end_mark.index) + 1
        if node.start_mark.index == node.end_mark.index:
            if not isinstance(tree, str) and not self._in_flow(key):
                indent = above + (self._list_indent() if isinstance(tree, list | tuple) else self._step)
                return self._after(colon, self._rows(tree, indent))
            return f"{self._text[:colon]} {self._flow(tree, self._is_quoted(key))}{self._text[colon:]}"
        start, end = scalar_span(self._text, node)
        old = self._text[start:end]
        said = (
            token(old, tree, as_text=True)
            if isinstance(tree, str)
            else self._flow(tree, self._is_quoted(key))
        )
        return self._text[:start] + said + self._text[end:]

    def _is_quoted(self, key: Node) -> bool:
        return self._text[key.start_mark.index] == '"'

    def _in_flow(self, key: Node) -> bool:
        line = self._text.rfind("\n", 0, key.start_mark.index) + 1
        return not re.fullmatch(r"[ \t]*(?:-[ \t]+)*", self._text[line : key.start_mark.index])

    def _is_json(self, node: Node) -> bool:
        return self._text[node.start_mark.index : node.end_mark.index].lstrip("[{ \t\r\n").startswith('"')

    def _list_indent(self) -> int:
        """Return how far the file's lists stand to the right of their keys."""
        found = re.search(r"^( *)[\w.]+:[ \t]*(?:#.*)?\r?\n( *)- ", self._text, re.M)
        return len(found[2]) - len(found[1]) if found and len(found[2]) >= len(found[1]) else 0

    def _into_flow(self, node: Node, said: str) -> str:
        """Insert behind the last value of a map or list in flow style."""
        if node.value:
            if any(it.start_mark.index < node.start_mark.index for it in _children(node)):
                raise Uninsertable(f"line {node.start_mark.line + 1}: there are aliases in these brackets")
            place = max(end for each in _children(node) for end in _ends(each))
            return self._text[:place] + ", " + said + self._text[place:]
        place = node.start_mark.index + 1
        return self._text[:place] + said + self._text[place:]

    def _after(self, place: int, rows: list[str]) -> str:
        """Insert rows below the line of a place."""
        at = place if self._text[place - 1] == "\n" else self._text.find("\n", place) + 1
        if at == 0:
            return self._at_end(rows)
        return self._text[:at] + "".join(row + self._newline for row in rows) + self._text[at:]

    def _at_end(self, rows: list[str]) -> str:
        said = self._newline.join(rows)
        if self._text and not self._text.endswith("\n"):
            return self._text + self._newline + said
        return self._text + said + self._newline

    def _rows(self, tree: Tree, indent: int, dash: int = _STEP) -> list[str]:
        pad = " " * indent
        if isinstance(tree, str):
            return [pad + token("", tree, as_text=True)]
        if isinstance(tree, Mapping):
            rows: list[str] = []
            for key, value in tree.items():
                if isinstance(value, str):
                    rows.append(f"{pad}{key}: {token('', value, as_text=True)}")
                else:
                    deeper = self._step if isinstance(value, Mapping) else self._list_indent()
                    rows += [f"{pad}{key}:", *self._rows(value, indent + deeper)]
            return rows
        rows = []
        for value in tree:
            first, *rest = self._rows(value, indent + dash)
            rows += [pad + "-" + " " * (dash - 1) + first[indent + dash :], *rest]
        return rows

    def _flow(self, tree: Tree, json: bool) -> str:
        if isinstance(tree, str):
            return token('"' if json else "", tree, as_text=True)
        if isinstance(tree, Mapping):
            quote = '"' if json else ""
            said = [f"{quote}{key}{quote}: {self._flow(value, json)}" for key, value in tree.items()]
            return "{" + ", ".join(said) + "}"
        return "[" + ", ".join(self._flow(value, json) for value in tree) + "]"


def _nested(keys: Sequence[str | int], tree: Tree) -> Tree:
    for key in reversed(keys):
        tree = {str(key): tree}
    return tree


def _says_nothing(node: ScalarNode) -> bool:
    return not node.value or (node.tag == PLAIN and node.value in ("null", "~", "Null", "NULL"))


def _last(node: Node) -> int:
    """Return the end of the last text in a node: that of a map or list in block style ends behind comments."""
    return max(_ends(node))


def _ends(node: Node) -> Iterator[int]:
    if isinstance(node, ScalarNode) or getattr(node, "flow_style", False):
        # An empty scalar has its place somewhere behind its key.
        yield node.end_mark.index if node.start_mark.index < node.end_mark.index else 0
        return
    for each in _children(node):
        # An alias stands for what is written further up.
        if each.start_mark.index >= node.start_mark.index:
            yield from _ends(each)


def _children(node: Node) -> list[Node]:
    return [it for each in node.value for it in (each if isinstance(each, tuple) else (each,))]
