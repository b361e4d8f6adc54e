"""The board before a real Prefect server and cluster: what is pressed starts the deployments that the command starts."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import yaml

from tests import REPO
from tests.lab.app import HEADWAY
from tests.lab.conftest import Lab
from tests.lab.test_prefect import call
from tests.lab.test_release import wait_for_line
from tests.lab.watchapp import WatchedApp, live

OURS = {"sec-fetch-site": "same-origin"}
SECRET = "between the board and the workers"


@pytest.fixture(scope="module")
def app(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedApp]:
    """An application whose production takes approvals on the board only, with deployments of its own."""
    production = "promote_from: staging, approvals: 1, approve_on: [board]"
    folder = tmp_path_factory.mktemp("app")
    with live(lab, folder, staging="release: manual", production=production) as made:
        # A pool of its own: the lab's worker does not know the board's secret.
        pool = yaml.safe_load((REPO / "deployments" / "pool.yaml").read_text())
        (folder / "pool.yaml").write_text(yaml.safe_dump({**pool, "name": made.name}))
        done = made.sync("--pool", str(folder / "pool.yaml"), **reached(lab))
        assert done.code == 0, done.said
        yield made
        call(lab, "DELETE", f"/work_pools/{made.name}")


def reached(lab: Lab) -> dict[str, str]:
    """Return the settings with which headway reaches the lab."""
    return {
        "HEADWAY_PREFECT": lab.prefect_api_url,
        "HEADWAY_KUBECONFIG": lab.kubeconfig,
        "HEADWAY_DOCKER_CONFIG": lab.docker_config,
        "HEADWAY_APPROVAL_SECRET": SECRET,
    }


@pytest.fixture(scope="module")
def worker(lab: Lab, app: WatchedApp) -> Iterator[None]:
    """A worker that knows the board's secret."""
    process = subprocess.Popen(
        [HEADWAY, "worker", "--pool", app.name, "--name", app.name],
        env=app.environment(**reached(lab)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield
    process.terminate()
    process.wait(60)


def board(lab: Lab, app: WatchedApp, person: str) -> subprocess.Popen[str]:
    """Start a board at which one person is."""
    settings = {**reached(lab), "HEADWAY_DEPLOYMENTS": f"{app.name}-", "HEADWAY_ACTOR": person}
    words = [HEADWAY, "serve", "--port", "0", "--every", "0", "--reconcile-every", "0"]
    return subprocess.Popen(
        words, env=app.environment(**settings), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def ann(lab: Lab, app: WatchedApp) -> Iterator[httpx.Client]:
    """Ann before the board."""
    yield from at_board(lab, app, "ann")


@pytest.fixture
def bob(lab: Lab, app: WatchedApp) -> Iterator[httpx.Client]:
    """Bob before the board."""
    yield from at_board(lab, app, "bob")


def at_board(lab: Lab, app: WatchedApp, person: str) -> Iterator[httpx.Client]:
    """Give somebody's browser, as long as their board runs."""
    process = board(lab, app, person)
    line = wait_for_line(process, "listening on")
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found is not None, line
    with httpx.Client(base_url=found[0], timeout=60) as client:
        assert client.get("/").status_code == 200
        yield client
    process.terminate()
    assert process.wait(60) == 0


def press(browser: httpx.Client, path: str, **more: str) -> httpx.Response:
    """Look at a plan, and press its button."""
    page = browser.get(path).text
    form = page[page.index('class="act"') :]
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    return browser.post(path.partition("?")[0], data={**sent, **more}, headers=OURS)


def wait_until(is_it: Callable[[], bool]) -> None:
    """Wait until something is so. The test's time limit ends it."""
    while not is_it():
        time.sleep(0.2)


def test_a_promotion_that_is_approved_on_the_board(
    lab: Lab, app: WatchedApp, worker: None, ann: httpx.Client, bob: httpx.Client
) -> None:
    """Ann promotes and cannot approve, the command cannot either, and Bob's board can; then it is live."""
    assert app.release("staging", "web=1.1.0").code == 0
    wait_until(lambda: "1.1.0" in ann.get("/-/grid").text)
    started = press(ann, "/-/promote/production", reason="for the demo")
    assert started.status_code == 202, started.text
    waiting = "/-/approvals/"
    wait_until(lambda: waiting in bob.get("/").text)
    found = re.search(r"/-/approvals/[0-9a-f-]{36}", bob.get("/").text)
    assert found is not None
    assert "somebody else must approve" in ann.get(found[0]).text
    run = found[0].rpartition("/")[2]
    refused = app.run("approve", run, "--yes", "--by", "eve", PREFECT_API_URL=lab.prefect_api_url)
    assert refused.code == 3, refused.said
    assert app.tag("production", "web") == "1.0.0"
    done = press(bob, found[0], decision="approve")
    assert done.status_code == 200, done.text
    wait_until(lambda: app.commits()[0].startswith("Promote web"))
    promotion = app.log("-1", "--format=%H")
    wait_until(lambda: app.live("production") == promotion)
    assert app.states() == ["live"]
    assert app.tag("production", "web") == "1.1.0"
    message = app.log("-1", "--format=%B")
    assert "Headway-Actor: ann" in message
    assert "Headway-Approved-By: bob" in message
    acts = json.loads(app.run("audit", "--output", "json").out)
    assert {(it["who"], it["verb"], it["answer"]) for it in acts} >= {
        ("ann", "promote", "allowed"),
        ("bob", "approve", "allowed"),
    }


def test_a_rollback_from_the_board(lab: Lab, app: WatchedApp, worker: None, ann: httpx.Client) -> None:
    """It needs no approval, and the cluster has the images of before."""
    head = app.log("-1", "--format=%H")
    done = press(ann, "/-/rollback/production", reason="wrong totals")
    assert done.status_code == 202, done.text
    wait_until(lambda: app.log("-1", "--format=%H") != head)
    back = app.log("-1", "--format=%H")
    wait_until(lambda: app.live("production") == back)
    assert app.tag("production", "web") == "1.0.0"
    assert app.asked() == ("ann", "rollback")
