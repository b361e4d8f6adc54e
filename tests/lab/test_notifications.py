"""What is told of real releases: one Slack message each that changes, signed events, and Prefect's own events."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.lab.app import App
from tests.lab.conftest import Lab
from tests.lab.test_approval import ask, until
from tests.lab.test_prefect import call, start
from tests.lab.test_release import wait_for_line
from tests.lab.watchapp import live
from tests.servers.http import HttpServer
from tests.servers.slack import TOKEN, SlackServer, limited, refused


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackServer]:
    """A workspace."""
    made = SlackServer("releases")
    yield made
    made.close()


@pytest.fixture(scope="module")
def hook() -> Iterator[HttpServer]:
    """A program that hears of failures."""
    made = HttpServer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def told(app: App, slack: SlackServer, hook: HttpServer) -> App:
    """The application, with listeners."""
    notify = f"""notify:
  slack: {{channel: "#releases"}}
  routes:
  - {{only: failures, webhook: {{url: "{hook.url}/hook"}}}}
"""
    app.write("headway.yaml", app.headway_yaml(more=notify))
    app.push("Tell people")
    assert app.run("reconcile", "staging", "--local").code == 0
    return app


def settings(slack: SlackServer) -> dict[str, str]:
    """Return the settings that tell headway where Slack is."""
    return {
        "HEADWAY_SLACK_TOKEN": TOKEN,
        "HEADWAY_SLACK_URL": slack.url,
        "HEADWAY_WEBHOOK_SECRET": "s",
        "HEADWAY_COMMIT_URL": "http://git.example/{commit}",
    }


def released(app: App, slack: SlackServer, version: str, **env: str) -> int:
    """Release a version of web; return the exit code."""
    image = app.image("web", version) if version != "nosuch" else "nosuch"
    done = app.run("release", "staging", f"web={image}", "--local", **settings(slack), **env)
    assert TOKEN not in done.said
    return done.code


def test_a_release_is_one_message(told: App, slack: SlackServer) -> None:
    """Planned, rolling out, live: the message says live at the end, the thread has each state once."""
    before = len(slack.posts())
    assert released(told, slack, "v2") == 0
    (message,) = slack.posts()[before:]
    assert "staging: web live in" in message["text"]
    text = json.dumps(message["blocks"], ensure_ascii=False)
    assert told.log("-1", "--format=%H") in text
    assert [it.partition(" web ")[2].partition(" in ")[0] for it in slack.thread()[-3:]] == [
        "planned",
        "rolling out",
        "live",
    ]


def test_a_failure_is_notified_with_its_cause_and_last_words(
    told: App, slack: SlackServer, hook: HttpServer
) -> None:
    """It ends as rolled back; the thread holds the container's last lines; the program that hears failures heard it."""
    told.pull()
    broken = told.deployment(
        "web", told.image("web", "v3"), command='["/bin/sh", "-c", "echo no config; exit 3"]'
    )
    told.write("staging/web.yaml", broken)
    told.push("Break it")
    before = len(slack.posts())
    done = told.run("reconcile", "staging", "--local", **settings(slack))
    assert done.code == 1
    (message,) = slack.posts()[before:]
    assert "failed and rolled back" in message["text"]
    assert "exited with code 3" in json.dumps(message["blocks"]), message["blocks"]
    assert any("no config" in it["text"] for it in slack.messages["C000"] if "thread_ts" in it)
    types = [it.data["type"] for it in hook.sent]
    assert types == ["headway.release.failed", "headway.release.rolled-back"]


@pytest.mark.parametrize("fault", ["token_revoked", "down", "limited"])
def test_a_release_never_fails_because_slack_does(told: App, slack: SlackServer, fault: str) -> None:
    """It is live all the same, and the message comes later, once."""
    version = {"token_revoked": "v4", "down": "v5", "limited": "v6"}[fault]
    before = len(slack.posts())
    more = {"HEADWAY_SLACK_URL": "http://127.0.0.1:9/api/"} if fault == "down" else {}
    faults = {"token_revoked": refused("token_revoked"), "limited": limited(30)}
    if fault in faults:
        slack.faults.extend([faults[fault]] * 2)
    environment = {**settings(slack), **more}
    done = told.run("release", "staging", f"web={told.image('web', version)}", "--local", **environment)
    assert done.code == 0, done.said
    assert len(slack.posts()) == before
    slack.faults.clear()
    waits = told.run("notify", "--output", "json", **settings(slack))
    assert json.loads(waits.out)["waiting"], waits.said
    # Its time comes: what waits for minutes is not waited for here.
    import sqlite3

    with sqlite3.connect(told.state / "headway" / "outbox.sqlite") as database:
        database.execute("UPDATE held SET until = 0")
    later = told.run("notify", **settings(slack))
    assert "nothing is waiting" in later.out, later.said
    assert len(slack.posts()) == before + 1
    assert "live" in slack.posts()[-1]["text"]


def test_killed_in_the_middle_and_notified_once(told: App, slack: SlackServer) -> None:
    """A release that dies after its first message is finished by reconcile, in the same message."""
    before = len(slack.posts())
    process = told.start("release", "staging", f"web={told.image('web', 'v7')}", "--local", **settings(slack))
    wait_for_line(process, "the release is commit")
    while len(slack.posts()) == before:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = told.run("reconcile", "staging", "--local", **settings(slack))
    assert done.code == 0, done.said
    posts = slack.posts()[before:]
    assert [("live" in it["text"]) for it in posts] == [True]


def test_each_state_is_a_prefect_event(lab: Lab, told: App, slack: SlackServer) -> None:
    """Users build their own automations from `headway.release.*`."""
    request = {"environment": "staging", "images": [{"service": "api", "image": told.image("api", "v2")}]}
    _, run = start(lab, told, "release", request)
    while call(lab, "GET", f"/flow_runs/{run['id']}")[1]["state"]["type"] not in ("COMPLETED", "FAILED"):
        time.sleep(0.3)
    wanted = {"headway.release.planned", "headway.release.releasing", "headway.release.live"}
    body = {"filter": {"event": {"prefix": ["headway.release."]}, "order": "DESC"}, "limit": 50}
    while True:
        _, found = call(lab, "POST", "/events/filter", body)
        mine = {it["event"] for it in found["events"] if it["payload"].get("app") == told.name}
        if mine >= wanted:
            return
        time.sleep(0.3)


def test_what_waits_is_announced_once(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each answer lets the run restart; automations of users hear once that it waits, is planned and is live."""
    place = "promote_from: staging, approvals: 1"
    with live(lab, tmp_path_factory.mktemp("app"), production=place) as app:
        run = ask(lab, app, "1.1.0")
        until(lab, run, "Suspended")
        for who in ("ann", "bob"):
            done = app.run("approve", run, "--yes", "--by", who, PREFECT_API_URL=lab.prefect_api_url)
            # Who asked for it is refused at once, and it waits on.
            assert done.code == (3 if who == "ann" else 0), done.said
        until(lab, run, "Completed")
        body = {"filter": {"event": {"prefix": ["headway.release."]}, "order": "DESC"}, "limit": 50}
        found: Counter[str] = Counter()
        while not found["headway.release.live"]:
            mine = (it for it in call(lab, "POST", "/events/filter", body)[1]["events"])
            found = Counter(
                it["event"] for it in mine
                if it["payload"].get("app") == app.name and it["payload"].get("environment") == "production"
            )  # fmt: skip
            time.sleep(0.3)
    assert found == {f"headway.release.{it}": 1 for it in ("waiting", "planned", "releasing", "live")}


def test_an_alarm_needs_no_run_of_ours(lab: Lab, told: App, slack: SlackServer) -> None:
    """A run that died and stays dead: the server itself says so in Slack, by the block that sync made."""
    made = told.sync(**settings(slack))
    assert made.code == 0, made.said
    assert "create block custom-webhook/" in made.out
    assert told.sync(**settings(slack)).out == "equal already\n"
    every = call(lab, "POST", "/automations/filter", {"limit": 200})[1]
    alarm = next(it for it in every if told.name in it["name"] and "stays dead" in it["name"])
    kept = ("name", "description", "enabled", "actions", "actions_on_trigger", "actions_on_resolve", "tags")
    # A quarter of an hour is not waited for here.
    soon = {key: it for key, it in alarm["trigger"].items() if key != "id"} | {"within": 10}
    call(
        lab, "PUT", f"/automations/{alarm['id']}", {**{key: alarm[key] for key in kept}, "trigger": soon}
    )  # fmt: skip
    before = len(slack.posts())
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": later}}
    _, found = call(lab, "GET", f"/deployments/name/set-image/{told.name}-set-image")
    request = {"service": "web", "image": "v2", "environment": "staging"}
    asked = {"state": state, "parameters": {"request": request}}
    code, run = call(lab, "POST", f"/deployments/{found['id']}/create_flow_run", asked)
    assert code == 201, run
    call(lab, "POST", f"/flow_runs/{run['id']}/set_state", {"state": {"type": "CRASHED"}, "force": True})
    while len(slack.posts()) == before:
        time.sleep(0.3)
    assert "died" in slack.posts()[-1]["text"]
    assert run["name"] in slack.posts()[-1]["text"]
    call(lab, "DELETE", f"/block_documents/{alarm['actions'][0]['block_document_id']}")
