"""How a scalar is written: in the style of the one that it replaces, and so that everybody reads it as text."""

from __future__ import annotations

import re

from headway.domain.text.yaml_values import plain_value

_PLAIN_IS_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+-]*(?::[A-Za-z0-9._/@+-]+)*")
_READ_OTHERWISE = re.compile(
    r"[0-9]+(?:_?[0-9]+)*(?::[0-5]?[0-9])+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\S*|0o[0-7]+|="
)
"""Text to kubectl that other readers of YAML take for a number in base 60, a date, or a number in base 8."""


def token(old: str, value: str, *, as_text: bool = False) -> str:
    """Return a scalar in the style of an older one, in quotes where it would else be no text; `old` may be empty."""
    if old.startswith("'"):
        return "'" + value.replace("'", "''") + "'"
    plain = _PLAIN_IS_SAFE.fullmatch(value) and not (as_text and _is_no_text(value))
    if old.startswith('"') or not plain:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value


def _is_no_text(value: str) -> bool:
    try:
        return not isinstance(plain_value(value), str) or bool(_READ_OTHERWISE.fullmatch(value))
    except ValueError:
        return True
