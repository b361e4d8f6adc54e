"""People log in by OpenID Connect, against a provider that speaks it over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from headway.settings import Settings
from headway.web.login.oidc import CHECKED, LONGEST, UNCHECKED, Oidc, identity_of, local_path
from tests.servers.oidc import CLIENT, SECRET, OidcServer

HERE = "https://headway.example.com"


class Site:
    """headway's side, as a browser sees it; the provider's pages are fetched for real."""

    def __init__(self, provider: OidcServer, **settings: Any) -> None:
        self.now = 0.0
        given = {
            "oidc_issuer": provider.url,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
            "url": HERE,
        }
        self.oidc = Oidc(Settings(**{**given, **settings}), lambda: self.now)

        async def me(request: Request) -> Response:
            who = await self.oidc.who(request)
            return JSONResponse(
                {"name": who.name, "groups": sorted(who.groups), "form": self.oidc.form(request)}
            )

        app = Starlette(
            routes=[*self.oidc.routes, Route("/me", me)],
            middleware=[
                Middleware(SessionMiddleware, secret_key="key", https_only=True, session_cookie="login")
            ],
        )
        self.browser = TestClient(app, base_url=HERE, follow_redirects=False)

    def log_in(self, path: str = "/production") -> Any:
        """Go through the whole login; return the last answer."""
        import httpx

        to_provider = self.browser.get("/login", params={"next": path})
        back = httpx.get(to_provider.headers["location"])
        return self.browser.get(back.headers["location"])

    def me(self) -> dict[str, Any]:
        """Return who the server takes the browser for."""
        found: dict[str, Any] = self.browser.get("/me").json()
        return found


@pytest.fixture
def provider() -> Iterator[OidcServer]:
    server = OidcServer()
    yield server
    server.close()


def test_a_person_logs_in_and_out(provider: OidcServer) -> None:
    """After the login they are who the provider says, and go on where they were; after the logout they are nobody."""
    site = Site(provider)
    assert site.me()["name"] == ""
    answer = site.log_in("/production/orders")
    assert (answer.status_code, answer.headers["location"]) == (303, "/production/orders")
    cookie = next(it for it in answer.headers.get_list("set-cookie") if it.startswith("__Host-headway="))
    assert all(it in cookie.lower() for it in ("httponly", "secure", "samesite=lax", "path=/"))
    assert (site.me()["name"], site.me()["groups"]) == ("ann@example.com", ["shop"])
    assert site.me()["form"]
    assert site.browser.post("/logout").status_code == 303
    assert site.me() == {"name": "", "groups": [], "form": ""}


def test_a_cookie_that_a_plain_page_could_set_is_none(provider: OidcServer) -> None:
    """Behind https a session's cookie has a name that only https can set: nobody is put into another's session."""
    site = Site(provider)
    site.log_in()
    session = site.browser.cookies["__Host-headway"]
    site.browser.cookies.clear()
    site.browser.cookies.set("headway", session)
    assert site.me()["name"] == ""


def test_a_new_login_ends_the_one_before(provider: OidcServer) -> None:
    """Its session is over, also where somebody has kept the cookie."""
    site = Site(provider)
    site.log_in()
    session = site.browser.cookies["__Host-headway"]
    site.log_in()
    assert site.browser.cookies["__Host-headway"] != session
    site.browser.cookies.clear()
    site.browser.cookies.set("__Host-headway", session)
    assert site.me()["name"] == ""


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"email": "ann@example.com"}, "not say that the e-mail address is verified"),
        ({"email": "ann@example.com", "email_verified": False}, "verified"),
        ({"email": "ann@example.com", "email_verified": "true"}, "verified"),
        ({"sub": "1"}, "no claim 'email'"),
        ({"email": ["ann@example.com"], "email_verified": True}, "no claim 'email'"),
        ({"email": "ann smith@x", "email_verified": True}, "no plain name"),
    ],
)
def test_whom_the_provider_does_not_name_is_nobody(
    provider: OidcServer, claims: dict[str, Any], said: str
) -> None:
    """A login without a name that can be relied on is refused with the reason."""
    provider.claims = claims
    site = Site(provider)
    answer = site.log_in()
    assert answer.status_code == 403
    assert said in answer.text
    assert site.me()["name"] == ""


@pytest.mark.parametrize(
    "spoil",
    [{"aud": "another"}, {"iss": "https://other.example.com"}, {"exp": 1}, {"nonce": "another"}],
    ids=["audience", "issuer", "expired", "nonce"],
)
def test_a_token_that_is_not_for_this_login_is_refused(provider: OidcServer, spoil: dict[str, Any]) -> None:
    """Whatever is wrong with the ID token, nobody is logged in, and there is no traceback."""
    provider.spoil = spoil
    site = Site(provider)
    assert site.log_in().status_code == 502
    assert site.me()["name"] == ""


def test_a_token_signed_by_somebody_else_is_refused(provider: OidcServer) -> None:
    """The provider's published key decides."""
    provider.foreign = True
    site = Site(provider)
    assert site.log_in().status_code == 502
    assert site.me()["name"] == ""


def test_an_answer_of_another_login_is_refused(provider: OidcServer) -> None:
    """Whoever is lured to the end of another's login does not become that other."""
    import httpx

    theirs, victim = Site(provider), Site(provider)
    back = httpx.get(theirs.browser.get("/login").headers["location"]).headers["location"]
    assert victim.browser.get(back).status_code in (403, 502)
    assert victim.me()["name"] == ""


def test_a_login_ends_when_the_provider_says_so(provider: OidcServer) -> None:
    """The provider is asked again every ten minutes: groups follow, and whoever is blocked there is out."""
    site = Site(provider)
    site.log_in()
    provider.claims["groups"] = []
    assert site.me()["groups"] == ["shop"]
    site.now += CHECKED
    assert site.me()["groups"] == []
    provider.blocked = True
    site.now += CHECKED - 1
    assert site.me()["name"] == "ann@example.com"
    site.now += 1
    assert site.me()["name"] == ""


def test_a_provider_that_is_away_has_not_said_no(provider: OidcServer) -> None:
    """People stay logged in while it is away, until their session ends in any case."""
    site = Site(provider)
    site.log_in()
    provider.away = True
    site.now += CHECKED
    assert site.me()["name"] == "ann@example.com"
    site.now = LONGEST
    assert site.me()["name"] == ""


def test_a_provider_without_refresh_tokens_is_asked_by_a_new_login(provider: OidcServer) -> None:
    """Then a session lasts an hour."""
    provider.refresh = False
    site = Site(provider)
    site.log_in()
    site.now = UNCHECKED - 1
    assert site.me()["name"] == "ann@example.com"
    site.now = UNCHECKED
    assert site.me()["name"] == ""


def test_a_provider_that_is_away_gives_a_sentence(provider: OidcServer) -> None:
    """And no traceback."""
    provider.away = True
    answer = Site(provider).browser.get("/login")
    assert answer.status_code == 502
    assert "identity provider" in answer.text


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("/production/orders?x=1", "/production/orders?x=1"),
        ("https://evil.example.com/", "/"),
        ("//evil.example.com/", "/"),
        ("/\\evil.example.com/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("///evil.example.com", "/"),
    ],
)
def test_a_login_goes_on_within_this_server(said: str, path: str) -> None:
    """What leads elsewhere leads to the first page."""
    assert local_path(said) == path


def test_another_claim_may_name_people() -> None:
    """For example a login that people cannot choose; then nobody asks whether an address is verified."""
    assert identity_of({"upn": "ann"}, "upn", "groups")[0].name == "ann"
