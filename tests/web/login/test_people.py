"""Who asks, by a proxy's headers, on this machine, by a token; and which way in the settings mean."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from headway.domain.policy.tokens import digest, read_tokens
from headway.errors import UsageError
from headway.settings import Settings
from headway.web.login.people import Who, by_machine, by_proxy, by_token, way_in

PROXY = by_proxy("X-Forwarded-Email", "X-Forwarded-Groups", "proof")
MACHINE = by_machine("ann")
PROOF, ANN = ("x-headway-proof", "proof"), ("x-forwarded-email", "ann@example.com")


def asked(
    who: Who, *headers: tuple[str, str], client: str = "127.0.0.1", host: str = "127.0.0.1:8642"
) -> Any:
    """Ask who a request with these headers comes from."""
    raw = [(name.encode(), value.encode()) for name, value in [("host", host), *headers]]
    return asyncio.run(who(Request({"type": "http", "headers": raw, "client": (client, 1), "method": "GET"})))


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ([PROOF, ANN], "ann@example.com"),
        ([ANN], ""),
        ([PROOF], ""),
        ([("x-headway-proof", "wrong"), ANN], ""),
        ([("x-headway-proof", ""), ANN], ""),
        ([PROOF, PROOF, ANN], ""),
        ([PROOF, ANN, ("x-forwarded-email", "eve@example.com")], ""),
        ([PROOF, ("x-forwarded-email", "")], ""),
        ([PROOF, ("x-forwarded-email", "ann smith")], ""),
    ],
)
def test_a_proxy_names_people(headers: list[tuple[str, str]], name: str) -> None:
    """Only with its proof, and only where it names one."""
    assert asked(PROXY, *headers).name == name


def test_a_proxy_names_groups() -> None:
    """They are separated by commas."""
    assert asked(PROXY, PROOF, ANN, ("x-forwarded-groups", "shop, Web Team")).groups == {"shop", "Web Team"}


@pytest.mark.parametrize(
    ("client", "host", "name"),
    [
        ("127.0.0.1", "localhost:8642", "ann"),
        ("::1", "[::1]:8642", "ann"),
        ("127.0.0.1", "headway.example.com", ""),
        ("127.0.0.1", "localhost.example.com", ""),
        ("127.0.0.1", "", ""),
        ("192.0.2.7", "127.0.0.1:8642", ""),
        ("", "127.0.0.1:8642", ""),
    ],
)
def test_this_machine_has_one_person(client: str, host: str, name: str) -> None:
    """Who asks from this machine, under a name of its own: a page of another site that resolves to it does not."""
    assert asked(MACHINE, client=client, host=host).name == name


def test_a_token_is_known_by_its_hash() -> None:
    """And nothing else that is sent as one."""
    tokens = read_tokens(
        f'tokens: [{{name: ci, sha256: "{digest("hw_x")}", flows: [release]}}]', "tokens.yaml"
    )
    who = by_token(lambda: tokens)
    assert asked(who, ("authorization", "Bearer hw_x")).actor == "ci:ci"
    assert [
        asked(who, *it).name for it in ((), (("authorization", "Bearer x"),), (("authorization", "hw_x"),))
    ] == ["", "", ""]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Forwarded-Host", "X-Real-IP", "Via"])
def test_what_a_proxy_passes_on_is_not_from_this_machine(header: str) -> None:
    """A proxy on this machine would make everybody its user, also where somebody says that they come from here."""
    assert asked(MACHINE, (header.lower(), "127.0.0.1")).name == ""


@pytest.mark.parametrize(
    ("settings", "host", "found"),
    [
        ({}, "127.0.0.1", "local"),
        ({}, "::1", "local"),
        ({}, "0.0.0.0", "closed"),
        ({"proxy_user_header": "X-User", "proxy_secret": "x"}, "127.0.0.1", "proxy"),
        ({"oidc_issuer": "https://id", "oidc_client_id": "x", "oidc_client_secret": "x"}, "0.0.0.0", "oidc"),
    ],
)
def test_the_way_in_is_what_the_settings_say(settings: dict[str, str], host: str, found: str) -> None:
    """Without any it is this machine's user on loopback, and nobody elsewhere."""
    assert way_in(Settings(**settings), host) == found


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"proxy_user_header": "X-User"}, "HEADWAY_PROXY_SECRET is missing"),
        ({"oidc_issuer": "https://id", "oidc_client_id": "x"}, "HEADWAY_OIDC_CLIENT_SECRET is missing"),
        (
            {"proxy_user_header": "X", "proxy_secret": "x", "oidc_issuer": "i", "oidc_client_id": "x", "oidc_client_secret": "x"},
            "both set",
        ),
    ],
)  # fmt: skip
def test_half_a_way_in_is_refused(settings: dict[str, str], said: str) -> None:
    """A proxy without its proof would let everybody name themselves."""
    with pytest.raises(UsageError, match=said):
        way_in(Settings(**settings), "127.0.0.1")
