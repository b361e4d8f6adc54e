"""Notifications besides Slack: signed CloudEvents, apprise, GitHub and GitLab, each over HTTP."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headway.domain.notifications.notices import Recipient
from headway.domain.releases.links import commit_page
from headway.errors import FailedError, TransientError
from headway.operations.dispatcher import Dispatcher
from headway.settings import Settings
from headway.systems.notify import webhook
from headway.systems.notify.code_hosts import CodeHost, known_hosts, repo_of
from headway.systems.notify.mail import send
from tests.servers.http import HttpServer, Sent
from tests.systems.notify.test_slack import NOTICE

LIVE = dataclasses.replace(NOTICE, state="live", seconds=2.0)
SHA = "9ab2c41" + "0" * 33


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """Somebody who hears."""
    made = HttpServer()
    yield made
    made.close()


def test_a_webhook_gets_a_signed_cloudevent(server: HttpServer) -> None:
    """A receiver can check who sent it and when, and knows by its id what it has heard before."""
    webhook.post(f"{server.url}/hook", "a secret", LIVE)
    (sent,) = server.sent
    assert sent.headers["content-type"].startswith("application/cloudevents+json")
    event = sent.data
    assert (event["specversion"], event["type"]) == ("1.0", "headway.release.live")
    assert event["id"] == sent.headers["webhook-id"] == f"{LIVE.release}.live"
    assert event["data"]["changes"][0]["service"] == "orders"
    signed = f"{sent.headers['webhook-id']}.{sent.headers['webhook-timestamp']}.".encode() + sent.body
    good = base64.b64encode(hmac.new(b"a secret", signed, hashlib.sha256).digest()).decode()
    assert sent.headers["webhook-signature"] == f"v1,{good}"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((503, {}, {}), TransientError),
        ((429, {}, {"Retry-After": "9"}), TransientError),
        ((404, {}, {}), FailedError),
        ((302, {}, {"Location": "http://127.0.0.1:1/"}), FailedError),
    ],
)
def test_a_webhook_that_does_not_take_it(server: HttpServer, answer: Any, error: type[Exception]) -> None:
    """What may succeed later is tried later; a redirect is not followed with what was signed."""
    server.answers.append(answer)
    with pytest.raises(error) as caught:
        webhook.post(server.url, "a secret", LIVE)
    if answer[0] == 429:
        assert caught.value.retry_after == 9  # type: ignore[attr-defined]
    assert len(server.sent) == 1


def test_a_standard_secret_is_base64(server: HttpServer) -> None:
    """After `whsec_` stands the key in base64, as the libraries of Standard Webhooks take it."""
    key = bytes(range(24))
    webhook.post(server.url, f"whsec_{base64.b64encode(key).decode()}", LIVE)
    (sent,) = server.sent
    signed = f"{sent.headers['webhook-id']}.{sent.headers['webhook-timestamp']}.".encode() + sent.body
    good = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert sent.headers["webhook-signature"] == f"v1,{good}"
    with pytest.raises(FailedError, match="holds no base64"):
        webhook.post(server.url, "whsec_no base64", LIVE)


def test_nothing_is_sent_unsigned(server: HttpServer) -> None:
    """Without a secret it says which setting is missing."""
    with pytest.raises(FailedError, match="with a signature only") as caught:
        webhook.post(server.url, "", LIVE)
    assert "HEADWAY_WEBHOOK_SECRET" in caught.value.hint
    assert server.sent == []


def test_apprise_sends_to_a_named_address(server: HttpServer) -> None:
    """The address is known by a name; it holds a password and is said nowhere."""
    host = server.url.removeprefix("http://")
    said = f"mail=mailto://x ops=json://user:geheim@{host}/here"
    send(said, "ops", LIVE)
    assert server.sent[0].data["title"] == "production: orders live in 2.0 s"
    with pytest.raises(FailedError, match="no address named nosuch") as caught:
        send(said, "nosuch", LIVE)
    assert "mail, ops" in caught.value.hint
    server.answers.append((500, {}, {}))
    with pytest.raises(TransientError) as failed:
        send(said, "ops", LIVE)
    assert "geheim" not in str(failed.value)


def test_github_gets_a_status_and_one_deployment(server: HttpServer) -> None:
    """Pending, then success, on the source commit; the deployment is made once and changes its status; twice is once."""
    host = CodeHost("github", server.url, "ghp_x")
    deployments = "/repos/acme/orders/deployments"
    made: list[dict[str, int]] = []
    said: list[Any] = []

    def deployment(sent: Sent) -> Any:
        if sent.method == "POST":
            made.append({"id": 7})
        return made[-1] if sent.method == "POST" else made

    def statuses(sent: Sent) -> Any:
        if sent.method == "POST":
            said.append(sent.data)
        return said[-1:]

    server.standing |= {deployments: deployment, f"{deployments}/7/statuses": statuses}
    host.notify("acme/orders", SHA, dataclasses.replace(LIVE, state="releasing"), "http://prefect.example/1")
    for _ in range(2):
        host.notify("acme/orders", SHA, LIVE, "")
    host.close()
    posted = [(it.path, it.data) for it in server.sent if it.method == "POST"]
    assert [it for it, _ in posted] == [
        f"/repos/acme/orders/statuses/{SHA}",
        deployments,
        f"{deployments}/7/statuses",
        f"/repos/acme/orders/statuses/{SHA}",
        f"{deployments}/7/statuses",
    ]
    states = [data["state"] for path, data in posted if "statuses" in path]
    assert states == ["pending", "in_progress", "success", "success"]
    assert server.sent[0].headers["authorization"] == "Bearer ghp_x"


def test_gitlab_gets_a_status_and_a_deployment_at_the_end(server: HttpServer) -> None:
    """A status for each state; a deployment once it is known how it ended, and that once."""
    host = CodeHost("gitlab", server.url, "glpat")
    project = "/projects/acme%2Fteam%2Forders"
    known: list[dict[str, str]] = []
    server.standing[f"{project}/deployments"] = lambda it: known if it.method == "GET" else {}
    for state in ("releasing", "failed"):
        host.notify("acme/team/orders", SHA, dataclasses.replace(LIVE, state=state), "")
    known.append({"sha": SHA, "status": "failed"})
    host.notify("acme/team/orders", SHA, dataclasses.replace(LIVE, state="failed"), "")
    host.close()
    assert [
        (it.path, it.data.get("state") or it.data["status"]) for it in server.sent if it.method == "POST"
    ] == [
        (f"{project}/statuses/{SHA}", "running"),
        (f"{project}/statuses/{SHA}", "failed"),
        (f"{project}/deployments", "failed"),
        (f"{project}/statuses/{SHA}", "failed"),
    ]


@pytest.mark.parametrize(
    ("state", "said", "done"),
    [
        ("planned", 'Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via "enqueue")', True),
        ("planned", "Cannot transition status via :enqueue from :running", True),
        ("releasing", "Cannot transition status via :run from :running", True),
        ("live", "Cannot transition status via :succeed from :success", True),
        ("live", "Cannot transition status via :succeed from :canceled", False),
        ("planned", "The pipeline is blocked", False),
    ],
)  # fmt: skip
def test_gitlab_refuses_what_is_so_already(server: HttpServer, state: str, said: str, done: bool) -> None:
    """Pending again, or pending once it runs, is an error to GitLab and none to us; how it ended must get there."""
    host = CodeHost("gitlab", server.url, "glpat")
    server.answers.append((400, {"message": said}, {}))
    server.standing["/projects/acme%2Forders/deployments"] = lambda it: []
    told = dataclasses.replace(LIVE, state=state)
    if done:
        host.notify("acme/orders", SHA, told, "")
    else:
        with pytest.raises(FailedError, match="400"):
            host.notify("acme/orders", SHA, told, "")
    host.close()


def test_a_commit_gets_the_newest_state_alone(server: HttpServer, tmp_path: Path) -> None:
    """What could not be sent is not sent one after the other: the status is how things are."""
    here = Dispatcher(Settings(state=tmp_path, gitlab_token="t", gitlab_url=f"{server.url}/api/v4"))  # type: ignore[arg-type]
    to = [Recipient("commit", f"gitlab 127.0.0.1 acme/orders {SHA}", datetime.now(UTC))]
    server.standing["/api/v4/projects/acme%2Forders/deployments"] = lambda it: []
    for state in ("planned", "waiting", "releasing", "live"):
        here.outbox.put(dataclasses.replace(LIVE, state=state), to)
    assert here.deliver() == 1
    assert [it.data["state"] for it in server.sent if "statuses" in it.path] == ["success"]
    assert here.outbox.next_due() is None
    here.close()


def test_a_host_that_answers_no_json(server: HttpServer) -> None:
    """A login page in place of an API: it says which setting to look at."""
    server.answers.append((200, b"<html>log in</html>", {}))
    with pytest.raises(FailedError, match="with no JSON") as caught:
        CodeHost("github", server.url, "ghp_x").notify("acme/orders", SHA, LIVE, "")
    assert "HEADWAY_GITHUB_URL" in caught.value.hint


def test_a_token_is_for_its_own_host() -> None:
    """The public one, or the one whose API was named; and an API is not shown with its token."""
    names = {
        "": "github.com",
        "https://api.github.com": "github.com",
        "https://ghe.example.com/api/v3": "ghe.example.com",
        "https://api.acme.ghe.com": "acme.ghe.com",
    }
    for api, name in names.items():
        (host,) = known_hosts({"github": (api, "ghp_x"), "gitlab": ("", "")})
        assert host.name == name
        assert "ghp_x" not in repr(host)


def test_a_host_that_refuses_the_token(server: HttpServer) -> None:
    """It says which call, and where to read on; the token is not said."""
    server.answers.extend([(200, [], {}), (403, {"message": "Resource not accessible"}, {})])
    with pytest.raises(FailedError, match="refuses POST /repos/acme/orders/statuses") as caught:
        CodeHost("github", server.url, "ghp_x").notify("acme/orders", SHA, LIVE, "")
    assert "ghp_x" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://github.com/acme/shop.git", ("github.com", "acme/shop")),
        ("https://token@github.com/acme/shop", ("github.com", "acme/shop")),
        ("git@gitlab.example.com:acme/team/shop.git", ("gitlab.example.com", "acme/team/shop")),
        ("ssh://git@gitlab.example.com:2222/acme/shop.git", ("gitlab.example.com", "acme/shop")),
        ("git@GitHub.com:/acme/shop.git", ("github.com", "acme/shop")),
        ("/srv/git/shop.git", ("", "")),
        ("file:///srv/git/shop.git", ("", "")),
        ("srv/git/shop.git", ("", "")),
        ("https://github.com", ("", "")),
    ],
)
def test_where_a_source_repo_is(url: str, place: tuple[str, str]) -> None:
    """However Git spells it."""
    assert repo_of(url) == place


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://user:secret@github.com/acme/config.git", "https://github.com/acme/config/commit/abc"),
        ("git@gitlab.com:acme/config.git", "https://gitlab.com/acme/config/-/commit/abc"),
        ("ssh://git@bitbucket.org/acme/config.git", "https://bitbucket.org/acme/config/commits/abc"),
        ("http://127.0.0.1:3080/config.git", ""),
    ],
)
def test_the_page_of_a_commit(url: str, page: str) -> None:
    """For the hosts that are known, and never with a login."""
    assert commit_page(url, "abc") == page
    assert commit_page(url, "abc", "https://git.example/c/{commit}") == "https://git.example/c/abc"


def test_a_dispatcher_delivers_to_each_kind(server: HttpServer, tmp_path: Path) -> None:
    """One release, sent in three ways; one that fails keeps no other back."""
    host = server.url.removeprefix("http://")
    here = Dispatcher(
        Settings(
            state=tmp_path,
            webhook_secret="s",
            apprise=f"ops=json://{host}/",
            github_token="t",
            github_url=server.url,
        )  # type: ignore[arg-type]
    )
    now = datetime.now(UTC)
    targets = [
        Recipient("webhook", f"{server.url}/hook", now),
        Recipient("apprise", "ops", now),
        Recipient("apprise", "nosuch", now),
        Recipient("commit", f"github 127.0.0.1 acme/orders {SHA}", now),
        Recipient("commit", f"github bitbucket.org acme/orders {SHA}", now),
    ]
    server.standing["/repos/acme/orders/deployments"] = lambda it: [] if it.method == "GET" else {"id": 1}
    here.outbox.put(LIVE, targets)
    assert here.deliver() == 3
    assert [it[0] for it in here.outbox.waiting()] == [
        "apprise:nosuch",
        f"commit:github bitbucket.org acme/orders {SHA}",
    ]
    here.close()
