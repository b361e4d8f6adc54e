"""What differs from one rendering of a chart to the next, although nothing has changed.

Such an object would be applied, and its pods restarted, at every look. Two renderings show it; the second one has
another `now`, so that a date shows too. Only charts whose templates use such a function are rendered twice.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from headway.domain.objects.kept_fields import KeptField, kept_in, without
from headway.domain.text.field_path import Step

_RANDOM = re.compile(
    r"\b(?:rand(?:Alpha|AlphaNum|Ascii|Numeric|Bytes|Int)|shuffle|uuidv4|now|ago|htpasswd|bcrypt|encryptAES"
    r"|gen(?:PrivateKey|CA|CAWithKey|SelfSignedCert|SelfSignedCertWithKey|SignedCert|SignedCertWithKey)"
    r"|getHostByName)\b"
)
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_NOW = re.compile(r"(?<![\w.$\"-])now(?![\w\"-])")
_OTHER_NOW = '(toDate "2006-01-02T15:04:05Z07:00" "2001-02-03T04:05:06Z")'
NAMED = 5


def may_differ(template: bytes) -> bool:
    """Return whether a template uses a function that gives another value each time."""
    return _RANDOM.search(template.decode("utf-8", "replace")) is not None


def at_another_time(template: bytes) -> bytes:
    """Return a template with a fixed time of long ago in the place of `now`."""
    text = template.decode("utf-8", "surrogateescape")
    changed = _ACTION.sub(lambda it: _NOW.sub(lambda _: _OTHER_NOW, it[0]), text)
    return changed.encode("utf-8", "surrogateescape")


def differences(
    one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]], keep: Collection[KeptField] = ()
) -> list[str]:
    """Return the objects and fields in which two renderings differ, each as `Kind name: field`; never a value.

    The fields to `keep` may differ. Fields are written as paths, as headway.yaml takes them.
    """
    found: list[str] = []
    theirs = {_name(it): it for it in other}
    for item in one:
        name = _name(item)
        if name not in theirs:
            found.append(f"{name}: its name")
            continue
        kept = kept_in(item, keep)
        fields = list(_fields(without(item, kept), without(theirs[name], kept), ""))
        if fields:
            more = f" and {len(fields) - NAMED} more" if len(fields) > NAMED else ""
            found.append(f"{name}: {', '.join(fields[:NAMED])}{more}")
    return found


def _fields(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys((*one, *other)):
            said = str(Step("key", str(key)))
            below = f"{path}.{said}" if path else said
            if key in one and key in other:
                yield from _fields(one[key], other[key], below)
            else:
                yield below
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _fields(left, right, f"{path}[{place}]")
    elif one != other or type(one) is not type(other):
        yield path or "all of it"


def _name(item: dict[str, Any]) -> str:
    meta = item.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    namespace = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{item.get('kind', 'object')} {namespace}{meta.get('name', '(no name)')}"
