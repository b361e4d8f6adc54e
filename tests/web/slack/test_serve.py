"""`headway serve` before a workspace: a release's message, its buttons, a rollback that really happens, and a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.slack import TOKEN
from tests.servers.slack_app import APP_TOKEN, SECRET, SlackWorkspace, send
from tests.web.board.stage import Served, Shop, served

pytestmark = pytest.mark.slow
MORE = 'notify: {slack: {channel: "#releases", buttons: true}}\npeople: {bob@example.com: {slack: U0BOB}}\n'


class SlackShop(Shop):
    """An application whose releases are told in a workspace."""

    workspace: SlackWorkspace

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that runs headway here."""
        slack = {"HEADWAY_SLACK_TOKEN": TOKEN, "HEADWAY_SLACK_URL": self.workspace.url}
        return {**super().environment(), **slack}

    def rollbacks(self) -> list[str]:
        """Return the messages of the commits that rolled production back."""
        return [
            it
            for it in self.remote.git("log", "--format=%B%x00", "main").split("\0")
            if "-Kind: rollback" in it
        ]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SlackShop]:
    """Production is at 1.0.0, and then promoted to what staging has."""
    made = SlackShop(tmp_path / "shop", services=("web", "orders"), more=MORE)
    made.workspace = SlackWorkspace("releases")
    made.begin()
    made.released("staging", {"web": "1.1.0"}, minutes=300)
    made.run("promote", "production", "--reason", "totals <!channel>")
    yield made
    made.close()
    made.workspace.close()


def words(message: dict[str, Any]) -> list[str]:
    """Return the words on a message's buttons."""
    return [
        it["text"]["text"]
        for each in message["blocks"]
        if each["type"] == "actions"
        for it in each["elements"]
    ]


def modal(shop: SlackShop, server: Served) -> str:
    """Have bob press Roll back on the release's message; return the modal with its plan."""
    (message,) = (it for it in shop.workspace.posts() if "promotion of web live" in it["text"])
    assert words(message) == ["Roll back…"]
    press = shop.workspace.pressed("U0BOB", message, "Roll back…")
    with httpx.Client(base_url=server.url, timeout=30) as client:
        assert send(client, press).status_code == 200
    views = shop.workspace.views
    shop.workspace.wait_for(lambda: any("submit" in it for it in views.values()), why="no plan was shown")
    return next(key for key, it in views.items() if "submit" in it)


def test_a_rollback_in_slack(shop: SlackShop) -> None:
    """From the release's message to a commit of bob's, and a message that says that it is live again."""
    with served(shop, HEADWAY_SLACK_SIGNING_SECRET=SECRET) as server:
        view = modal(shop, server)
        assert "1.1.0` → `1.0.0" in json.dumps(shop.workspace.views[view], ensure_ascii=False)
        with httpx.Client(base_url=server.url, timeout=30) as client:
            sent = shop.workspace.submitted("U0BOB", view, reason="too slow")
            assert send(client, sent).json()["response_action"] == "update"
        posts = shop.workspace.posts
        shop.workspace.wait_for(
            lambda: any("rollback of web live" in it["text"] for it in posts()), why="not live"
        )
        shop.workspace.wait_for(lambda: "has been started" in json.dumps(shop.workspace.views[view]))
    assert "production: promotion of web rolled back" in [it["text"] for it in posts()]
    assert [words(it) for it in posts()] == [[], ["Roll back…"]]
    (commit,) = shop.rollbacks()
    assert "Headway-Actor: bob@example.com" in commit
    assert "Headway-Reason: too slow" in commit
    acts = json.loads(shop.run("audit", "--output", "json").stdout)
    assert [(it["who"], it["way_in"], it["verb"], it["answer"]) for it in acts] == [
        ("bob@example.com", "slack", "rollback", "allowed")
    ]


def test_killed_between_the_answer_to_slack_and_the_act(shop: SlackShop) -> None:
    """Nothing was done, and the same press does it once `headway serve` is there again."""
    with served(shop, HEADWAY_SLACK_SIGNING_SECRET=SECRET) as server:
        sent = shop.workspace.submitted("U0BOB", modal(shop, server))
    shop.workspace.held = {"auth.test"}
    with served(shop, HEADWAY_SLACK_SIGNING_SECRET=SECRET) as server:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            assert send(client, sent).status_code == 200
        assert shop.workspace.reached.wait(60)
        server.process.kill()
        server.process.wait()
    shop.workspace.held = set()
    shop.workspace.release.set()
    assert shop.rollbacks() == []
    with served(shop, HEADWAY_SLACK_SIGNING_SECRET=SECRET) as server:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            assert send(client, sent).status_code == 200
        posts = shop.workspace.posts
        shop.workspace.wait_for(
            lambda: any("rollback of web live" in it["text"] for it in posts()), why="not live"
        )
    assert len(shop.rollbacks()) == 1


def test_socket_mode(shop: SlackShop) -> None:
    """No address of headway's is known to Slack: it connects, is asked, and answers; it is not asked over HTTP."""
    shop.workspace.member("U0BOB")
    with shop.workspace.listening() as far, served(shop, HEADWAY_SLACK_APP_TOKEN=APP_TOKEN) as server:
        shop.workspace.wait_for(lambda: far.connections, why="nobody connected")
        assert far.send("slash_commands", shop.workspace.typed("U0BOB", "status production")) == {
            "envelope_id": "e-1"
        }
        shop.workspace.wait_for(lambda: shop.workspace.answers, why="no answer")
        assert "web  `1.1.0`" in shop.workspace.answers[0]["text"]
        assert httpx.post(f"{server.url}/slack/actions", timeout=30).status_code in (404, 405)
        assert APP_TOKEN not in "".join(server.said)


def test_half_of_it_is_refused(shop: SlackShop) -> None:
    """Answers need the bot's token; it is said before the server listens."""
    command = ("serve", "--local", "--port", "0")
    environment = shop.environment
    shop.environment = lambda: {  # type: ignore[method-assign]
        **environment(), "HEADWAY_SLACK_TOKEN": "", "HEADWAY_SLACK_SIGNING_SECRET": SECRET,
    }  # fmt: skip
    done = shop.run(*command, check=False)
    shop.environment = environment  # type: ignore[method-assign]
    assert done.returncode == 2
    assert "HEADWAY_SLACK_TOKEN is not" in done.stderr
    assert SECRET not in done.stderr
