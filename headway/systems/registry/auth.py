"""How a registry wants to be asked: its address, its challenge, its next page, its refusals. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from headway.domain.images.reference import HUB

_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PART = re.compile(rf'[\s,]*(?:({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|({_TOKEN})(?=\s|,|$))')
_LINK = re.compile(r"<([^>]*)>([^<]*)")
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)', re.IGNORECASE)
_LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")


def address(registry: str) -> str:
    """Return the URL of a registry's API: plain HTTP on loopback, as docker does, HTTPS elsewhere."""
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
    """Read a WWW-Authenticate header, which may make several challenges (RFC 9110, 11.6.1).

    A token is preferred to a login; None where there is no scheme that registries use.
    """
    made: list[tuple[str, dict[str, str]]] = []
    for name, quoted, plain, scheme in (it.groups() for it in _PART.finditer(header)):
        if scheme:
            made.append((scheme.lower(), {}))
        elif made:
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            made[-1][1].setdefault(name.lower(), value)
    for scheme, values in made:
        if scheme == "bearer" and values.get("realm"):
            return Challenge("bearer", values["realm"], values.get("service", ""), values.get("scope", ""))
    return next((Challenge("basic") for scheme, _ in made if scheme == "basic"), None)


def may_have_login(address: str, realm: str) -> bool:
    """Return whether a registry's login may go to the token server that it names: by TLS, or to this very machine."""
    try:
        own, other = urlsplit(address), urlsplit(realm)
        if other.scheme == "https":
            return bool(other.hostname)
        # Plain HTTP is only spoken with registries of this machine, and their token server must be here too.
        return own.scheme == other.scheme == "http" and _LOOPBACK.fullmatch(other.netloc) is not None
    except ValueError:
        return False


def next_page(link: str | None, url: str) -> str | None:
    """Return the path of a list's next page from the Link header (RFC 8288) of the page at `url`; None at the end.

    Only its path counts: a login must not follow a link to another host. Raises ValueError where it has none.
    """
    for target, parameters in _LINK.findall(link or ""):
        if _NEXT.search(parameters):
            parts = urlsplit(urljoin(url, str(target)))
            if not parts.path.startswith("/"):
                raise ValueError
            return parts.path + (f"?{parts.query}" if parts.query else "")
    return None


def is_refusal(status: int, body: bytes) -> bool:
    """Return whether an answer refuses who asks: ECR's public registry says so with 400 and a code in the body."""
    if status != 400:
        return status in (401, 403)
    try:
        errors = json.loads(body)["errors"]
        return any(it["code"] in ("DENIED", "UNAUTHORIZED") for it in errors)
    except (ValueError, RecursionError, KeyError, TypeError):
        return False
