"""What is told of releases: each to its end, once, and to nobody that a token is not for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headway.domain.config.reading import load_config
from headway.domain.notifications import releases as decided
from headway.errors import TransientError
from headway.operations.connections import Connections
from headway.operations.notices import sending, unfinished
from headway.settings import Settings
from headway.systems.prefect.api import DeadRun
from tests.flows.conftest import Done, Place
from tests.servers.http import HttpServer
from tests.servers.kubernetes import once_tried
from tests.servers.slack import TOKEN, SlackServer
from tests.systems.notify.test_slack import NOTICE

SHA = "9ab2c41" + "0" * 33
BROKEN = (500, {}, {})


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """A workspace."""
    made = SlackServer("releases")
    yield made
    made.close()


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A program that hears, or a host, or what a release is verified by."""
    made = HttpServer()
    yield made
    made.close()


def notified(place: Place, server: HttpServer, **rules: str) -> Place:
    """Make an application live, and have its releases told from now on."""
    place.start(**rules)
    place.more = (
        f'notify:\n  slack: {{channel: "#releases"}}\n  routes: [{{webhook: {{url: "{server.url}/hook"}}}}]\n'
    )
    place.configure()
    return place


def run(place: Place, slack: SlackServer, *arguments: str, **env: str) -> Done:
    """Run headway with what it needs to tell."""
    known = {"HEADWAY_SLACK_TOKEN": TOKEN, "HEADWAY_SLACK_URL": slack.url, "HEADWAY_WEBHOOK_SECRET": "s"}
    return place.run(*arguments, **known, **env)


def told(server: HttpServer) -> list[str]:
    """Return the states that a program has heard of."""
    return [it.data["data"]["state"] for it in server.sent if it.path == "/hook"]


def message(slack: SlackServer) -> str:
    """Return the one message there is: its headline and its blocks."""
    (found,) = slack.posts()
    return str(found["text"]) + json.dumps(found["blocks"], ensure_ascii=False)


def test_a_push_to_two_environments_is_notified_of_each(
    place: Place, slack: SlackServer, server: HttpServer
) -> None:
    """One commit, two environments: each has a message of its own that ends as it ended there."""
    notified(place, server, staging="", production="")
    new = place.job("web", place.image("web", "1.1.0"))
    pushed = place.remote.push({"staging/web.yaml": new, "production/web.yaml": new})
    assert run(place, slack, "reconcile").code == 0
    ids = {it["metadata"]["event_payload"]["release"]: it["text"] for it in slack.posts()}
    assert set(ids) == {f"{pushed[:12]}-staging", f"{pushed[:12]}-production"}
    assert all("live in" in it for it in ids.values())


def test_a_rollback_that_fails_is_notified(place: Place, slack: SlackServer, server: HttpServer) -> None:
    """Going back did not help: the message says so, and once it did, that it was rolled back."""
    notified(place, server, staging="")
    place.configure(staging=f"verify: {{http: '{server.url}/health', timeout: 1s}}")
    server.standing["/health"] = lambda _: BROKEN
    assert run(place, slack, "release", "staging", f"web={place.image('web', '1.1.0')}").code == 1
    assert "staging: web failed" in message(slack)
    assert "rolling back did not succeed either: verification: http" in message(slack)
    del server.standing["/health"]
    assert run(place, slack, "reconcile", "staging").code == 0
    assert "staging: web failed and rolled back" in message(slack)
    assert told(server) == ["planned", "releasing", "failed", "failed", "rolled-back"]
    assert len({it.data["id"] for it in server.sent if it.path == "/hook"}) == 5


def test_an_unfinished_release_is_notified_once_for_each_cause(
    place: Place, slack: SlackServer, server: HttpServer
) -> None:
    """Who may not write learns nothing about the release, but people hear that it did not get there; once, until it does."""
    notified(place, server, staging="")
    place.kube.mood = once_tried(
        lambda method, path, body: (
            (403, {"kind": "Status", "reason": "Forbidden", "message": f"{path} is forbidden"})
            if "/cronjobs" in path
            else None
        )
    )
    assert run(place, slack, "release", "staging", f"web={place.image('web', '1.1.0')}").code == 1
    for _ in range(2):
        assert run(place, slack, "reconcile", "staging").code == 1
    assert "staging: web unfinished: not failed" in message(slack)
    assert "forbidden" in message(slack)
    assert "`headway reconcile staging` finishes it" in message(slack)
    assert told(server) == ["planned", "unfinished"]
    place.kube.mood = lambda method, path, body: None
    assert run(place, slack, "reconcile", "staging").code == 0
    assert "staging: web live in" in message(slack)
    assert told(server) == ["planned", "unfinished", "releasing", "live"]


def test_another_cause_is_notified_too(place: Place, slack: SlackServer, server: HttpServer) -> None:
    """The right is there and the login has expired: people hear what is in the way now."""
    notified(place, server, staging="")
    for said in ("cannot patch one thing", "cannot patch another"):
        refused = (403, {"kind": "Status", "reason": "Forbidden", "message": said})
        place.kube.mood = once_tried(
            lambda method, path, body, refused=refused: refused if "/cronjobs" in path else None  # type: ignore[misc]
        )
        if said.endswith("another"):
            place.kube.mood = lambda method, path, body, refused=refused: (  # type: ignore[misc,assignment]
                refused if "/cronjobs" in path else None
            )
            assert run(place, slack, "reconcile", "staging").code == 1
        else:
            assert run(place, slack, "release", "staging", f"web={place.image('web', '1.1.0')}").code == 1
    assert told(server).count("unfinished") == 2
    assert "cannot patch another" in message(slack)
    assert len({it.data["id"] for it in server.sent if it.path == "/hook"}) == len(told(server))


def test_what_may_be_over_in_a_moment_is_notified_once_it_lasts(
    place: Place, slack: SlackServer, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API server that is busy: nobody is notified at once, and once where the change has waited for long."""
    notified(place, server, staging="")
    place.remote.push({"staging/web.yaml": place.job("web", place.image("web", "1.1.0"))})
    settings: dict[str, Any] = {
        "repo": place.remote.url, "state": place.folder / "here", "slack_token": TOKEN, "slack_url": slack.url,
        "kubeconfig": str(place.folder / "kubeconfig"), "webhook_secret": "s",
    }  # fmt: skip
    monkeypatch.setattr(sending, "announce", lambda notice, first: None)
    with Connections(Settings(**settings)) as connections:
        connections.repo.fetch()
        unfinished.notify_unfinished(connections, "staging", TransientError("busy"))
        assert not connections.dispatcher.outbox.waiting()
        monkeypatch.setattr(decided, "OVERDUE", timedelta(0))
        for said in ("busy", "busy for 3.2 s"):
            unfinished.notify_unfinished(connections, "staging", TransientError(said, hint="try again"))
    assert told(server) == ["unfinished"]
    assert "busy; try again" in message(slack)


def test_what_the_cluster_would_refuse_is_notified_once(
    place: Place, slack: SlackServer, server: HttpServer
) -> None:
    """Automation tries it again with each pass; people hear of it once."""
    notified(place, server, staging="release: automatic")
    place.image("web", "1.1.0")
    refusal = {"kind": "Status", "reason": "Invalid", "message": "no such schedule"}
    place.kube.mood = lambda method, path, body: (422, refusal) if "1.1.0" in str(body) else None
    for _ in range(2):
        assert run(place, slack, "watch").code == 0
    assert "staging: web not released" in message(slack)
    assert "no such schedule" in message(slack)
    assert told(server) == ["rejected"]


def test_a_commit_that_is_refused_is_notified(place: Place, slack: SlackServer, server: HttpServer) -> None:
    """Whoever heard that it is planned hears that it comes to nothing, and why."""
    notified(place, server, staging="")
    place.remote.hook("pre-receive", "echo this branch is protected >&2; exit 1")
    assert run(place, slack, "release", "staging", f"web={place.image('web', '1.1.0')}").code == 1
    assert "staging: web not released" in message(slack)
    assert "this branch is protected" in message(slack)
    assert told(server) == ["planned", "rejected"]


def test_a_release_that_somebody_else_has_made_meanwhile(
    place: Place, slack: SlackServer, server: HttpServer
) -> None:
    """The same images are pushed in the moment of the commit: nothing is left to commit, and its message says so."""
    notified(place, server, staging="")
    image = place.image("web", "1.1.0")
    head = place.remote.head()
    same = place.remote.push({"staging/web.yaml": place.job("web", image)})
    place.remote.git("update-ref", "refs/heads/main", head)
    place.remote.git("update-ref", "refs/kept/same", same)
    place.remote.hook(
        "pre-receive",
        f"env -u GIT_QUARANTINE_PATH git update-ref refs/heads/main {same} {head} 2>/dev/null; exit 0",
    )
    done = run(place, slack, "release", "staging", f"web={image}")
    assert done.code == 0, done.said
    states = {
        it["metadata"]["event_payload"]["release"]: it["metadata"]["event_payload"]["state"]
        for it in slack.posts()
    }
    assert states.pop(f"{same[:12]}-staging") == "live"
    assert list(states.values()) == ["superseded"]


def test_what_a_lost_machine_did_not_notify_is_corrected_from_git(
    place: Place, slack: SlackServer, server: HttpServer
) -> None:
    """Killed between the record and the message, its outbox gone: reconcile changes the message, and tells nobody twice."""
    notified(place, server, staging="")
    assert run(place, slack, "release", "staging", f"web={place.image('web', '1.1.0')}").code == 0
    sent = told(server)
    (shown,) = slack.posts()
    shown["text"] = "staging: web rolling out"
    shown["metadata"]["event_payload"] |= {"state": "releasing", "at": "2026-01-01T00:00:00Z"}
    slack.messages["C000"] = [it for it in slack.messages["C000"] if "live" not in it["text"]]
    for it in (place.folder / "state").glob("outbox.sqlite*"):
        it.unlink()
    calls = len(slack.calls)
    for _ in range(2):
        assert run(place, slack, "reconcile", "staging").code == 0
    assert "staging: web live in" in message(slack)
    assert [it.partition(" web ")[2].partition(" in ")[0] for it in slack.thread()] == [
        "planned",
        "rolling out",
        "live",
    ]
    assert told(server) == sent, "what cannot be withdrawn is not sent on a guess"
    assert len(slack.calls) - calls < 8, "it is looked for once"


def test_who_was_not_notified_then_is_not_notified_now(
    place: Place, slack: SlackServer, server: HttpServer
) -> None:
    """A team that begins to tell people of releases tells nobody of what was live before."""
    notified(place, server, staging="")
    assert run(place, slack, "reconcile").code == 0
    assert (slack.posts(), server.sent) == ([], [])


@pytest.mark.parametrize(
    ("attempts", "state", "text"),
    [
        (3, "rejected", "its process died 3 times"),
        (1, "superseded", "staging has changed since"),
    ],
)
def test_a_run_that_died_for_good_is_notified(
    place: Place, slack: SlackServer, server: HttpServer, monkeypatch: pytest.MonkeyPatch,
    attempts: int, state: str, text: str,
) -> None:  # fmt: skip
    """Its release came to nothing, and nobody has to find that out by looking at a list of runs."""
    from headway.operations import recovery
    from headway.requests import ReconcileRequest

    notified(place, server, staging="")
    asked = datetime.now(UTC)
    if state == "superseded":
        more = place.job("more", place.image("web", "1.0.0"))
        place.remote.push({"staging/more.yaml": more}, at=int(asked.timestamp()) + 1)
    request = {"environment": "staging", "images": [{"service": "web", "image": "2.0.0"}], "actor": "ann"}
    dead = DeadRun("a-run", "staging: release web", "release", request, asked, attempts)
    ended: list[str] = []
    monkeypatch.setattr(recovery, "dead_runs", lambda app: [dead])
    for name in ("bury", "give_up"):
        monkeypatch.setattr(recovery, name, lambda run, why: ended.append(why))
    monkeypatch.setattr(sending, "announce", lambda notice, first: None)
    settings: dict[str, Any] = {
        "repo": place.remote.url, "state": place.folder / "here", "slack_token": TOKEN, "slack_url": slack.url,
        "kubeconfig": str(place.folder / "kubeconfig"), "webhook_secret": "s",
    }  # fmt: skip
    with Connections(Settings(**settings)) as connections:
        connections.repo.fetch()
        config = connections.config(connections.repo.head)
        for _ in range(2):
            recovery.restart_dead(connections, config)
    assert len(ended) == 2
    assert told(server) == [state]
    assert text in message(slack)
    assert "2.0.0" in message(slack)
    assert ReconcileRequest().environment == ""


@pytest.mark.parametrize(
    ("repo", "kind"),
    [
        ("{server}/acme/orders.git", "github"),
        ("https://bitbucket.org/acme/orders.git", ""),
        ("https://gitlab.evil.example/acme/orders.git", ""),
        ("https://gitlab.com/acme/orders.git", "gitlab"),
        ("file:///srv/git/orders.git", ""),
        ("https://github.com/acme/orders.git", ""),
    ],
)
def test_a_token_goes_to_the_host_that_it_is_for(
    server: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo: str, kind: str
) -> None:
    """Whoever may write headway.yaml names hosts; they get to hear nothing with a token that is for another one."""
    monkeypatch.setattr(sending, "source_of", lambda *_: (SHA, datetime.now(UTC)))
    monkeypatch.setattr(sending, "announce", lambda notice, first: None)
    config = load_config(
        f"""version: 1
app: shop
services: {{orders: {{image: r/orders, source: {{repo: "{repo.format(server=server.url)}"}}}}}}
environments: {{production: {{path: production, cluster: {{namespace: p}}}}}}
notify: {{commits: true}}
""".encode()
    )
    settings: dict[str, Any] = {
        "state": tmp_path, "repo": "file:///srv/config.git", "github_token": "ghp", "gitlab_token": "glpat",
        "github_url": f"{server.url}/api/v3",
    }  # fmt: skip
    with Connections(Settings(**settings)) as connections:
        notice = dataclasses.replace(NOTICE, state="live")
        targets = sending.source_commits(connections, config, notice)
        if kind != "gitlab":
            sending.send(connections, config, notice)
    assert [it.partition(" ")[0] for it in targets] == ([kind] if kind else [])
    assert {it.headers["authorization"] for it in server.sent} == (
        {"Bearer ghp"} if kind == "github" else set()
    )
    assert all(it.path.startswith("/api/v3/repos/acme/orders/") for it in server.sent)


def test_a_file_that_is_left_out_is_notified_once_for_each_commit(
    place: Place, slack: SlackServer, server: HttpServer
) -> None:
    """Ann's push has a typo in one file: the rest is live, and the channel hears of the line, once, until the next."""
    notified(place, server, staging="release: manual")
    good = place.job("web", place.image("web", "1.1.0"))
    typo = {"staging/web.yaml": good, "staging/api.yaml": "kind: Pod\n", "staging/more.yaml": "a: [\n"}
    pushed = place.remote.push(typo, "two things")
    for _ in range(2):
        assert run(place, slack, "reconcile").code == 1
    # A release on top of it is not what brought the typo.
    place.image("web", "1.2.0")
    assert run(place, slack, "release", "staging", "web=1.2.0").code == 0
    assert place.tags("staging")["web"] == "1.2.0"

    def heard() -> list[str]:
        return [
            json.dumps(it.data["data"])
            for it in server.sent
            if it.path == "/hook" and it.data["data"]["state"] == "noticed"
        ]

    assert len(heard()) == 1
    assert f"2 files are left out of {pushed[:9]} by Ann" in heard()[0]
    assert "staging/api.yaml:1:1: this is not a Kubernetes object" in heard()[0]
    assert "staging/more.yaml:2:1: " in heard()[0]
    (said,) = [it for it in slack.posts() if "left out" in it["text"]]
    assert f"staging: 2 files are left out of {pushed[:9]} by Ann" in said["text"]
    again = place.remote.push({"staging/more.yaml": "b: [\n"}, "still wrong")
    assert run(place, slack, "reconcile").code == 1
    assert len(heard()) == 2
    assert f"a file is left out of {again[:9]} by Ann" in heard()[1]
