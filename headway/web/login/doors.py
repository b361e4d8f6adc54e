"""The way in that the settings name, as `headway serve` uses it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from starlette.middleware import Middleware
from starlette.routing import Route

from headway.settings import Settings
from headway.web.login.people import Who, by_machine, by_proxy, nobody, way_in

LOGIN_SECONDS = 600
"""How long a login that was begun may take."""


@dataclass(frozen=True, slots=True)
class Door:
    """One way in: who asks, where people log in (empty where there is no such page), and the routes for that."""

    who: Who
    login: str = ""
    routes: tuple[Route, ...] = ()
    middleware: tuple[Middleware, ...] = ()


def door(settings: Settings, host: str) -> Door:
    """Return the way in for a server that listens on a host; raise UsageError where the settings name half of one."""
    found = way_in(settings, host)
    if found == "local":
        return Door(by_machine(settings.who()))
    if found == "proxy":
        secret = settings.proxy_secret.get_secret_value()
        return Door(by_proxy(settings.proxy_user_header, settings.proxy_groups_header, secret))
    if found == "oidc":
        from starlette.middleware.sessions import SessionMiddleware

        from headway.web.login.oidc import Oidc

        oidc = Oidc(settings)
        # It holds a login that was begun, and nothing else, so a key of this process is enough.
        begun = Middleware(
            SessionMiddleware,
            secret_key=secrets.token_urlsafe(32),
            session_cookie="headway_login",
            max_age=LOGIN_SECONDS,
            same_site="lax",
            https_only=settings.url.startswith("https://"),
        )
        return Door(oidc.who, "/login", tuple(oidc.routes), (begun,))
    return Door(nobody)
