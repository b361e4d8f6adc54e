"""A run is followed to its very last line, straight and through the endpoint, whatever the server does meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from headway.errors import FailedError, UsageError
from headway.systems.prefect import api as prefect_api
from headway.systems.prefect import endpoint
from headway.systems.prefect.api import Ended, PrefectApi
from headway.systems.prefect.endpoint import Endpoint
from tests.servers.http import HttpServer, Sent

RUN = "11111111-2222-3333-4444-555555555555"
LAST = "Finished in state Completed()"


def entry(number: int, message: str, name: str = "prefect.flow_runs") -> dict[str, Any]:
    """Return an entry of a log as the server has it."""
    return {"id": f"e{number}", "name": name, "message": message}


@dataclass
class Run:
    """A run as a Prefect server tells of it: at each look the next step's state and the lines that have come by then."""

    server: HttpServer
    steps: list[tuple[str, list[str]]]
    looks: int = -1
    log: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.standing |= {
            f"/api/flow_runs/{RUN}": self.look,
            "/api/logs/filter": lambda sent: self.log[sent.data["offset"] :][: sent.data["limit"]],
            "/api/artifacts/filter": lambda _: [
                {"id": "a", "key": "plan", "data": "the plan", "created": "2026-11-24"}
            ],
        }

    def look(self, _: Sent) -> dict[str, Any]:
        """Go one step on."""
        self.looks += 1
        kind, come = self.steps[min(self.looks, len(self.steps) - 1)]
        if self.looks < len(self.steps):
            self.log += [entry(len(self.log) + n, it) for n, it in enumerate(come)]
        state = {"type": kind, "name": kind.title(), "message": ""}
        return {"id": RUN, "name": "staging: deliver web", "tags": ["token:ci"], "state": state}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """A server that nobody waits for."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    made = HttpServer()
    yield made
    made.close()


@pytest.fixture(params=["straight", "endpoint"])
def way(request: pytest.FixtureRequest) -> str:
    """The way that a run is followed."""
    return str(request.param)


def follow(server: HttpServer, way: str) -> tuple[Ended, list[str]]:
    """Follow the run; return how it ended and the lines that were told."""
    log_after: list[str] = []

    def tell(kind: str, _: str, text: str) -> None:
        log_after.extend([text] if kind == "log" else [])

    with PrefectApi(server.url + "/api") as api:
        if way == "straight":
            return api.follow(RUN, tell), log_after

        def look(sent: Sent) -> Any:
            after = int(parse_qs(urlsplit(sent.path).query)["after"][0])
            return api.log_after(RUN, "token:ci", after)

        server.standing[f"/api/runs/{RUN}"] = look
        with Endpoint(server.url, "hw_x") as there:
            return there.follow(RUN, tell), log_after


def test_lines_that_come_after_the_end_are_reported(server: HttpServer, way: str) -> None:
    """Prefect sends lines in batches, so the state comes first; the very last line says that all are there."""
    Run(
        server,
        [("RUNNING", ["one"]), ("COMPLETED", ["two"]), ("COMPLETED", []), ("COMPLETED", ["three", LAST])],
    )
    ended, log_after = follow(server, way)
    assert (ended.kind, log_after) == ("COMPLETED", ["one", "two", "three"])


def test_a_log_of_many_pages_is_reported_whole(server: HttpServer, way: str) -> None:
    """More than a server gives at once, also where a whole page is Prefect's own noise."""
    said = [f"line {n}" for n in range(450)]
    Run(server, [("COMPLETED", [*["Created task run x"] * 200, *said, LAST])])
    assert follow(server, way)[1] == said


def test_one_that_was_killed_has_no_very_last_line(
    server: HttpServer, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for only so long, and what is there is told."""
    monkeypatch.setattr(prefect_api, "TAIL", 0.0)
    monkeypatch.setattr(endpoint, "TAIL", 0.0)
    Run(server, [("CRASHED", ["one"])])
    ended, log_after = follow(server, way)
    assert (ended.kind, log_after) == ("CRASHED", ["one"])


def test_the_end_of_an_earlier_attempt_is_not_the_end(server: HttpServer, way: str) -> None:
    """A run that waited for an approval finished once before; its lines after that are told."""
    Run(
        server,
        [
            ("PAUSED", ["asks", "Finished in state Suspended(type=PAUSED)"]),
            ("COMPLETED", []),
            ("COMPLETED", ["approved", LAST]),
        ],
    )
    assert [it for it in follow(server, way)[1] if "approv" in it][-1] == "approved"


def test_a_failed_run_ends_with_its_message(server: HttpServer, way: str) -> None:
    """The state's message is what the exit code is read from."""
    run = Run(server, [("FAILED", ["rolling out", "Finished in state Failed('no')"])])
    look = run.look
    server.standing[f"/api/flow_runs/{RUN}"] = lambda sent: (
        (found := look(sent)) | {"state": found["state"] | {"message": "no"}}
    )
    assert follow(server, way)[0] == Ended(RUN, "FAILED", "Failed", "no")


@pytest.mark.parametrize("after", [f"/api/flow_runs/{RUN}", "/api/logs/filter", "/api/artifacts/filter"])
def test_the_server_may_go_away_between_any_two_calls(server: HttpServer, after: str) -> None:
    """It is restarted while a run goes on: that is said once, and the run is followed to its end."""
    Run(server, [("RUNNING", ["one"]), ("RUNNING", ["two"]), ("COMPLETED", ["three", LAST])])
    answer, gone = server.standing[after], [(500, {}, {})] * 2

    def last_before_it_goes(sent: Sent) -> Any:
        server.answers.extend(gone)
        gone.clear()
        return answer(sent)

    server.standing[after] = last_before_it_goes
    _, log_after = follow(server, "straight")
    assert [it for it in log_after if "looking again" not in it] == ["one", "two", "three"]
    assert len(log_after) == 4


def test_a_server_that_goes_away_after_the_end_takes_nothing_from_it(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How the run ended is known by then."""
    monkeypatch.setattr(prefect_api, "TAIL", 0.0)
    run = Run(server, [("COMPLETED", [])])
    server.standing[f"/api/flow_runs/{RUN}"] = lambda sent: (
        server.answers.extend([(500, {}, {})] * 50) or run.look(sent)  # type: ignore[func-returns-value]
    )
    assert follow(server, "straight")[0].kind == "COMPLETED"


def test_a_run_of_another_token_is_not_reported(server: HttpServer) -> None:
    """It is as if there were none, and so is what is no id at all."""
    Run(server, [("COMPLETED", ["secret", LAST])])
    with PrefectApi(server.url + "/api") as api:
        assert api.log_after(RUN, "token:other", 0) is None
        assert api.log_after("../deployments/x", "token:ci", 0) is None


def test_an_address_that_is_not_headways() -> None:
    """One without a scheme is wrong use at once, and is not tried for two minutes."""
    with pytest.raises(UsageError, match="HEADWAY_URL"):
        Endpoint("headway.example.com", "hw_x")


def test_whoever_waits_for_an_endpoint_that_hangs_is_told(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line after a few seconds, and one now and then, while it has taken the request and says nothing."""
    monkeypatch.setattr(endpoint, "FIRST", 0.01)
    lines: list[str] = []
    told = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        told.set()

    server.standing["/api/release"] = lambda _: {"run": RUN, "page": "there"} if told.wait(60) else {}
    with Endpoint(server.url, "hw_x", say) as there:
        assert there.start("release", {}, "") == (RUN, "there")
    assert lines[0].startswith(f"still waiting for headway at {server.url}: POST /api/release (")


def test_a_page_that_is_not_headways(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers 200 and no JSON is somebody else."""
    monkeypatch.setattr("tests.servers.http.json.dumps", lambda _: "<html>")
    with (
        Endpoint(server.url, "hw_x") as there,
        pytest.raises(FailedError, match="does not answer as headway does"),
    ):
        there.follow(RUN, lambda *_: None)
