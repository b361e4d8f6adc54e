"""Push events of every sender: what they are about, who sent them, and that nothing odd breaks the reader."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.domain.events import SENDERS, GitPushed, ImagePushed, read, verify
from headway.errors import UsageError

D = "sha256:" + "a" * 64
URLS = ("https://git.example.com/shop/config.git", "git@git.example.com:shop/config.git")
GIT = GitPushed(URLS, "main", "c" * 40)


def ecr(**more: Any) -> dict[str, Any]:
    """Make EventBridge's event."""
    detail = {
        "action-type": "PUSH",
        "result": "SUCCESS",
        "repository-name": "shop/web",
        "image-tag": "1.2",
        "image-digest": D,
        **more,
    }
    return {
        "detail-type": "ECR Image Action",
        "account": "123456789012",
        "region": "eu-west-1",
        "detail": detail,
    }


def gar(**data: str) -> dict[str, Any]:
    """Make a Pub/Sub push message."""
    return {
        "message": {"data": base64.b64encode(json.dumps(data).encode()).decode(), "messageId": "1"},
        "subscription": "s",
    }


def envelope(**event: Any) -> dict[str, Any]:
    """Make a notification of the distribution registry."""
    target = {
        "repository": "shop/web",
        "tag": "1.2",
        "digest": D,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
    }
    whole = {
        "action": "push",
        "target": target,
        "request": {"host": "localhost:5000", "method": "PUT"},
        **event,
    }
    return {"events": [whole]}


REPO = {"clone_url": URLS[0], "ssh_url": URLS[1]}
CASES: list[tuple[str, str, dict[str, str], Any, list[Any]]] = [
    ("distribution", "a push", {}, envelope(), [ImagePushed("localhost:5000/shop/web", "1.2", D)]),
    ("distribution", "a pull", {}, envelope(action="pull"), []),
    ("distribution", "a layer", {}, envelope(target={"repository": "shop/web", "digest": D}), []),
    ("distribution", "some at once", {}, {"events": envelope()["events"] * 2 + envelope(action="pull")["events"]}, [ImagePushed("localhost:5000/shop/web", "1.2", D)]),
    ("dockerhub", "a push", {}, {"push_data": {"tag": "1.2"}, "repository": {"repo_name": "ann/web"}}, [ImagePushed("docker.io/ann/web", "1.2")]),
    ("dockerhub", "something else", {}, {"hello": 1}, []),
    ("github", "a push", {"x-github-event": "push"}, {"ref": "refs/heads/main", "after": "c" * 40, "repository": REPO}, [GIT]),
    ("github", "a tag", {"x-github-event": "push"}, {"ref": "refs/tags/v1", "after": "c" * 40, "repository": REPO}, []),
    ("github", "a deleted branch", {"x-github-event": "push"}, {"ref": "refs/heads/x", "after": "0" * 40, "repository": REPO}, []),
    ("github", "a ping", {"x-github-event": "ping"}, {"zen": "x", "repository": REPO}, []),
    (
        "github", "an image", {"x-github-event": "package"},
        {"action": "published", "package": {"name": "web", "namespace": "Ann", "package_type": "CONTAINER", "package_version": {
            "package_url": "ghcr.io/Ann/web:1.2", "container_metadata": {"tag": {"name": "1.2", "digest": D}}}}},
        [ImagePushed("ghcr.io/ann/web", "1.2", D)],
    ),
    (
        "github", "an npm package", {"x-github-event": "registry_package"},
        {"action": "published", "registry_package": {"name": "web", "package_type": "npm"}}, [],
    ),
    (
        "gitlab", "a push", {"x-gitlab-event": "Push Hook"},
        {"object_kind": "push", "ref": "refs/heads/main", "checkout_sha": "c" * 40, "project": {"git_http_url": URLS[0], "git_ssh_url": URLS[1]}}, [GIT],
    ),
    ("gitlab", "an issue", {}, {"object_kind": "issue"}, []),
    (
        "harbor", "its own format", {},
        {"type": "PUSH_ARTIFACT", "event_data": {"resources": [{"digest": D, "tag": "1.2", "resource_url": "hub.example.com/shop/web:1.2"}]}},
        [ImagePushed("hub.example.com/shop/web", "1.2", D)],
    ),
    (
        "harbor", "a CloudEvent", {},
        {"specversion": "1.0", "type": "harbor.artifact.pushed", "data": {"resources": [{"digest": D, "tag": "1.2", "resource_url": "hub.example.com:8443/shop/web:1.2"}]}},
        [ImagePushed("hub.example.com:8443/shop/web", "1.2", D)],
    ),
    ("harbor", "a scan", {}, {"type": "SCANNING_COMPLETED", "event_data": {"resources": [{"tag": "1.2", "resource_url": "h/w:1"}]}}, []),
    ("quay", "two tags", {}, {"docker_url": "quay.io/ann/web", "updated_tags": ["1.2", "latest"]}, [ImagePushed("quay.io/ann/web", "1.2"), ImagePushed("quay.io/ann/web", "latest")]),
    ("ecr", "a push", {}, ecr(), [ImagePushed("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web", "1.2", D)]),
    ("ecr", "a CloudEvent", {}, {"specversion": "1.0", "data": ecr()}, [ImagePushed("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web", "1.2", D)]),
    ("ecr", "in China", {}, {**ecr(), "region": "cn-north-1"}, [ImagePushed("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/shop/web", "1.2", D)]),
    ("ecr", "a deletion", {}, ecr(**{"action-type": "DELETE"}), []),
    ("ecr", "a failure", {}, ecr(result="FAILURE"), []),
    (
        "gar", "a tag", {}, gar(action="INSERT", digest=f"europe-docker.pkg.dev/p/shop/web@{D}", tag="europe-docker.pkg.dev/p/shop/web:1.2"),
        [ImagePushed("europe-docker.pkg.dev/p/shop/web", "1.2", D)],
    ),
    ("gar", "no tag", {}, gar(action="INSERT", digest=f"europe-docker.pkg.dev/p/shop/web@{D}"), [ImagePushed("europe-docker.pkg.dev/p/shop/web", "", D)]),
    ("gar", "a deletion", {}, gar(action="DELETE", tag="a.b/c:1"), []),
    (
        "acr", "its own webhook", {},
        {"action": "push", "target": {"repository": "web", "tag": "1.2", "digest": D}, "request": {"host": "shop.azurecr.io"}},
        [ImagePushed("shop.azurecr.io/web", "1.2", D)],
    ),
    (
        "acr", "Event Grid", {},
        [{"eventType": "Microsoft.ContainerRegistry.ImagePushed", "data": {"action": "push", "target": {"repository": "web", "tag": "1.2"}, "request": {"host": "shop.azurecr.io"}}}],
        [ImagePushed("shop.azurecr.io/web", "1.2")],
    ),
    ("acr", "a deletion", {}, {"action": "delete", "target": {"repository": "web", "tag": "1.2"}}, []),
    ("gitea", "a push", {"x-gitea-event": "push"}, {"ref": "refs/heads/main", "after": "c" * 40, "repository": REPO}, [GIT]),
    (
        "gitea", "an image", {"x-gitea-event": "package"},
        {"action": "created", "package": {"type": "container", "name": "Web", "version": "1.2", "owner": {"login": "ann"}, "html_url": "https://git.example.com/ann/-/packages"}},
        [ImagePushed("git.example.com/ann/web", "1.2")],
    ),
    (
        "bitbucket", "its cloud", {"x-event-key": "repo:push"},
        {"push": {"changes": [{"new": {"type": "branch", "name": "main", "target": {"hash": "c" * 40}}}, {"new": None}]},
         "repository": {"links": {"html": {"href": URLS[0]}}}},
        [GitPushed(URLS[:1], "main", "c" * 40)],
    ),
    (
        "bitbucket", "its server", {"x-event-key": "repo:refs_changed"},
        {"changes": [{"ref": {"id": "refs/heads/main"}, "toHash": "c" * 40, "type": "UPDATE"}, {"ref": {"id": "refs/heads/x"}, "type": "DELETE"}],
         "repository": {"links": {"clone": [{"href": URLS[0]}, {"href": URLS[1]}]}}},
        [GIT],
    ),
    ("generic", "one image", {}, {"image": f"localhost:5000/shop/web:1.2@{D}"}, [ImagePushed("localhost:5000/shop/web", "1.2", D)]),
    ("generic", "some images", {}, {"images": ["a.b/web:1", "localhost:5000/web"]}, [ImagePushed("a.b/web", "1"), ImagePushed("localhost:5000/web")]),
    ("generic", "a repo", {}, {"git": URLS[0], "branch": "main"}, [GitPushed(URLS[:1], "main")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sender", "headers", "body", "expected"),
    [(it[0], *it[2:]) for it in CASES],
    ids=[f"{it[0]}: {it[1]}" for it in CASES],
)
def test_what_events_are_about(sender: str, headers: dict[str, str], body: Any, expected: list[Any]) -> None:
    """Each sender's format gives the image or the branch, and anything else is acknowledged."""
    assert list(read(sender, headers, json.dumps(body).encode()).events) == expected


def test_json_in_a_form() -> None:
    """GitHub's default content type: the same JSON, as the form's `payload`."""
    push = {
        "ref": "refs/heads/main",
        "after": "a" * 40,
        "repository": {"clone_url": "https://github.com/shop/config.git"},
    }
    headers = {"content-type": "application/x-www-form-urlencoded", "x-github-event": "push"}
    body = urlencode({"payload": json.dumps(push)}).encode()
    assert read("github", headers, body) == read(
        "github", {"x-github-event": "push"}, json.dumps(push).encode()
    )
    plain = json.dumps(push).encode()
    assert read("github", headers, plain) == read("github", headers, body), "curl -d calls everything a form"
    for nonsense in (b"", b"other=1", b"%", b"payload=7", b"payload=", b"payload=%ff"):
        with pytest.raises(UsageError):
            read("github", headers, nonsense)


def test_every_sender_has_a_case() -> None:
    """No sender without a payload that means something."""
    assert {it[0] for it in CASES if it[4]} == set(SENDERS)


def test_a_handshake_is_answered() -> None:
    """Event Grid asks for its code back before it sends anything."""
    body = [
        {
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "data": {"validationCode": "512d38b6"},
        }
    ]
    assert read("acr", {}, json.dumps(body).encode()).answer == {"validationResponse": "512d38b6"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["events", "target", "repository", "action", "push", "changes", "new", "ref", "detail", "data", "message", "package", "type", "resources", "image", "git", "links", "clone"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.slow
@given(st.sampled_from(SENDERS), JSON, st.sampled_from(["push", "package", "PUSH_ARTIFACT", ""]))
def test_any_json_gives_events_or_a_clear_error(sender: str, value: Any, kind: str) -> None:
    """Whatever is sent, the answer is events or a UsageError."""
    headers = {"x-github-event": kind, "x-gitea-event": kind}
    try:
        found = read(sender, headers, json.dumps(value).encode())
    except UsageError:
        return
    assert all(isinstance(it, (ImagePushed, GitPushed)) for it in found.events)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"7", b"null"])
@pytest.mark.parametrize("sender", SENDERS)
def test_what_is_not_the_format(sender: str, body: bytes) -> None:
    """What is no JSON, or no object, is refused in one sentence."""
    with pytest.raises(UsageError):
        read(sender, {}, body)


SECRET, BODY = "geheim-ß", b'{"a": 1}'
HMAC = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
SIGNING = {
    "github": "x-hub-signature-256", "gitea": "x-gitea-signature", "bitbucket": "x-hub-signature", "generic": "x-headway-signature",
}  # fmt: skip


@pytest.mark.parametrize(("sender", "header"), SIGNING.items())
def test_signatures(sender: str, header: str) -> None:
    """A right signature passes; a wrong one, another body's, a missing one and another algorithm's do not."""
    assert verify(sender, SECRET, {header: f"sha256={HMAC}"}, {}, BODY)
    assert not verify(sender, SECRET, {header: f"sha256={HMAC}"}, {}, BODY + b" ")
    assert not verify(sender, SECRET, {header: f"sha256={'0' * 64}"}, {}, BODY)
    assert not verify(sender, "other", {header: f"sha256={HMAC}"}, {}, BODY)
    assert not verify(sender, SECRET, {}, {}, BODY)
    sha1 = hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()
    assert not verify(sender, SECRET, {header: f"sha1={sha1}"}, {}, BODY)


@pytest.mark.parametrize("sender", [it for it in SENDERS if it not in SIGNING and it != "gitlab"])
def test_tokens(sender: str) -> None:
    """Bearer, Basic's password, the plain value, or the address's token; nothing else."""
    basic = base64.b64encode(f"x:{SECRET}".encode()).decode()
    for headers, query in (
        ({"authorization": f"Bearer {SECRET}"}, {}),
        ({"authorization": f"Basic {basic}"}, {}),
        ({"authorization": SECRET}, {}),
        ({}, {"token": SECRET}),
    ):
        assert verify(sender, SECRET, headers, query, BODY)
    for headers, query in (
        ({"authorization": "Bearer no"}, {}),
        ({"authorization": "Basic !"}, {}),
        ({}, {}),
        ({}, {"token": ""}),
    ):
        assert not verify(sender, SECRET, headers, query, BODY)


def test_gitlabs_token_has_a_header_of_its_own() -> None:
    """X-Gitlab-Token, and not the address."""
    assert verify("gitlab", SECRET, {"x-gitlab-token": SECRET}, {}, BODY)
    assert not verify("gitlab", SECRET, {}, {"token": SECRET}, BODY)


@pytest.mark.parametrize("sender", SENDERS)
def test_no_secret_lets_nobody_in(sender: str) -> None:
    """An empty secret is not one that an empty token fits."""
    assert not verify(sender, "", {"authorization": "", "x-gitlab-token": ""}, {"token": ""}, BODY)
