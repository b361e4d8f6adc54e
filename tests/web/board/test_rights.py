"""Every route of the board, and the right that it asks: one that is not in the table fails the test."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.web.board.stage import Served, Shop, served

pytestmark = pytest.mark.slow
OURS = {"sec-fetch-site": "same-origin"}
OPEN = "open"
"""Files that come with the board, which say nothing of anybody's."""
TABLE: dict[tuple[str, str], str] = {
    ("GET", "/"): "read",
    ("GET", "/-/grid"): "read",
    ("GET", "/-/live"): "read",
    ("GET", "/-/static/{name:path}"): OPEN,
    ("GET", "/-/pods/{environment}/{service}"): "read",
    ("GET", "/-/diff/{environment}/{service}"): "read",
    ("GET", "/-/metrics/{environment}"): "read",
    ("GET", "/{environment}"): "read",
    ("GET", "/{environment}/{service}"): "read",
    ("GET", "/-/lock"): "read",
    ("POST", "/-/lock"): "lock",
    ("GET", "/-/approvals/{run}"): "read",
    ("POST", "/-/approvals/{run}"): "approve",
    **{
        (method, f"/-/{verb}/{{environment}}"): verb if method == "POST" else "read"
        for verb in ("promote", "rollback", "lock", "unlock", "automate", "reconcile")
        for method in ("GET", "POST")
    },
}
"""Which right each route asks; `read` of what it is about."""
HIDDEN = ("/-/lock", "/-/approvals/{run}")
"""Stopping the line is about environments that are not theirs, and no run waits here."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """An application of which ann may read production, and nothing else."""
    roles = "roles: {viewers: {people: [ann], may: [read], environments: [production]}}\n"
    made = Shop(tmp_path_factory.mktemp("shop"), services=("web", "orders"), more=roles)
    made.begin()
    for name in ("staging", "production"):
        made.released(name, {"web": "1.0.1"}, minutes=60)
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(shop: Shop) -> Iterator[Served]:
    """Its board."""
    with served(shop) as made:
        yield made


ROUTES = """
import json
from headway.operations.connections import Connections
from headway.web.board.setup import BoardServer
with Connections() as connections:
    board = BoardServer(connections, who=None, here=True, tell=print)
    first, last = board.routes()
    print(json.dumps([(method, it.path) for it in [*first, *last] for method in it.methods if method != "HEAD"]))
    board.close()
"""


def test_every_route_is_in_the_table(shop: Shop) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ROUTES], env=shop.environment(), capture_output=True, text=True, check=True
    )
    found = [tuple(it) for it in json.loads(done.stdout)]
    assert sorted(found) == sorted(TABLE)


@pytest.mark.parametrize(("method", "path"), sorted(it for it, right in TABLE.items() if right != OPEN))
def test_who_has_no_right_gets_nothing(server: Served, method: str, path: str) -> None:
    """What is not theirs to see is as if it were not there, and of what is theirs to see nothing is done."""
    right = TABLE[method, path]
    at = path.replace("{service}", "web").replace("{run}", "r-1")
    theirs, others = (at.replace("{environment}", it) for it in ("production", "staging"))
    with httpx.Client(base_url=server.url, timeout=30) as client:
        client.get("/")
        if method == "GET" and path == "/-/live":
            return
        if method == "GET":
            assert client.get(theirs).status_code == (404 if path in HIDDEN else 200)
            if theirs != others:
                assert client.get(others).status_code == 404
            return
        sent = client.post(theirs, data={"plan": "0" * 12, "reason": "mine"}, headers=OURS)
        if path in HIDDEN:
            assert sent.status_code == 404
            return
        assert sent.status_code == 403
        assert f"ann may not {right}" in sent.text


def test_a_page_shows_what_is_theirs_alone(server: Served) -> None:
    page = server.get("/").text
    assert not re.search(r'href="/-/(promote|rollback|lock|unlock|automate|reconcile)', page)
    assert 'href="/-/metrics/production"' in page
    assert "staging" not in page.replace("behind staging", "")
