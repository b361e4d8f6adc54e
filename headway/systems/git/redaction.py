"""Takes credentials and control characters out of what Git prints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@'\"]*@", re.IGNORECASE)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Take every credential that a URL carries, and these secrets, out of a text."""
    text = _USERINFO.sub(r"\1", text)
    for secret in secrets:
        for spelling in {secret, quote(secret, safe=""), quote(secret)}:
            text = text.replace(spelling, "***")
    return text


def clean(raw: bytes, secrets: Iterable[str] = ()) -> str:
    """Make what Git printed fit to show: text, without control characters, without credentials."""
    text = _CONTROL.sub("", raw.decode("utf-8", "replace").replace("\r", "\n"))
    return redact(text, secrets).strip()
