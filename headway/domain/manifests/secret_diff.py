"""Show the diff of a commit without the values of Secrets in it.

Plans, notes and reports go to pages and logs that more people read than the config repo. Which keys
a Secret has, and that its values changed, is shown; the values are not.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Iterator

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headway.domain.objects.secrecy import HIDDEN
from headway.domain.text.yaml_nodes import YamlProblem, child, compose, decode, scalar_span

Read = Callable[[str], bytes | None]
CHANGED = "(only values of Secrets differ, and these are hidden)"
UNREADABLE = "(this file names a Secret and cannot be read, so its lines are hidden)"
_SECRET = re.compile(rb"kind[\"']?\s*:\s*[\"']?\w*Secret\b")
_SECTION = re.compile(r"^diff --git ", re.M)
_VALUES = ("data", "stringData")
_BOM = "\ufeff"


def masked(data: bytes) -> str | None:
    """Return a file's text with the values of its Secrets hidden; None where they cannot be told from the rest."""
    if not _SECRET.search(data):
        return data.decode("utf-8", "replace")
    try:
        text = decode(data).removeprefix(_BOM)
        spans = {span for node in compose(text) for span in _spans(text, node)}
    except (YamlProblem, RecursionError):
        return None
    for start, end in sorted(spans, reverse=True):
        ending = "\n" if text[start:end].endswith("\n") else ""
        text = f"{text[:start]}{HIDDEN}{ending}{text[end:]}"
    return text


def changed_lines(path: str, old: bytes, new: bytes, context: int = 3) -> list[str]:
    """Return the unified diff of a file without the values of Secrets; empty where nothing differs."""
    before, after = masked(old), masked(new)
    if before is None or after is None:
        return [f"--- a/{path}", f"+++ b/{path}", UNREADABLE] if old != new else []
    lines = list(
        difflib.unified_diff(
            before.splitlines(), after.splitlines(), f"a/{path}", f"b/{path}", n=context, lineterm=""
        )
    )
    if not lines and old != new:
        return [f"--- a/{path}", f"+++ b/{path}", CHANGED]
    return lines


def without_secrets(diff: str, old: Read, new: Read) -> str:
    """Return the text of `git diff`, the sections of files with Secrets rewritten without their values."""
    starts = [it.start() for it in _SECTION.finditer(diff)]
    parts = [diff[start:end] for start, end in itertools.pairwise([*starts, len(diff)])]
    return (diff[: starts[0]] if starts else diff) + "".join(_section(it, old, new) for it in parts)


def _section(section: str, old: Read, new: Read) -> str:
    path = next(
        (it[6:].rstrip("\t") for it in section.splitlines() if it.startswith(("+++ b/", "--- a/"))), ""
    )
    before, after = (read(path) or b"" for read in (old, new)) if path else (b"", b"")
    if path and not (_SECRET.search(before) or _SECRET.search(after)):
        return section
    if not path:
        # A quoted name, a link, a mode: without lines there is nothing to hide.
        return section.partition("\n--- ")[0] + ("\n" if "\n--- " in section else "")
    head = section.partition("\n--- ")[0]
    return "\n".join([head, *changed_lines(path, before, after)]) + "\n"


def _spans(text: str, node: Node) -> Iterator[tuple[int, int]]:
    items = child(node, "items")
    if isinstance(items, SequenceNode):
        for item in items.value:
            yield from _spans(text, item)
    kind = child(node, "kind")
    if not (isinstance(kind, ScalarNode) and kind.value.endswith("Secret")):
        return
    assert isinstance(node, MappingNode)
    yield from _below(text, node, hide=False, seen=set())


def _below(text: str, node: Node, *, hide: bool, seen: set[int]) -> Iterator[tuple[int, int]]:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        if hide:
            yield scalar_span(text, node)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _below(text, item, hide=hide, seen=seen)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            named = isinstance(key, ScalarNode) and key.value in _VALUES
            yield from _below(text, value, hide=hide or named, seen=seen)
