"""Says who asks. A way in that is set is the only one: what it does not prove is nobody, and never somebody else."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from headway.domain.policy.people import is_named
from headway.domain.policy.roles import NOBODY, Identity, person
from headway.domain.policy.tokens import Token, token_of
from headway.errors import UsageError

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from headway.settings import Settings

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""Headers that a proxy adds: who comes through one is not at this machine, though the proxy may be."""
PROOF = "x-headway-proof"
"""The header in which a proxy shows HEADWAY_PROXY_SECRET."""
Who = Callable[["HTTPConnection"], Awaitable[Identity]]


async def nobody(request: HTTPConnection) -> Identity:
    """Return nobody: at this address no way in is set."""
    return NOBODY


def by_proxy(user: str, groups: str, secret: str) -> Who:
    """Return who the proxy's headers name, where they come with its proof."""

    async def who(request: HTTPConnection) -> Identity:
        shown = request.headers.getlist(PROOF)
        if len(shown) != 1 or not hmac.compare_digest(shown[0].encode(), secret.encode()):
            return NOBODY
        # Two headers of one name are a proxy's and somebody else's.
        names = request.headers.getlist(user)
        if len(names) != 1:
            return NOBODY
        listed = request.headers.getlist(groups) if groups else []
        found = (it.strip() for it in listed[0].split(",")) if len(listed) == 1 else ()
        return person(names[0], found, way_in="proxy")

    return who


def by_machine(name: str) -> Who:
    """Return this machine's user for whoever asks from this machine, by an address of its own.

    A page of somebody else's whose name resolves to this machine (DNS rebinding) has another `Host`, and what a
    proxy passes on has its headers.
    """
    local = Identity("person", name, way_in="local") if is_named(name) else NOBODY

    async def who(request: HTTPConnection) -> Identity:
        client = request.client.host if request.client else ""
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        passed_on = any(it in request.headers for it in FORWARDED)
        return local if is_loopback(client) and is_loopback(host) and not passed_on else NOBODY

    return who


def by_token(tokens: Callable[[], tuple[Token, ...]]) -> Who:
    """Return the token that `Authorization: Bearer …` shows."""

    async def who(request: HTTPConnection) -> Identity:
        kind, _, said = request.headers.get("authorization", "").partition(" ")
        found = token_of(tokens(), said.strip()) if kind.lower() == "bearer" else None
        return Identity("token", found.name, way_in="token") if found else NOBODY

    return who


def is_loopback(host: str) -> bool:
    """Return whether an address or a name is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def way_in(settings: Settings, host: str) -> str:
    """Return how people are known at an address that is listened on: `oidc`, `proxy`, `local`, or `closed`.

    Raises UsageError where the settings name half of a way in, or two.
    """
    oidc = {
        "HEADWAY_OIDC_ISSUER": settings.oidc_issuer,
        "HEADWAY_OIDC_CLIENT_ID": settings.oidc_client_id,
        "HEADWAY_OIDC_CLIENT_SECRET": settings.oidc_client_secret.get_secret_value(),
    }
    proxy = {
        "HEADWAY_PROXY_USER_HEADER": settings.proxy_user_header,
        "HEADWAY_PROXY_SECRET": settings.proxy_secret.get_secret_value(),
    }
    for group in (oidc, proxy):
        missing = [name for name, value in group.items() if not value]
        if missing and len(missing) < len(group):
            raise UsageError(
                f"{', '.join(missing)} is missing beside {', '.join(set(group) - set(missing))}",
                hint="people could not be told apart; set all of them, or none",
            )
    if all(oidc.values()) and all(proxy.values()):
        raise UsageError(
            "HEADWAY_OIDC_ISSUER and HEADWAY_PROXY_USER_HEADER are both set", hint="set one of them"
        )
    if all(oidc.values()):
        return "oidc"
    if all(proxy.values()):
        return "proxy"
    return "local" if is_loopback(host) else "closed"
