"""Runs that died or wait, as the Prefect server tells of them: counted right, and moved by one hand only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from headway.requests import ReconcileRequest, WatchRequest
from headway.systems.prefect.api import PrefectApi, Waiting
from headway.web.serving import There
from tests.servers.http import HttpServer

RUN = "11111111-2222-3333-4444-555555555555"
THEN = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A server that answers as it is told."""
    made = HttpServer()
    yield made
    made.close()


@pytest.fixture
def api(server: HttpServer) -> Iterator[PrefectApi]:
    """A client of it."""
    with PrefectApi(server.url + "/api") as made:
        yield made


def crashed(tags: list[str]) -> dict[str, Any]:
    """Return a run that never got as far as to run, as the server tells of it."""
    return {
        "id": RUN,
        "name": "staging: release web",
        "flow_id": "f",
        "tags": tags,
        "parameters": {"request": {"environment": "staging"}},
        "expected_start_time": THEN.isoformat(),
        "run_count": 0,
    }


def state(kind: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return the answer for a run in a state."""
    return 200, {"state": {"type": kind, "name": kind.title()}}, {}


def states(*names: str) -> list[dict[str, str]]:
    """Return a run's states, the oldest first."""
    return [{"name": it, "type": "SCHEDULED" if it == "AwaitingRetry" else it.upper()} for it in names]


def test_starts_that_never_ran_count_too(server: HttpServer, api: PrefectApi) -> None:
    """A run that dies before its flow begins has a run count of 0 for ever; its starts are counted all the same."""
    names = ["Scheduled", "Pending", "Crashed", "AwaitingRetry", "Pending", "Crashed"]
    server.answers.extend(
        [(200, [crashed(["headway"])], {}), (200, {"name": "release"}, {}), (200, states(*names), {})]
    )
    (run,) = api.dead(THEN, THEN, "shop")
    assert (run.attempts, run.cancelled) == (2, False)


@pytest.mark.parametrize(("names", "cancelled"), [
    (["Scheduled", "Running", "Cancelling", "Crashed"], True),
    (["Scheduled", "Running", "Cancelling", "Cancelled", "AwaitingRetry", "Running", "Crashed"], False),
])  # fmt: skip
def test_a_run_that_died_of_its_cancellation_was_cancelled(
    server: HttpServer, api: PrefectApi, names: list[str], cancelled: bool
) -> None:
    """What was cancelled and says that it crashed is known as cancelled; not what a person had restart since."""
    server.answers.extend(
        [(200, [crashed(["headway"])], {}), (200, {"name": "release"}, {}), (200, states(*names), {})]
    )
    assert [it.cancelled for it in api.dead(THEN, THEN, "shop")] == [cancelled]


def test_the_dead_of_another_application_are_its_own(server: HttpServer, api: PrefectApi) -> None:
    """Two applications on one server: each restarts its own dead runs."""
    server.answers.append((200, [crashed(["headway", "app:blog"])], {}))
    assert api.dead(THEN, THEN, "shop") == []


@pytest.mark.parametrize(("move", "seen", "now"), [
    ("restart", "CRASHED", "SCHEDULED"),
    ("restart", "CRASHED", "RUNNING"),
    ("bury", "CRASHED", "SCHEDULED"),
    ("supersede", "PAUSED", "SCHEDULED"),
])  # fmt: skip
def test_what_somebody_else_has_moved_is_left_alone(
    server: HttpServer, api: PrefectApi, move: str, seen: str, now: str
) -> None:
    """Restarted by another reconcile, or answered in this moment: its state is not forced."""
    server.answers.append(state(now))
    assert not getattr(api, move)(RUN, "why")
    server.answers.append(state(seen))
    assert getattr(api, move)(RUN, "why")
    assert [it.method for it in server.sent] == ["GET", "GET", "POST"]


def test_one_run_for_events_that_come_before_it_begins(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that waits for a worker sees what is pushed until it begins; what is pushed later is another look."""
    monkeypatch.setenv("PREFECT_API_URL", server.url + "/api")
    told: list[str] = []
    there = There(told.append)
    found, made = (200, {"id": "d"}, {}), (201, {"id": RUN}, {})
    ask = WatchRequest(services=["web"])
    server.answers.extend([found, made])
    there._start("watch-registry", ask)
    server.answers.append(state("SCHEDULED"))
    there._start("watch-registry", ask)
    assert len(told) == 1
    server.answers.extend([state("RUNNING"), found, made])
    there._start("watch-registry", ask)
    assert len(told) == 2
    server.answers.extend([found, made])
    there._start("reconcile", ReconcileRequest())
    assert len(told) == 3


def test_a_run_that_waits_and_has_not_asked_yet(server: HttpServer, api: PrefectApi) -> None:
    """Prefect suspends first and writes the question after that: in between it is waited for, not guessed."""
    waiting = Waiting(
        RUN, "production: release web", "shop", "production", "", {"schema": "s", "description": "d"}
    )
    schema = json.dumps({"properties": {"plan": {"default": "1234"}}})
    server.answers.extend([(404, {}, {}), (404, {}, {}), (200, schema, {}), (200, "the plan", {})])
    assert api.question(waiting) == ("1234", "the plan")
