"""The way in as `headway serve` puts it together: a whole login through the server's own app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from headway.errors import UsageError
from headway.settings import Settings
from headway.web.app import make_app
from headway.web.login.doors import door
from tests.servers.oidc import CLIENT, SECRET, OidcServer


@pytest.fixture
def provider() -> Iterator[OidcServer]:
    server = OidcServer()
    yield server
    server.close()


def browser(host: str, address: str, **settings: Any) -> TestClient:
    """Return a browser before a server with these settings; `/me` says who it is taken for."""
    way_in = door(Settings(**settings), host)

    async def me(request: Request) -> Response:
        return JSONResponse({"name": (await way_in.who(request)).name, "login": way_in.login})

    app = make_app(
        lambda events: None, "secret", more=[*way_in.routes, Route("/me", me)], middleware=way_in.middleware
    )
    return TestClient(app, base_url=address, follow_redirects=False, client=("127.0.0.1", 50000))


@pytest.mark.parametrize("address", ["https://headway.example.com", "http://localhost:8642"])
def test_a_login_through_the_server(provider: OidcServer, address: str) -> None:
    """Behind https its cookies are for https alone; on this machine plain http works."""
    page = browser(
        "0.0.0.0",
        address,
        oidc_issuer=provider.url,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        url=address if address.startswith("https") else "",
    )
    assert page.get("/me").json() == {"name": "", "login": "/login"}
    back = httpx.get(page.get("/login?next=/staging").headers["location"]).headers["location"]
    assert back.startswith(f"{address}/login/callback?")
    done = page.get(back)
    assert (done.status_code, done.headers["location"]) == (303, "/staging")
    assert all(
        ("secure" in it.lower()) == address.startswith("https") for it in done.headers.get_list("set-cookie")
    )
    assert page.get("/me").json()["name"] == "ann@example.com"


def test_the_other_ways_in() -> None:
    """This machine's user on loopback, a proxy's word with its proof, and nobody at an open address."""
    assert browser("127.0.0.1", "http://127.0.0.1:8642", actor="ann").get("/me").json()["name"] == "ann"
    assert browser("0.0.0.0", "http://127.0.0.1:8642", actor="ann").get("/me").json() == {
        "name": "",
        "login": "",
    }
    proxy = browser("0.0.0.0", "http://headway", proxy_user_header="X-User", proxy_secret="proof")
    assert proxy.get("/me", headers={"X-User": "ann"}).json()["name"] == ""
    named = proxy.get("/me", headers={"X-User": "ann", "X-Headway-Proof": "proof"})
    assert named.json()["name"] == "ann"
    with pytest.raises(UsageError, match="HEADWAY_PROXY_SECRET is missing"):
        door(Settings(proxy_user_header="X-User"), "127.0.0.1")
