"""The registry client against a registry that speaks the real protocol, in all its moods."""

from __future__ import annotations

import base64
import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from headway.domain.images import ImageRef
from headway.errors import FailedError, HeadwayError
from headway.systems.docker_config import DockerConfig, Login
from headway.systems.facts import FactStore
from headway.systems.registry import ImageNotFound, RegistryBusy, RegistryClient, RegistryDenied
from headway.systems.registry_auth import Challenge
from headway.systems.registry_http import Registry
from tests.unit.systems.registry_server import FakeRegistry

DAY = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A registry."""
    made = FakeRegistry()
    yield made
    made.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[RegistryClient]:
    """A client without logins, with a store of its own."""
    with RegistryClient(str(tmp_path), FactStore(tmp_path / "facts.sqlite")) as made:
        yield made


def logged_in(folder: Path, registry: FakeRegistry, **entry: str) -> RegistryClient:
    """Make a client with a login in Docker's configuration."""
    auth = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry.host: entry or {"auth": auth}}}))
    return RegistryClient(str(folder))


def fine(found: object) -> object:
    """See that a result is no error."""
    assert not isinstance(found, HeadwayError), found
    return found


def test_tags_of_many_repositories_cost_one_request_each(
    registry: FakeRegistry, client: RegistryClient
) -> None:
    """However many repositories: a list each, and nothing else."""
    for number in range(30):
        registry.tag(f"r{number}", "1.0.0")
    found = client.scan_tags(registry.ref(f"r{number}") for number in range(30))
    assert list(found.values()) == [["1.0.0"]] * 30
    assert len(registry.asked) == 30


def test_pages_are_followed(registry: FakeRegistry, client: RegistryClient) -> None:
    """Lists come in pages, each named by the one before."""
    registry.page = 3
    names = [f"t{number:02}" for number in range(10)]
    for name in names:
        registry.tag("r", name)
    assert client.scan_tags([registry.ref("r")])[registry.ref("r").name] == names
    assert registry.count("/tags/list") == 4


def test_a_repository_that_is_not_there_has_no_tags(registry: FakeRegistry, client: RegistryClient) -> None:
    """Nothing was pushed yet: no error."""
    assert client.tags(registry.ref("nosuch")) == []


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
    helper = tmp_path / "docker-credential-lab"
    helper.write_text(
        f'#!/bin/sh\nread host\necho \'{{"Username": "{registry.user}", "Secret": "{registry.password}"}}\'\n'
    )
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {registry.host: "lab"}}))
    with RegistryClient(str(tmp_path)) as client:
        assert client.tags(registry.ref("r")) == ["1"]
        assert client.check(registry.host) == "answers, login from docker-credential-lab"


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_wrong_password_is_told_without_it(registry: FakeRegistry, tmp_path: Path, auth: str) -> None:
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


def test_a_missing_login_is_told(registry: FakeRegistry, client: RegistryClient) -> None:
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
        facts = client.scan_facts([registry.ref("r", "1")])[registry.ref("r", "1")]
    other.close()
    assert getattr(fine(facts), "created", None) == DAY
    assert list(other.seen_authorizations) == [""]


def test_a_login_is_not_sent_where_everybody_can_read_it(tmp_path: Path) -> None:
    """A registry with TLS that names a token server without it gets no login there."""
    asked = Registry("registry.example.com", DockerConfig(str(tmp_path)))
    challenge = Challenge("bearer", "http://tokens.example.com/token", "s", "")
    with pytest.raises(RegistryDenied, match="without TLS"):
        asked._token(challenge, Login("ann", "secret", "config.json"), "shop/web")
    asked.close()


def test_facts_cost_two_requests_and_then_none(registry: FakeRegistry, tmp_path: Path) -> None:
    """Manifest and configuration once ever, also after a restart; three new tags cost six."""
    images = [registry.ref("r", f"t{number}") for number in range(20)]
    for number, image in enumerate(images):
        registry.tag(
            "r",
            image.tag or "",
            registry.image(DAY + timedelta(hours=number), config={"Labels": {"n": str(number)}}),
        )
    with RegistryClient(str(tmp_path), FactStore(tmp_path / "facts")) as client:
        found = client.scan_facts(images)
    assert [getattr(it, "created", it) for it in found.values()] == [
        DAY + timedelta(hours=n) for n in range(20)
    ]
    assert len(registry.asked) == 40
    new = [registry.ref("r", f"new{number}") for number in range(3)]
    for number, image in enumerate(new):
        registry.tag("r", image.tag or "", registry.image(DAY, number=number))
    with RegistryClient(str(tmp_path), FactStore(tmp_path / "facts")) as client:
        again = client.scan_facts([*images, *new])
        assert len(registry.asked) == 46
        assert {image: again[image] for image in images}.keys() == found.keys()
        first = again[images[3]]
        assert not isinstance(first, HeadwayError)
        assert (first.platforms, dict(first.labels)) == (("linux/amd64",), {"n": "3"})


def test_two_tags_of_one_digest_share_its_facts(registry: FakeRegistry, client: RegistryClient) -> None:
    """A second name of a known digest costs its manifest only."""
    digest = registry.tag("r", "a", registry.image(DAY))
    registry.tag("r", "b", digest)
    client.scan_facts([registry.ref("r", "a")])
    client.scan_facts([registry.ref("r", "b")])
    assert len(registry.asked) == 3


def test_a_remembered_tag_is_asked_again_when_it_may_have_moved(
    registry: FakeRegistry, client: RegistryClient
) -> None:
    """What a tag means is remembered, until somebody says that it moved or wants it fresh."""
    image = registry.ref("r", "latest")
    first = registry.tag("r", "latest", registry.image(DAY))
    assert client.scan_digests([image]) == {image: first}
    second = registry.tag("r", "latest", registry.image(DAY + timedelta(days=1)))
    assert client.scan_digests([image]) == {image: first}
    assert client.scan_digests([image], fresh=True) == {image: second}
    third = registry.tag("r", "latest", registry.image(DAY + timedelta(days=2)))
    client.forget(image)
    assert client.scan_digests([image]) == {image: third}
    assert len(registry.asked) == 3


def test_an_index_tells_its_platforms(registry: FakeRegistry, client: RegistryClient) -> None:
    """Platforms come from the index without its attestations, time and labels from the linux/amd64 image."""
    arm = registry.image(DAY, architecture="arm64")
    amd = registry.image(DAY + timedelta(hours=1), config={"Labels": {"of": "amd"}})
    attestation = registry.image(note="attestation")
    digest = registry.index(("linux/arm64/v8", arm), ("linux/amd64", amd), ("unknown/unknown", attestation))
    registry.tag("r", "1", digest)
    facts = client.scan_facts([registry.ref("r", "1")])[registry.ref("r", "1")]
    assert not isinstance(facts, HeadwayError)
    assert (facts.digest, facts.platforms) == (digest, ("linux/arm64/v8", "linux/amd64"))
    assert (facts.created, dict(facts.labels)) == (DAY + timedelta(hours=1), {"of": "amd"})
    assert len(registry.asked) == 3


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "yesterday", None, 7])
def test_an_image_without_a_time(registry: FakeRegistry, client: RegistryClient, created: object) -> None:
    """Reproducible builds say the epoch: that is no time to order by."""
    registry.tag("r", "1", registry.put(json.dumps({
        "mediaType": "x", "config": {"digest": registry.put(json.dumps({"created": created}).encode(), "x")},
    }).encode(), "x"))  # fmt: skip
    facts = client.scan_facts([registry.ref("r", "1")])[registry.ref("r", "1")]
    assert not isinstance(facts, HeadwayError)
    assert facts.created is None


def test_too_many_requests_are_ridden_out(registry: FakeRegistry, client: RegistryClient) -> None:
    """A registry that says 429 is left alone for as long as it says, then asked more slowly; all answers come."""
    began = time.monotonic()
    refused: list[float] = []

    def tired(path: str) -> tuple[int, dict[str, str]] | None:
        if len(registry.asked) > 10 and time.monotonic() - began < 1.2:
            refused.append(time.monotonic())
            return 429, {"Retry-After": "1"}
        return None

    registry.mood = tired
    for number in range(60):
        registry.tag(f"r{number}", "1")
    found = client.scan_tags(registry.ref(f"r{number}") for number in range(60))
    assert list(found.values()) == [["1"]] * 60
    assert refused
    assert len(registry.asked) <= 60 + 2 * 20, "at most what was under way is asked twice"


@pytest.mark.parametrize("header", ["date", "nonsense", ""])
def test_every_form_of_retry_after(registry: FakeRegistry, client: RegistryClient, header: str) -> None:
    """Seconds, an HTTP date, nonsense or none: it waits, and then it comes."""
    answers = [429]
    when = (
        format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True) if header == "date" else header
    )
    registry.mood = lambda path: (answers.pop(), {"Retry-After": when} if when else {}) if answers else None
    registry.tag("r", "1")
    assert client.scan_tags([registry.ref("r")]) == {registry.ref("r").name: ["1"]}


def test_a_server_error_is_tried_again_and_then_told(registry: FakeRegistry, client: RegistryClient) -> None:
    """A 503 that goes away is nothing; one that stays is RegistryBusy, after three tries."""
    registry.tag("r", "1")
    answers = [503]
    registry.mood = lambda path: (answers.pop(), {}) if answers else None
    assert client.scan_tags([registry.ref("r")])[registry.ref("r").name] == ["1"]
    registry.mood = lambda path: (503, {})
    asked = len(registry.asked)
    assert isinstance(client.scan_tags([registry.ref("r")])[registry.ref("r").name], RegistryBusy)
    assert len(registry.asked) - asked == 3


def test_a_dead_and_a_slow_registry_delay_no_other(registry: FakeRegistry, client: RegistryClient) -> None:
    """The healthy one's answers are there; the dead one says so, the slow one is left for the next look."""
    slow = FakeRegistry()
    release = threading.Event()

    def sleepy(path: str) -> None:
        release.wait(60)

    slow.mood = sleepy
    registry.tag("r", "1")
    dead = ImageRef("127.0.0.1:1", "gone")
    try:
        found = client.scan_tags([registry.ref("r"), slow.ref("r"), dead])
    finally:
        release.set()
    slow.close()
    assert found[registry.ref("r").name] == ["1"]
    assert "does not answer" in str(found[dead.name])
    assert "is slow" in str(found[slow.ref("r").name])


def test_an_error_is_one_repositorys_own(registry: FakeRegistry, client: RegistryClient) -> None:
    """One repository that may not be read keeps no other from being read."""
    registry.tag("good", "1")
    registry.mood = lambda path: (403, {}) if "/bad/" in path else None
    found = client.scan_tags([registry.ref("good"), registry.ref("bad")])
    assert found[registry.ref("good").name] == ["1"]
    assert isinstance(found[registry.ref("bad").name], RegistryDenied)


def test_a_digest_that_does_not_fit_its_content_is_refused(
    registry: FakeRegistry, client: RegistryClient
) -> None:
    """What a registry says of a manifest is compared with the manifest."""
    registry.tag("r", "1", registry.image(DAY))
    registry.lie = "sha256:" + "0" * 64
    found = client.scan_facts([registry.ref("r", "1")])[registry.ref("r", "1")]
    assert isinstance(found, FailedError)
    assert "other content" in str(found)


def test_a_registry_that_names_no_digest(registry: FakeRegistry, client: RegistryClient) -> None:
    """Without the header the digest is worked out from the content."""
    digest = registry.tag("r", "1")
    registry.without_digest_header = True
    assert client.resolve(registry.ref("r", "1")) == digest


def test_what_is_not_there_is_named_with_what_is_near(registry: FakeRegistry, client: RegistryClient) -> None:
    """A misspelt tag is answered with the near one, a missing repository with what to do."""
    registry.tag("r", "1.4.2")
    with pytest.raises(ImageNotFound, match=r"has no tag 1\.4\.3; did you mean 1\.4\.2"):
        client.resolve(registry.ref("r", "1.4.3"))
    with pytest.raises(ImageNotFound, match="has no repository nosuch"):
        client.resolve(registry.ref("nosuch", "1"))
    missing = registry.ref("r", "1").pinned(None, "sha256:" + "0" * 64)
    assert client.missing([registry.ref("r", "1.4.2"), missing]) == [missing]


def test_something_that_is_no_registry(registry: FakeRegistry, client: RegistryClient) -> None:
    """A page where JSON was expected is an error with the host's name, not a traceback."""
    registry.tag("r", "1")
    registry.content[registry.repositories["r"]["1"]] = ("text/html", b"<html>")
    registry.without_digest_header = True
    found = client.scan_facts([registry.ref("r", "1")])[registry.ref("r", "1")]
    assert "not JSON" in str(found)
