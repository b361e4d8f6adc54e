"""`headway serve`: a docker push alone, told by the registry itself, makes staging follow; a Git push reconciles."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from lab.place import Place
from tests.lab.app import HEADWAY
from tests.lab.conftest import Lab
from tests.lab.test_release import wait_for_line
from tests.lab.watchapp import WatchedApp, live


@pytest.fixture(scope="module")
def app(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedApp]:
    """An application live at 1.0.0 in both environments."""
    with live(lab, tmp_path_factory.mktemp("app")) as made:
        yield made


@pytest.fixture(scope="module")
def serving(app: WatchedApp) -> Iterator[subprocess.Popen[str]]:
    """A warm process that listens where the lab's registry tells of pushes, and never looks by itself."""
    place = Place.default()
    process = subprocess.Popen(
        [
            HEADWAY,
            "serve",
            "--local",
            "--port",
            str(place.hook_port),
            "--every",
            "0",
            "--reconcile-every",
            "0",
        ],
        env=app.environment(HEADWAY_HOOK_SECRET=place.hook_secret),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_line(process, "listening on")
    yield process
    process.terminate()
    assert process.wait(30) == 0


def test_a_push_alone(app: WatchedApp, serving: subprocess.Popen[str]) -> None:
    """The registry's own notification, and nothing else, brings the image to staging; production stays."""
    app.image("web", "1.1.0")
    wait_for_line(serving, "the release is commit")
    wait_until(lambda: app.states() == ["live"])
    assert app.tag("staging", "web") == "1.1.0"
    assert app.tag("production", "web") == "1.0.0"
    assert app.asked() == ("watch-registry", "release")


def test_an_old_rebuild_and_a_replay_change_nothing(app: WatchedApp, serving: subprocess.Popen[str]) -> None:
    """A push of something older, and the same event again, are looked at and leave everything as it is."""
    head = app.log("-1", "--format=%H")
    app.image("web", "1.0.5")
    image = f"{app.registry}/cluster-tests/{app.repository('web')}:1.1.0"
    for _ in range(3):
        post("generic", {"image": image})
    app.image("web", "1.2.0")
    wait_until(lambda: app.log("-1", "--format=%H") != head)
    wait_until(lambda: app.states() == ["live"])
    assert app.tag("staging", "web") == "1.2.0"
    assert app.log("--format=%H", "-2").splitlines()[1] == head, (
        "one commit for the new one, none for the others"
    )


def test_a_git_push_reconciles(app: WatchedApp, serving: subprocess.Popen[str]) -> None:
    """A person's push of the config repo is live after the host's event."""
    app.pull()
    settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {LEVEL: debug}\n"
    app.write("staging/settings.yaml", settings)
    app.push("Say more")
    post("generic", {"git": f"{app.git_url}/{app.name}.git", "branch": "main"})
    wait_until(lambda: app.get("staging", "configmap/settings")["data"] == {"LEVEL": "debug"})
    wait_until(lambda: app.states() == ["live"])
    # headway's own pushes come back as events too: they are looked at, and make nothing new.
    head = app.log("-1", "--format=%H")
    post("generic", {"git": f"{app.git_url}/{app.name}.git", "branch": "main"})
    app.image("api", "1.3.0")
    wait_until(lambda: app.log("-1", "--format=%H") != head)
    assert app.log("--format=%H", "-2").splitlines()[1] == head


def post(sender: str, body: object) -> None:
    """Send an event with the token."""
    place = Place.default()
    request = urllib.request.Request(
        f"http://127.0.0.1:{place.hook_port}/hooks/{sender}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {place.hook_secret}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 202


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something to become true; the test's own time limit ends it."""
    while not _quietly(true):
        time.sleep(0.1)


def _quietly(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except AssertionError:
        return False
