"""What registries are shown: logins and tokens, where they come from, and that they are had as rarely as can be."""

from __future__ import annotations

import base64
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headway.errors import FailedError
from headway.systems.machine.logins import DockerConfig, Login
from headway.systems.registry import access as registry_access
from headway.systems.registry.auth import Challenge, may_have_login, parse_challenge
from headway.systems.registry.client import RegistryClient, RegistryDenied
from headway.systems.registry.http import Registry
from headway.systems.registry.wire import Answer
from tests.servers.registry import FakeRegistry, facts

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def logged_in(folder: Path, registry: FakeRegistry, **entry: str) -> RegistryClient:
    """Make a client with a login in Docker's configuration."""
    auth = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry.host: entry or {"auth": auth}}}))
    return RegistryClient(str(folder))


def helped(folder: Path, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> RegistryClient:
    """Make a client with a credential helper, which gives the password in `secret` and counts in `calls`."""
    (folder / "secret").write_text(registry.password)
    helper = folder / "docker-credential-lab"
    helper.write_text(
        f"#!/bin/sh\ncd {folder}\nread host\necho >> calls\n"
        f'echo "{{\\"Username\\": \\"{registry.user}\\", \\"Secret\\": \\"$(cat secret)\\"}}"\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    (folder / "config.json").write_text(json.dumps({"credHelpers": {registry.host: "lab"}}))
    return RegistryClient(str(folder))


def calls(folder: Path) -> int:
    """Return how often the helper was started."""
    return len((folder / "calls").read_text().splitlines())


def test_basic_login_is_asked_for_once(registry: FakeRegistry, tmp_path: Path) -> None:
    """After the first challenge the login goes along with every question."""
    registry.auth = "basic"
    registry.tag("r", "1")
    with logged_in(tmp_path, registry) as client:
        for _ in range(3):
            assert client.tags(registry.ref("r")) == ["1"]
    assert registry.seen_authorizations[""] == 1
    assert len(registry.asked) == 4


def test_bearer_tokens_are_kept_and_renewed(registry: FakeRegistry, tmp_path: Path) -> None:
    """One token for a repository, however many ask at once; a new one when it has run out."""
    registry.auth = "bearer"
    for tag in "abcdefghij":
        registry.tag("r", tag)
    with logged_in(tmp_path, registry) as client:
        client.tags(registry.ref("r"))
        client.scan_digests([registry.ref("r", tag) for tag in "abcdefghij"], fresh=True)
        assert len(registry.tokens_given) == 1
        registry.token_times.clear()
        assert client.resolve(registry.ref("r", "a")) == registry.repositories["r"]["a"]
    assert len(registry.tokens_given) == 2


def test_many_at_once_ask_for_one_token(registry: FakeRegistry, tmp_path: Path) -> None:
    """Twenty threads that meet a 401 at the same time get one token between them."""
    registry.auth = "bearer"
    for number in range(20):
        registry.tag("r", str(number))
    with logged_in(tmp_path, registry) as client:
        found = client.scan_digests([registry.ref("r", str(number)) for number in range(20)])
    assert all(isinstance(it, str) for it in found.values())
    assert len(registry.tokens_given) == 1


def test_an_identity_token_is_exchanged(registry: FakeRegistry, tmp_path: Path) -> None:
    """Docker's identity token goes to the token server as a refresh token, and never to the registry."""
    registry.auth = "bearer"
    registry.tag("r", "1")
    with logged_in(tmp_path, registry, identitytoken="secret") as client:
        assert client.tags(registry.ref("r")) == ["1"]
    assert registry.forms[0]["grant_type"] == ["refresh_token"]
    assert not any("secret" in it for it in registry.seen_authorizations)


def test_a_credential_helper_is_asked(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper on the path gives the login."""
    registry.auth = "basic"
    registry.tag("r", "1")
    with helped(tmp_path, registry, monkeypatch) as client:
        assert client.tags(registry.ref("r")) == ["1"]
        assert client.check(registry.host) == "answers, login from docker-credential-lab"


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_wrong_password_is_reported_without_it(registry: FakeRegistry, tmp_path: Path, auth: str) -> None:
    """The error names where the login came from, and no part of it."""
    registry.auth = auth
    registry.tag("r", "1")
    with (
        logged_in(tmp_path, registry, username="ann", password="hunter2") as client,
        pytest.raises(RegistryDenied) as caught,
    ):
        client.tags(registry.ref("r"))
    assert "refuses the login from" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_missing_login_is_reported(registry: FakeRegistry, client: RegistryClient) -> None:
    """Without a login the hint is to make one."""
    registry.auth = "basic"
    with pytest.raises(RegistryDenied, match="wants a login, and there is none"):
        client.tags(registry.ref("r"))


def test_a_login_does_not_follow_a_redirect(registry: FakeRegistry, tmp_path: Path) -> None:
    """A blob that lives on another host is fetched without the registry's login."""
    registry.auth = "basic"
    other = FakeRegistry()
    other.content = registry.content
    registry.blob_host = other.host
    registry.tag("r", "1", registry.image(DAY))
    with logged_in(tmp_path, registry) as client:
        found = client.scan_facts([registry.ref("r", "1")])[registry.ref("r", "1")]
    other.close()
    assert facts(found).created == DAY
    assert list(other.seen_authorizations) == [""]


def test_a_login_is_not_sent_where_everybody_can_read_it(tmp_path: Path) -> None:
    """A registry with TLS that names a token server without it gets no login there."""
    (tmp_path / "config.json").write_text(
        json.dumps({"auths": {"registry.example.com": {"username": "ann", "password": "secret"}}})
    )
    asked = Registry("registry.example.com", DockerConfig(str(tmp_path)))
    challenge = Answer(401, {"www-authenticate": 'Bearer realm="http://tokens.example.com/token"'}, b"", "")
    with pytest.raises(RegistryDenied, match="without TLS"):
        asked.access.after(challenge, "shop/web", None, time.monotonic() + 1)
    asked.close()


def test_a_look_costs_one_refusal_and_one_helper(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty repositories with tokens: one 401, a token and a list each, one process; the next look lists only."""
    registry.auth = "bearer"
    names = [f"r{number}" for number in range(30)]
    for name in names:
        registry.tag(name, "1")
    with helped(tmp_path, registry, monkeypatch) as client:
        for _ in range(2):
            found = client.scan_tags(map(registry.ref, names))
            assert list(found.values()) == [["1"]] * 30
    assert len(registry.asked) == 1 + 30 + 30 + 30
    assert len(registry.tokens_given) == 30
    assert calls(tmp_path) == 1


@pytest.mark.parametrize("refusal", [
    (403, b""), (400, b'{"errors": [{"code": "DENIED", "message": "Your authorization token has expired"}]}'),
])  # fmt: skip
@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_login_that_ended_is_renewed(
    registry: FakeRegistry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refusal: tuple[int, bytes],
    auth: str,
) -> None:
    """A cloud registry's login ends after hours, and not with a 401: the helper is asked again, once."""
    monkeypatch.setattr(registry_access, "FRESH", 0.0)
    registry.auth, registry.refusal = auth, refusal
    digest = registry.tag("r", "1")
    with helped(tmp_path, registry, monkeypatch) as client:
        assert client.tags(registry.ref("r")) == ["1"]
        registry.password = "another"
        registry.token_times.clear()
        (tmp_path / "secret").write_text("another")
        assert client.tags(registry.ref("r")) == ["1"]
        registry.password = "a third"
        registry.token_times.clear()
        (tmp_path / "secret").write_text("a third")
        assert client.resolve(registry.ref("r", "1")) == digest
    assert calls(tmp_path) == 3


def test_a_refusal_that_is_meant_is_believed(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repositories that this login may not read cost a request each, and no process."""
    registry.auth = "basic"
    registry.tag("good", "1")
    registry.mood = lambda path: (403, {}) if "/bad" in path else None
    with helped(tmp_path, registry, monkeypatch) as client:
        assert client.tags(registry.ref("good")) == ["1"]
        for number in range(5):
            with pytest.raises(RegistryDenied, match="refuses the login from docker-credential-lab"):
                client.tags(registry.ref(f"bad{number}"))
    assert registry.count("/bad") == 5
    assert calls(tmp_path) == 1


def test_a_repository_for_everybody_needs_no_token(registry: FakeRegistry, client: RegistryClient) -> None:
    """That one repository wants a token which nobody gives keeps no other from being read without."""
    registry.tag("open", "1")
    asks = {"WWW-Authenticate": f'Bearer realm="http://{registry.host}/token"'}
    registry.mood = lambda path: (401, asks) if "/closed/" in path else None
    with pytest.raises(RegistryDenied):
        client.tags(registry.ref("closed"))
    assert client.tags(registry.ref("open")) == ["1"]


@pytest.mark.parametrize(("header", "expected"), [
    ('Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"', Challenge("bearer", "https://a/t", "s", "repository:x:pull,push")),
    ('Bearer realm="https://a/t",service="s", Basic realm="b"', Challenge("bearer", "https://a/t", "s")),
    ('Basic realm="b", Bearer realm="https://a/t",service="s"', Challenge("bearer", "https://a/t", "s")),
    ('Negotiate, Basic realm="b, Bearer realm=c"', Challenge("basic")),
    ('Negotiate YWJj==, BASIC realm=b', Challenge("basic")),
    ('bearer realm = "https://a/t" , service=s', Challenge("bearer", "https://a/t", "s")),
    (r'Bearer realm="https://a/\"t"', Challenge("bearer", 'https://a/"t')),
    ('Bearer service="s"', None),
    ("Digest realm=x", None),
    ("", None),
])  # fmt: skip
def test_challenges(header: str, expected: Challenge | None) -> None:
    """A header may make several challenges, whose parameters are their own."""
    assert parse_challenge(header) == expected


def test_several_challenges_at_once(registry: FakeRegistry, tmp_path: Path) -> None:
    """A registry that takes tokens and logins is shown a token."""
    registry.auth = "bearer"
    registry.challenge = '{own}, Basic realm="elsewhere"'
    registry.tag("r", "1")
    with logged_in(tmp_path, registry) as client:
        assert client.tags(registry.ref("r")) == ["1"]


@pytest.mark.parametrize(
    "key",
    ["h:5000", "https://h:5000", "http://h:5000/", "https://h:5000/v2/", "https://h:5000/v1/", "h:5000/v2"],
)
@pytest.mark.parametrize("table", ["auths", "credHelpers"])
def test_every_way_to_name_a_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, table: str
) -> None:
    """Docker's tools write a registry's host, or one of its addresses; only the host counts."""
    helper = tmp_path / "docker-credential-lab"
    helper.write_text('#!/bin/sh\necho \'{"Username": "ann", "Secret": "s"}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    entry = {"auths": {"username": "ann", "password": "s"}, "credHelpers": "lab"}[table]
    (tmp_path / "config.json").write_text(json.dumps({table: {"other:5000": entry, key: entry}}))
    login = DockerConfig(str(tmp_path)).login("h:5000")
    assert login is not None
    assert (login.username, login.password) == ("ann", "s")
    assert DockerConfig(str(tmp_path)).login("h") is None


def test_the_exact_name_comes_first(tmp_path: Path) -> None:
    """Where the host itself and an address of it have logins, the host's is taken."""
    auths = {
        "https://h/team/": {"username": "team", "password": "s"},
        "h": {"username": "ann", "password": "s"},
    }
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    found = DockerConfig(str(tmp_path)).login("h")
    assert isinstance(found, Login)
    assert found.username == "ann"


def test_a_helper_that_cannot_be_started_is_reported(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper without its bit is one registry's error, with what to do, and keeps no other from being read."""
    broken = FakeRegistry(auth="basic")
    registry.tag("r", "1")
    with helped(tmp_path, broken, monkeypatch) as client:
        (tmp_path / "docker-credential-lab").chmod(0o644)
        found = client.scan_tags([registry.ref("r"), broken.ref("r")])
    broken.close()
    assert found[registry.ref("r").name] == ["1"]
    assert isinstance(found[broken.ref("r").name], FailedError)
    assert "docker-credential-lab" in str(found[broken.ref("r").name])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"5",
        b'{"token": 5, "expires_in": {}}',
        b'{"token": "a\\nb"}',
        b'{"token": ""}',
        b"[" * 100_000,
    ],
)
def test_a_token_server_that_gives_none(
    registry: FakeRegistry, client: RegistryClient, answer: bytes
) -> None:
    """Whatever it answers instead of a token is an error that names it."""
    tokens = FakeRegistry()
    tokens.mood = lambda path: (200, {}, answer)
    realm = f'Bearer realm="http://{tokens.host}/issue"'
    registry.mood = lambda path: (401, {"WWW-Authenticate": realm})
    with pytest.raises(FailedError, match="gave no token"):
        client.tags(registry.ref("r"))
    tokens.close()


@pytest.mark.parametrize("realm", ["http://[x", "file:///etc/passwd", "token", "http://"])
def test_a_token_server_that_is_no_address(
    registry: FakeRegistry, client: RegistryClient, realm: str
) -> None:
    """Where tokens are had is an address, or an error."""
    registry.mood = lambda path: (401, {"WWW-Authenticate": f'Bearer realm="{realm}"'})
    with pytest.raises(FailedError, match="no address"):
        client.tags(registry.ref("r"))


@pytest.mark.parametrize(
    ("address", "realm", "may"),
    [
        ("https://r.example", "https://tokens.example/token", True),
        ("https://r.example", "http://r.example/token", False),
        ("https://r.example", "http://127.0.0.1:5001/token", False),
        ("http://localhost:5000", "http://localhost:5001/token", True),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000/token", True),
        ("http://localhost:5000", "http://tokens.example/token", False),
        ("http://localhost:5000", "http://localhost.evil.example/token", False),
        ("http://localhost:5000", "http://localhost@evil.example/token", False),
        ("http://localhost:5000", "https://tokens.example/token", True),
        ("https://r.example", "https:///token", False),
        ("https://r.example", "ftp://r.example/token", False),
        ("https://r.example", "http://[x", False),
        ("https://r.example", "/token", False),
    ],
)
def test_where_a_login_may_go(address: str, realm: str, may: bool) -> None:
    """To the token server that the registry names by TLS; without it only on this machine."""
    assert may_have_login(address, realm) == may
