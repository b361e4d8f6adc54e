"""Keep the values of Secrets out of everything that people and other systems read.

An API server quotes in its errors what it was sent, as it stands, shortened or escaped, and an error
goes on to the log, the note, the run's page and Slack. So a message about a Secret loses every value
that the request held, in any of these spellings, before anybody sees it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

HIDDEN = "(hidden)"
PIECE = 10
"""So many characters of a value in a row are recognised, also where the rest of it was cut off."""
_TOKEN = 4
"""A value shorter than this is hidden only where it stands by itself: it may be a part of any word."""
# Named by the server itself as a value, or as the surroundings of a mistake: all that follows may be values.
_QUOTED = re.compile(r"(valueUnstructured\{Value:|error found in ).*", re.S)
_NOT_SECRET = frozenset({"apiVersion", "kind", "metadata", "type", "immutable"})
_COPIED = "kubectl.kubernetes.io/last-applied-configuration"


def is_secret(item: Mapping[str, Any]) -> bool:
    """Return whether an object's values are nobody's to read: a Secret, or a custom kind made like one."""
    return str(item.get("kind") or "").endswith("Secret")


def redacted(said: str, sent: object = None, *, secret: bool = False) -> str:
    """Take the values of Secrets out of a message about a request with the body `sent`.

    `secret` says that it was about Secrets, whatever its body.
    """
    about = [it for it in _objects(sent) if is_secret(it)]
    if not (about or secret):
        return said
    said = _QUOTED.sub(rf"\1{HIDDEN}", said)
    hidden = bytearray(len(said))
    for item in about:
        for value in _leaves(item):
            for spelling in _spellings(value):
                _mark(said, spelling, hidden)
    return _without(said, hidden)


def without_values(lines: Iterable[str], secrets: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Take the whole values of Secrets out of lines that others wrote, such as a log's.

    Values of fewer than four characters stay: they may be a part of any word.
    """
    known = {it for secret in secrets for value in _leaves(secret) for it in _spellings(value)}
    values = sorted((it for it in known if len(it) >= _TOKEN), key=len, reverse=True)
    found = []
    for line in lines:
        for value in values:
            line = line.replace(value, HIDDEN)
        found.append(line)
    return tuple(found)


def _objects(sent: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(sent, Mapping):
        yield sent
        if isinstance(items := sent.get("items"), list):
            yield from (it for it in items if isinstance(it, Mapping))


def _leaves(item: Mapping[str, Any]) -> Iterator[object]:
    """Yield every value of a Secret; a misspelt `stringData` holds them too."""
    meta = item.get("metadata")
    annotations = meta.get("annotations") if isinstance(meta, Mapping) else None
    if isinstance(annotations, Mapping) and _COPIED in annotations:
        yield annotations[_COPIED]
    todo = [value for key, value in item.items() if key not in _NOT_SECRET]
    while todo:
        value = todo.pop()
        if isinstance(value, Mapping):
            todo += value.values()
        elif isinstance(value, list):
            todo += value
        elif value is not None:
            yield value


def _spellings(value: object) -> set[str]:
    """Return a value as it was sent, as what it stands for, and as either may be quoted."""
    said = value if isinstance(value, str) else json.dumps(value)
    known = {said, str(value), base64.b64encode(said.encode("utf-8", "replace")).decode()}
    with contextlib.suppress(binascii.Error, ValueError):
        known.add(base64.b64decode(said, validate=True).decode())
    known |= {json.dumps(it, ensure_ascii=plain)[1:-1] for it in list(known) for plain in (True, False)}
    return {it for it in known if it.strip()}


def _mark(said: str, value: str, hidden: bytearray) -> None:
    """Mark where a value stands in a message, or a piece of a long one."""
    if len(value) < PIECE:
        edge = "" if len(value) >= _TOKEN else r"(?<![\w.])"
        end = "" if len(value) >= _TOKEN else r"(?![\w.])"
        for found in re.finditer(f"{edge}{re.escape(value)}{end}", said):
            hidden[found.start() : found.end()] = b"\1" * len(value)
        return
    for at in range(len(said) - PIECE + 1):
        if said[at : at + PIECE] in value:
            hidden[at : at + PIECE] = b"\1" * PIECE


def _without(said: str, hidden: bytearray) -> str:
    parts: list[str] = []
    for at, letter in enumerate(said):
        if not hidden[at]:
            parts.append(letter)
        elif not (at and hidden[at - 1]):
            parts.append(HIDDEN)
    return "".join(parts)
