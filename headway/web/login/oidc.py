"""Logs people in by OpenID Connect, with the authorization code flow; Authlib speaks the protocol.

A session lasts eight hours at most. The identity provider is asked again every ten minutes, with its refresh token,
so that whoever is blocked or leaves a group there loses the right here; a provider that gives none is asked
by a new login each hour.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from headway.domain.policy.roles import NOBODY, Identity, person
from headway.web.login.sessions import Session, Sessions

if TYPE_CHECKING:
    from headway.settings import Settings

LONGEST, CHECKED, UNCHECKED = 8 * 3600.0, 600.0, 3600.0
"""Seconds: a session's life; between two questions to the provider; a session's life where it cannot be asked."""
COOKIE, COOKIE_SECURE = "headway", "__Host-headway"
_log = logging.getLogger("headway.web")


class Oidc:
    """One identity provider, and who is logged in through it."""

    def __init__(self, settings: Settings, clock: Any = time.monotonic) -> None:
        # Loading it takes a moment that no other command should spend.
        from authlib.integrations.starlette_client import OAuth

        self._settings, self._clock = settings, clock
        self.sessions = Sessions(clock)
        issuer = settings.oidc_issuer.rstrip("/")
        self._issuer = issuer
        self._client = OAuth().register(
            "headway",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value(),
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": settings.oidc_scope, "code_challenge_method": "S256", "timeout": 10.0},
        )
        self.routes = [
            Route("/login", self._login, methods=["GET"]),
            Route("/login/callback", self._callback, methods=["GET"]),
            Route("/logout", self._logout, methods=["POST"]),
        ]

    async def who(self, request: HTTPConnection) -> Identity:
        """Return who is logged in, and nobody where the provider no longer says so."""
        key, session = self._session(request)
        if session is None:
            return NOBODY
        if session.renewal and self._clock() - session.checked >= CHECKED:
            await self._check(key, session)
            session = self.sessions.get(key)
        return session.who if session else NOBODY

    def form(self, request: HTTPConnection) -> str:
        """Return what must come with each form of this session; empty where nobody is logged in."""
        _, session = self._session(request)
        return session.form if session else ""

    def _session(self, request: HTTPConnection) -> tuple[str, Session | None]:
        key = request.cookies.get(self._cookie(request), "")
        return key, self.sessions.get(key) if key else None

    async def _login(self, request: Request) -> Response:
        request.session["next"] = local_path(request.query_params.get("next", "/"))
        back = f"{self._base(request)}/login/callback"
        try:
            found: Response = await self._client.authorize_redirect(request, back)
        except Exception as error:  # noqa: BLE001 - whatever the provider answers, people get a sentence
            return _unavailable(error)
        return found

    async def _callback(self, request: Request) -> Response:
        from authlib.integrations.base_client import OAuthError

        options = {
            "iss": {"essential": True, "values": [self._issuer, f"{self._issuer}/"]},
            "aud": {"essential": True, "value": self._settings.oidc_client_id},
        }
        try:
            token = await self._client.authorize_access_token(request, claims_options=options)
        except OAuthError as error:
            _log.warning("login refused: %s", error.error)
            return _refused("The login was refused or took too long.")
        except Exception as error:  # noqa: BLE001 - as above; a token that is not valid is among them
            return _unavailable(error)
        who, wrong = identity_of(
            token.get("userinfo") or {}, self._settings.oidc_name, self._settings.oidc_groups
        )
        if wrong:
            _log.warning("login refused: %s", wrong)
            return _refused(wrong)
        renewal = str(token.get("refresh_token") or "")
        seconds = LONGEST if renewal else UNCHECKED
        path = local_path(str(request.session.get("next", "/")))
        request.session.clear()
        answer = RedirectResponse(path, status_code=303)
        before, _ = self._session(request)
        self.sessions.end(before)
        cookie = self._cookie(request)
        answer.set_cookie(
            cookie,
            self.sessions.begin(who, seconds, renewal),
            max_age=int(seconds),
            httponly=True,
            secure=cookie == COOKIE_SECURE,
            samesite="lax",
            path="/",
        )
        return answer

    async def _logout(self, request: Request) -> Response:
        key, _ = self._session(request)
        self.sessions.end(key)
        answer = RedirectResponse("/", status_code=303)
        cookie = self._cookie(request)
        answer.delete_cookie(cookie, path="/", secure=cookie == COOKIE_SECURE)
        return answer

    async def _check(self, key: str, session: Session) -> None:
        """Ask the provider whether a login still holds; end the session where it does not."""
        from authlib.integrations.base_client import OAuthError

        # Whoever comes meanwhile need not ask too.
        session.checked = self._clock()
        try:
            token = await self._client.fetch_access_token(
                grant_type="refresh_token", refresh_token=session.renewal
            )
            claims = await self._client.userinfo(token=token)
        except OAuthError:
            self.sessions.end(key)
            return
        except Exception as error:  # noqa: BLE001 - a provider that is away has not said no; the session's end stays
            _log.warning("the identity provider does not answer: %s", type(error).__name__)
            return
        who, wrong = identity_of(claims, self._settings.oidc_name, self._settings.oidc_groups)
        if wrong or who.name != session.who.name:
            self.sessions.end(key)
            return
        session.who, session.renewal = who, str(token.get("refresh_token") or session.renewal)

    def _cookie(self, request: HTTPConnection) -> str:
        """Return the name of the session's cookie: behind https one that no plain page of the host can set."""
        return COOKIE_SECURE if self._base(request).startswith("https://") else COOKIE

    def _base(self, request: HTTPConnection) -> str:
        """Return the address under which people reach this server, without a slash at its end."""
        return (self._settings.url or str(request.base_url)).rstrip("/")


def identity_of(claims: Mapping[str, Any], name: str, groups: str) -> tuple[Identity, str]:
    """Return the person that a provider's claims name, and why not where they name none.

    An e-mail address counts only where the provider has verified it: at many providers people choose it themselves.
    """
    said = claims.get(name)
    if not isinstance(said, str) or not said:
        return NOBODY, f"The identity provider names nobody: it sent no claim {name!r} (HEADWAY_OIDC_NAME)."
    if name == "email" and claims.get("email_verified") is not True:
        hint = "ask for it, or set HEADWAY_OIDC_NAME to a claim that people cannot choose"
        return NOBODY, f"The identity provider does not say that the e-mail address is verified; {hint}."
    listed = claims.get(groups)
    found = [it for it in listed if isinstance(it, str)] if isinstance(listed, list) else []
    who = person(said, found, way_in="oidc")
    return who, "" if who.name else f"The identity provider's claim {name!r} is no plain name."


def local_path(said: str) -> str:
    """Return a path of this server to go on to; the first page for anything that leads elsewhere."""
    parts = urlsplit(said)
    odd = not said.isprintable() or "\\" in said
    return (
        "/"
        if parts.scheme or parts.netloc or odd or not said.startswith("/") or said.startswith("//")
        else said
    )


def _refused(why: str) -> Response:
    return PlainTextResponse(f"{why}\nGo back to / to try again.\n", status_code=403)


def _unavailable(error: Exception) -> Response:
    # What a provider sends may hold a token, so only the error's kind is written.
    _log.warning("the identity provider cannot be used: %s", type(error).__name__)
    said = "The identity provider cannot be used now, or its answer is not valid. Try again in a moment.\n"
    return PlainTextResponse(said, status_code=502)
