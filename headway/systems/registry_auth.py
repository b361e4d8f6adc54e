"""How a registry wants to be asked: its address, its challenge, the token that answers it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headway.domain.images import HUB

_PAIR = re.compile(r'([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")


def address(registry: str) -> str:
    """Give the URL of a registry's API: plain HTTP on loopback, as docker does, HTTPS elsewhere."""
    if registry == HUB:
        return "https://registry-1.docker.io"
    scheme = "http" if _LOOPBACK.fullmatch(registry) else "https"
    return f"{scheme}://{registry}"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for: `basic`, or `bearer` with where to get a token."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


def parse_challenge(header: str) -> Challenge | None:
    """Read a WWW-Authenticate header; None for a scheme that registries do not use (RFC 9110, 11.6.1)."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() not in ("basic", "bearer"):
        return None
    values = {
        m[1].lower(): m[2].replace('\\"', '"') if m[2] is not None else m[3] for m in _PAIR.finditer(rest)
    }
    return Challenge(
        scheme.lower(), values.get("realm", ""), values.get("service", ""), values.get("scope", "")
    )


def next_page(link: str | None) -> str | None:
    """Give the address of a list's next page from its Link header (RFC 8288); None at the end."""
    for part in (link or "").split(","):
        found = re.match(r"\s*<([^>]+)>\s*;(.*)", part)
        if found and re.search(r'\brel="?next"?', found[2]):
            return found[1]
    return None
