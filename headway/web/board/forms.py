"""Forms that only this page's own visitors can send: the same origin, and a token that is bound to the browser.

A token is signed, bound to a cookie that no other site can set or read, and to who was shown the form.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

COOKIE = "headway_browser"
MAX_AGE = 12 * 3600
"""Seconds that a shown form may be sent; after that the plan is shown again."""


class Tokens:
    """The tokens of one server process: after a restart a form that was open is shown again."""

    def __init__(self) -> None:
        self._serializer = URLSafeTimedSerializer(secrets.token_urlsafe(32), salt="form")

    def browser(self, request: Request) -> str:
        """Return the mark of a browser: the one that it has, or a new one."""
        kept: str | None = getattr(request.state, "browser", None)
        if kept is None:
            found = request.cookies.get(COOKIE, "")
            kept = found if 20 <= len(found) <= 60 and found.isascii() else secrets.token_urlsafe(24)
            request.state.browser = kept
        return kept

    def made(self, browser: str, who: str) -> str:
        """Return the token for a form that is shown to somebody in a browser."""
        return self._serializer.dumps([browser, who])

    def fits(self, request: Request, token: str, who: str) -> bool:
        """Return whether a form came from the browser and the person that it was shown to."""
        browser = request.cookies.get(COOKIE, "")
        try:
            said = self._serializer.loads(token, max_age=MAX_AGE)
        except BadSignature:
            return False
        return bool(browser) and said == [browser, who]


def keep(request: Request, response: Response, browser: str) -> None:
    """Give a browser its mark."""
    if request.cookies.get(COOKIE) != browser:
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, browser, httponly=True, samesite="strict", secure=secure, path="/")


def same_origin(request: Request) -> bool:
    """Return whether a browser says that a request comes from this server's own page."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is not None:
        try:
            return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower() != ""
        except ValueError:
            return False
    return site == "same-origin"
