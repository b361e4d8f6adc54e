"""Who asks, and whether they may: every route of the board asks these two functions and no others.

Until people log in there is one local person: whoever reaches the server on its own machine's loopback
address, under a loopback name, and through no proxy. Anybody else is nobody.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

from starlette.requests import Request

VERBS = (
    "read",
    "release",
    "promote",
    "approve",
    "rollback",
    "lock",
    "unlock",
    "force",
    "reconcile",
    "rebuild",
)
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks; `local` where nobody logged in and the request comes from this machine."""

    name: str
    local: bool = False


def person_of(request: Request, local_name: str) -> Person | None:
    """Return who sends a request; None where nobody can say."""
    host = request.url.hostname or ""
    client = request.client.host if request.client is not None else ""
    forwarded = any(name in request.headers for name in _FORWARDED)
    if local_name and not forwarded and is_loopback(client) and is_loopback(host):
        return Person(local_name, local=True)
    return None


def may(person: Person | None, verb: str, environment: str, services: Collection[str] = ()) -> bool:
    """Return whether a person may do this here; no services means all of the environment."""
    return person is not None and bool(person.name.strip()) and verb in VERBS


def rights_in(person: Person | None, environment: str, services: Collection[str] = ()) -> frozenset[str]:
    """Return everything that a person may do somewhere."""
    return frozenset(verb for verb in VERBS if may(person, verb, environment, services))


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
