"""Where alarms go: to the block that people made, or to Slack by one that sync makes; without either there are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headway.deployments import alarms
from headway.deployments.alarms import alarm_block, without_alarms
from headway.deployments.desired import desired_automation
from headway.deployments.files import HERE, read_yaml
from headway.deployments.owner import Owner
from headway.domain.config.reading import Config, load_config
from headway.domain.runs.endings import FAILURES
from headway.errors import UsageError
from headway.settings import Settings
from headway.systems.prefect.http import PrefectHttp
from tests.servers.http import HttpServer

AUTOMATIONS = read_yaml(HERE / "automations.yaml")
OWNER = Owner("shop", "Team_")
BLOCK = "/api/block_types/slug/custom-webhook/block_documents/name/headway-team-shop-alarms"
MISSING = (404, {}, {})


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A Prefect server that answers as it is told."""
    made = HttpServer()
    yield made
    made.close()


def config(notify: str = 'notify: {slack: {channel: "#releases"}}') -> Config:
    """Read a configuration."""
    text = f"version: 1\napp: shop\nservices: {{web: {{image: r/web}}}}\nenvironments: {{s: {{path: s, cluster: {{namespace: s}}}}}}\n{notify}\n"
    return load_config(text.encode())


def found(
    server: HttpServer, made: Config, *, check: bool = False, **settings: Any
) -> tuple[str, list[str], list[str]]:
    """Return the block's id, what was said to change, and what was told."""
    said: list[str] = []
    told: list[str] = []
    with PrefectHttp(server.url + "/api") as api:
        block = alarm_block(
            api, made, Settings(**settings), OWNER, lambda word, what: said.append(f"{word} {what}"), told.append,
            check=check,
        )  # fmt: skip
    return block, said, told


def test_without_anybody_to_tell_there_are_no_alarms(server: HttpServer) -> None:
    """The automations that would tell somebody are left out; the others stay."""
    server.standing[BLOCK] = lambda _: MISSING
    assert found(server, config("")) == ("", [], [])
    block, said, told = found(server, config())
    assert (block, said) == ("", [])
    assert "HEADWAY_SLACK_TOKEN" in told[0]
    kept = [it["name"] for it in without_alarms(AUTOMATIONS)]
    assert "a silent run is dead" in kept
    assert [it["name"] for it in AUTOMATIONS if it["name"] not in kept] == [
        "alarm, a run does not begin",
        "alarm, a run does not end",
        "alarm, a dead run stays dead",
        "alarm, nothing reconciles",
    ]


def test_a_block_for_slack_is_made_where_there_is_a_channel(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It posts to the channel that hears of releases; equal already, it is left alone; --check makes none."""
    saved: list[dict[str, Any]] = []
    monkeypatch.setattr(alarms, "_save", lambda url, name, data: saved.append(data) or "made")
    server.standing[BLOCK] = lambda _: {"id": "there", "data": saved[0]} if saved else MISSING
    token: dict[str, Any] = {"slack_token": "xoxb-geheim"}
    created = "create block custom-webhook/headway-team-shop-alarms"
    assert found(server, config(), check=True, **token) == (alarms.UNMADE, [created], [])
    assert saved == []
    assert found(server, config(), **token) == ("made", [created], [])
    assert saved[0]["json_data"]["channel"] == "#releases"
    assert saved[0]["url"] == "https://slack.com/api/chat.postMessage"
    assert "geheim" not in str(saved[0]["headers"])
    assert found(server, config(), **token) == ("there", [], [])
    assert found(server, config()) == ("there", [], []), "whoever has no token leaves it"
    _, said, _ = found(server, config('notify: {slack: {channel: "#ops"}}'), **token)
    assert said == ["change block custom-webhook/headway-team-shop-alarms"]


def test_a_block_that_nobody_needs_is_removed(server: HttpServer) -> None:
    """Slack has left headway.yaml: the token is not kept in the server."""
    server.standing[BLOCK] = lambda _: {"id": "there", "data": {}}
    assert found(server, config(""))[:2] == ("", ["remove block custom-webhook/headway-team-shop-alarms"])
    assert (server.sent[-1].method, server.sent[-1].path) == ("DELETE", "/api/block_documents/there")


def test_a_block_that_people_made_is_taken(server: HttpServer) -> None:
    """HEADWAY_ALARM names it; one that is not there is wrong use, with what to write."""
    path = "/api/block_types/slug/slack-webhook/block_documents/name/oncall"
    server.standing[path] = lambda _: {"id": "theirs"}
    assert found(server, config(), alarm="slack-webhook/oncall") == ("theirs", [], [])
    alarm = next(it for it in AUTOMATIONS if it["name"] == "alarm, a run does not begin")
    (action,) = desired_automation(alarm, OWNER, {}, str, "theirs")["actions"]
    assert action["block_document_id"] == "theirs"
    assert "block" not in action
    del server.standing[path]
    server.answers.append(MISSING)
    with pytest.raises(UsageError, match="slack-webhook/oncall") as caught:
        found(server, config(), alarm="slack-webhook/oncall")
    assert "slack-webhook/oncall" in caught.value.hint


@pytest.mark.parametrize("automation", AUTOMATIONS, ids=lambda it: it["name"])
def test_a_run_that_failed_is_known_by_each_of_its_names(automation: dict[str, Any]) -> None:
    """A refused run has ended as a failed one has: it is not dead, and raises no alarm."""
    expected = set(automation["trigger"]["expect"])
    failures = {f"prefect.flow-run.{name}" for name in FAILURES}
    assert expected & failures in (failures, set())
