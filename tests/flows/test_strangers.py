"""Two applications on one Prefect server: nobody starts what is the other's, whichever way it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.conftest import Place
from tests.servers.http import HttpServer

RUN = "11111111-2222-3333-4444-555555555555"
THEIRS = {
    "id": "d",
    "tags": ["headway", "app:store"],
    "labels": {"headway.repo": "git.example.com/store/config"},
}


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A Prefect server whose deployments are of the application store."""
    made = HttpServer()
    made.standing |= {
        **{
            f"/api/deployments/name/{it}": lambda _: THEIRS
            for it in ("rollback/rollback-staging", "deliver/deliver")
        },
        "/api/deployments/d/create_flow_run": lambda _: (201, {"id": RUN}, {}),
        f"/api/flow_runs/{RUN}": lambda _: {
            "state": {"type": "COMPLETED", "name": "Completed", "message": ""}
        },
        "/api/logs/filter": lambda _: [],
        "/api/artifacts/filter": lambda _: [],
    }
    yield made
    made.close()


def asked(place: Place, server: HttpServer, *arguments: str, **more: str) -> Any:
    """Run a command against the server."""
    place.start(staging="")
    return place.run(*arguments, HEADWAY_LOCAL="", HEADWAY_PREFECT=f"{server.url}/api", **more)


@pytest.mark.parametrize("words", ["rollback staging --dry-run", "ci staging --ref main"])
def test_another_applications_deployment_is_refused(place: Place, server: HttpServer, words: str) -> None:
    """The prefix was forgotten: the command names both applications, and nothing is started."""
    done = asked(place, server, *words.split())
    assert done.code == 2, done.said
    assert "belongs to the application store, and this config repo is that of shop" in done.err
    assert "HEADWAY_DEPLOYMENTS" in done.err
    assert not [it for it in server.sent if it.path.endswith("create_flow_run")]


def test_a_copy_of_the_repo_is_refused_too(place: Place, server: HttpServer) -> None:
    """The application's name is the same; the config repo is not."""
    copy = {"id": "d", "tags": ["app:shop"], "labels": {"headway.repo": "git.example.com/copy/of-it"}}
    server.standing["/api/deployments/name/rollback/rollback-staging"] = lambda _: copy
    done = asked(place, server, "rollback", "staging")
    assert done.code == 2, done.said
    assert "belongs to the config repo git.example.com/copy/of-it" in done.err


def test_the_doctor_says_whose_they_are(place: Place, server: HttpServer) -> None:
    """It finds what a command would be refused for."""
    server.standing["/api/admin/version"] = lambda _: "3.8.8"
    done = asked(place, server, "doctor")
    assert done.code == 1
    assert "belongs to the application store" in done.out
