"""The Prefect server busy, away, refusing: each has its message, and nothing is started twice."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from headway.cli.running import run_flow
from headway.errors import FailedError, TransientError, UsageError
from headway.operations import doctor
from headway.requests import ReleaseRequest, ServiceImage
from headway.settings import Settings
from headway.systems.prefect import api as prefect_api
from headway.systems.prefect import http as prefect_http
from headway.systems.prefect.api import PrefectApi
from tests.servers.http import BREAK, HttpServer

RUN = "11111111-2222-3333-4444-555555555555"


def ANYBODY(*_: object) -> None:
    """Take every deployment for our own."""


BUSY = (503, {"detail": "busy"}, {})


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A server that answers as it is told."""
    made = HttpServer()
    yield made
    made.close()


@pytest.fixture
def api(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrefectApi]:
    """A client of it that waits for nothing."""
    monkeypatch.setattr("headway.systems.prefect.http.time.sleep", lambda _: None)
    with PrefectApi(server.url + "/api") as made:
        yield made


def test_a_busy_server_is_asked_again_with_the_same_key(server: HttpServer, api: PrefectApi) -> None:
    """503 under load: the call is repeated, and carries one key, so that it is one run."""
    server.answers.extend([(200, {"id": "d"}, {}), BUSY, BUSY, (201, {"id": RUN}, {})])
    assert api.started("release", "staging", {}, "", [], ANYBODY) == (RUN, True)
    keys = {it.data["idempotency_key"] for it in server.sent if it.method == "POST"}
    assert (len(keys), "" in keys) == (1, False)


@pytest.mark.parametrize("lost", [BREAK, 429, 502, 503, 504])
def test_a_start_whose_answer_is_lost_is_sent_again(server: HttpServer, api: PrefectApi, lost: int) -> None:
    """Nobody knows whether it was taken, and it need not be known: it is the same run."""
    gone = (lost, {}, {})
    server.answers.extend([gone, (200, {"id": "d"}, {}), gone, (200, {"id": RUN}, {})])
    assert api.started("release", "staging", {}, "key", [], ANYBODY) == (RUN, False)
    keys = [it.data["idempotency_key"] for it in server.sent if it.method == "POST"]
    assert keys == ["key", "key"]


@pytest.mark.parametrize("lost", [BREAK, 502, 504])
def test_a_change_whose_answer_is_lost_is_not_sent_again(
    server: HttpServer, api: PrefectApi, lost: int
) -> None:
    """What has no key may have been done: an answer that is given twice would be somebody else's the second time."""
    server.answers.append((lost, {}, {}))
    with pytest.raises(TransientError):
        api.resume(RUN, {"decision": "approve"})
    assert len(server.sent) == 1


def test_a_change_that_was_not_done_is_sent_again(server: HttpServer, api: PrefectApi) -> None:
    """The server says that itself."""
    server.answers.extend([BUSY, (429, {}, {}), (200, {"status": "ACCEPT"}, {})])
    api.resume(RUN, {"decision": "approve"})
    assert len(server.sent) == 3


def test_a_start_is_not_sent_for_ever(server: HttpServer, api: PrefectApi) -> None:
    """A proxy that never finds the server: the message names the server and what it says."""
    server.answers.extend([(200, {"id": "d"}, {}), *[(502, {}, {})] * 50])
    with pytest.raises(TransientError, match=r"at http://127\.0\.0\.1:.* answers 502"):
        api.start("release", "staging", {}, "key", [], ANYBODY)
    assert len(server.sent) == 1 + prefect_http.ATTEMPTS


def test_a_run_that_is_there_already(server: HttpServer, api: PrefectApi) -> None:
    """200 instead of 201: the same key was used before."""
    server.answers.extend([(200, {"id": "d"}, {}), (200, {"id": RUN}, {})])
    assert api.started("release", "staging", {}, "key", [], ANYBODY) == (RUN, False)


@pytest.mark.parametrize(
    ("answers", "error", "said", "hint"),
    [
        ([BUSY] * 6, TransientError, "answers 503", ""),
        ([(500, {}, {})], TransientError, "answers 500", ""),
        ([(401, {}, {})], FailedError, "refuses the login", "PREFECT_API_AUTH_STRING"),
        ([(404, {}, {})], UsageError, "has no deployment release/stagin", "deployments.sync"),
        ([(200, {"id": "d"}, {}), (409, {"detail": "Validation failed for field 'images'"}, {})],
         UsageError, "field 'images'", ""),
        ([(200, {"id": "d"}, {}), (422, {"detail": "extra fields"}, {})], UsageError, "extra fields", ""),
    ],
)  # fmt: skip
def test_what_the_server_says_no_to(
    server: HttpServer, api: PrefectApi, answers: list[Any], error: type[Exception], said: str, hint: str
) -> None:
    """Busy for good, broken, a wrong login, an unknown deployment, a wrong parameter: what it is, and what to do."""
    server.answers.extend(answers)
    with pytest.raises(error, match=said) as caught:
        api.start("release", "stagin", {}, "key", [], ANYBODY)
    assert hint in caught.value.hint  # type: ignore[attr-defined]


def test_a_server_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which one, and the two ways on."""
    monkeypatch.setattr("headway.systems.prefect.http.time.sleep", lambda _: None)
    with PrefectApi("http://127.0.0.1:9/api", local=True) as api, pytest.raises(TransientError) as caught:
        api.check()
    assert "http://127.0.0.1:9/api does not answer" in str(caught.value)
    assert "--local works without it" in str(caught.value)


def test_a_server_that_says_nothing_is_reported_and_given_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes the connection and never answers: a line every now and then, then what to do."""
    monkeypatch.setattr(prefect_http, "TIMEOUT", 1.5)
    monkeypatch.setattr(prefect_http, "FIRST", 0.1)
    monkeypatch.setattr(prefect_http, "AGAIN", 0.1)
    monkeypatch.setattr(prefect_http, "PATIENCE", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        monkeypatch.setenv("PREFECT_API_URL", url)
        monkeypatch.setenv("HEADWAY_REPO", "https://git.example.com/config.git")
        monkeypatch.delenv("HEADWAY_LOCAL", raising=False)
        request = ReleaseRequest(environment="staging", images=[ServiceImage(service="web", image="1.4.2")])
        with pytest.raises(TransientError, match="does not answer: ReadTimeout") as caught:
            run_flow("release", request, local=False)
    assert "--local works without it" in caught.value.hint
    waits = capsys.readouterr().err.replace("\n", "")
    said = f"still waiting for the Prefect server at {url}: GET /deployments/name/release/release-staging"
    assert waits.count(said) > 1, waits


def test_it_is_not_followed_for_ever(
    server: HttpServer, api: PrefectApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stays away ends it, with what to do."""
    monkeypatch.setattr(prefect_api, "PATIENCE", 0.0)
    monkeypatch.setattr(prefect_api.time, "sleep", lambda _: None)
    server.answers.extend([(500, {}, {})] * 50)
    with pytest.raises(TransientError):
        api.follow(RUN, lambda *_: None)


def test_a_server_for_everybody_is_a_finding(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that can be reached from elsewhere and asks nobody for a login is not right, whatever else it answers."""
    settings = Settings(prefect=server.url + "/api")
    server.answers.extend([(200, "3.8.8", {})] * 2)
    assert doctor._prefect(settings).startswith("Prefect 3.8.8")
    monkeypatch.setattr(doctor, "is_loopback", lambda _: False)
    with pytest.raises(FailedError, match="requires no login"):
        doctor._prefect(settings)
    server.answers.extend([(200, "3.8.8", {}), (401, {}, {})])
    assert doctor._prefect(settings).startswith("Prefect 3.8.8")


@pytest.mark.parametrize(
    ("url", "alone"),
    [
        ("http://127.0.0.1:4200/api", True),
        ("http://localhost:4200/api", True),
        ("http://[::1]:4200/api", True),
        ("http://10.0.0.1:4200/api", False),
        ("https://prefect.example.com/api", False),
    ],
)
def test_what_can_be_reached_from_elsewhere(url: str, alone: bool) -> None:
    """Loopback, by its name or its number, and nothing else."""
    assert doctor.is_loopback(url) is alone
