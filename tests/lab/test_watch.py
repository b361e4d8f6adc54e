"""Watching the registry: a push alone makes staging follow; what people and failures hold back stays back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab.place import Place
from tests.lab.conftest import Lab
from tests.lab.test_release import wait_for_line
from tests.lab.watchapp import WatchedApp, live


@pytest.fixture(scope="module")
def app(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedApp]:
    """An application with both services live in staging at 1.0.0."""
    with live(lab, tmp_path_factory.mktemp("app")) as made:
        yield made


def test_a_push_alone_makes_staging_follow(app: WatchedApp) -> None:
    """One commit with all that is new, by automation, with its reason; production stays."""
    app.image("web", "1.1.0")
    app.image("api", "1.1.0")
    done = app.watch()
    assert done.code == 0, done.said
    assert (app.tag("staging", "web"), app.tag("staging", "api")) == ("1.1.0", "1.1.0")
    assert app.commits()[0] == "Release web, api to staging"
    assert app.asked() == ("watch-registry", "release")
    assert "newest by semver of 2 tags" in app.log("-1", "--format=%B")
    assert app.states() == ["live"]
    assert app.tag("production", "web") == "1.0.0"


def test_nothing_new_costs_one_request_for_each_image_and_writes_nothing(app: WatchedApp) -> None:
    """No commit, no note, no look at the cluster; the registry is asked for two lists of tags and no more."""
    before = app.log("-1", "--format=%H")
    log = Place.default().state / "logs" / "registry.log"
    start = log.stat().st_size
    done = app.watch("--output", "json")
    assert done.code == 0, done.said
    assert json.loads(done.out) == {
        "staging": {"state": "nothing new"},
        "production": {"state": "nothing new"},
    }
    assert app.log("-1", "--format=%H") == before
    with log.open() as lines:
        lines.seek(start)
        asked = [line for line in lines if f"/{app.name}-" in line and '" 200 ' in line]
    assert len(asked) == 2, asked


def test_a_rollback_is_left_alone_until_something_newer_comes(app: WatchedApp) -> None:
    """What was rolled back is vetoed in the same commit, and so is what lies between; the next newer goes out."""
    app.image("web", "1.2.0")
    app.image("web", "1.3.0")
    assert app.watch().code == 0
    assert app.tag("staging", "web") == "1.3.0"
    done = app.run("rollback", "staging", "--service", "web", "--reason", "slow", "--local")
    assert done.code == 0, done.said
    assert app.tag("staging", "web") == "1.1.0"
    changed = app.log("-1", "--format=", "--name-only").split()
    assert changed == ["holds.yaml", "staging/web.yaml"]
    assert "tag: 1.3.0" not in app.show("headway.yaml")
    head = app.log("-1", "--format=%H")
    for _ in range(2):
        assert app.watch().code == 0
    assert app.log("-1", "--format=%H") == head
    again = app.run("rollback", "staging", "--service", "web", "--dry-run", "--local", "--output", "json")
    (change,) = json.loads(again.out)["changes"]
    assert ":1.0.0@" in change["new"], "said twice it goes further back, not to and fro"
    said = app.run("plan", "staging").out
    assert "1.3.0, which was rolled back" in said
    assert "is vetoed by tester" in said
    app.image("web", "1.4.0")
    assert app.watch().code == 0
    assert app.tag("staging", "web") == "1.4.0"


def test_what_fails_is_vetoed_by_itself(app: WatchedApp) -> None:
    """A broken image is rolled back once and never tried again; the next newer one goes out."""
    app.pull()
    app.write("staging/api.yaml", app.deployment("api", app.image("api", "1.1.0"), ready=WORKS_BUT_2))
    app.push("A probe that tells")
    assert app.run("reconcile", "staging", "--local").code == 0
    app.configure(timeout="8s")
    app.image("api", "2.0.0")
    done = app.watch()
    assert done.code == 1, done.said
    assert app.tag("staging", "api") == "1.1.0"
    assert app.asked() == ("headway", "rollback")
    assert "by: headway" in app.show("holds.yaml")
    head = app.log("-1", "--format=%H")
    assert app.watch().code == 0
    assert app.log("-1", "--format=%H") == head
    app.configure(timeout="60s")
    app.image("api", "2.0.1")
    assert app.watch().code == 0
    assert app.tag("staging", "api") == "2.0.1"


WORKS_BUT_2 = '["/bin/busybox", "sh", "-c", "! /bin/busybox grep -qx 2.0.0 /version"]'


def test_a_lock_holds_automation_and_people(app: WatchedApp) -> None:
    """A lock is a commit; it refuses with exit 3, and gives way to force with a reason, which is recorded."""
    assert app.run("lock", "staging", "web", "--reason", "migration").code == 0
    assert app.commits()[0] == "Lock web in staging"
    assert app.asked() == ("tester", "lock")
    app.image("web", "1.5.0")
    done = app.watch()
    assert done.code == 0
    assert "web is locked by tester: migration" in done.err
    assert app.tag("staging", "web") == "1.4.0"
    assert "web is locked by tester" in app.run("status", "staging").out
    refused = app.release("staging", "web=1.5.0")
    assert (refused.code, "locked by tester: migration" in refused.err) == (3, True)
    assert app.run("release", "staging", "web=1.5.0", "--force", "--local").code == 2
    forced = app.run("release", "staging", "web=1.5.0", "--force", "--reason", "outage", "--local")
    assert forced.code == 0, forced.said
    assert "Headway-Forced: web in staging is locked by tester: migration" in app.log("-1", "--format=%B")
    assert app.run("unlock", "staging", "web", "--reason", "done").code == 0
    assert "web" not in app.show("holds.yaml").partition("vetoes:")[0]


def test_deautomate_and_automate(app: WatchedApp) -> None:
    """An override turns automation off for one service, and on again."""
    assert app.run("deautomate", "staging", "web", "--reason", "debugging").code == 0
    app.image("web", "1.6.0")
    assert app.watch().code == 0
    assert app.tag("staging", "web") == "1.5.0"
    assert app.run("automate", "staging", "web", "--reason", "debugged").code == 0
    assert app.watch().code == 0
    assert app.tag("staging", "web") == "1.6.0"


def test_a_vetoed_digest_is_refused_to_people_too(app: WatchedApp) -> None:
    """A person's veto keeps automation off, refuses a release with exit 3, and can be taken away."""
    app.image("web", "1.7.0")
    assert app.run("veto", "staging", "web", "1.7.0", "--reason", "loses totals").code == 0
    assert app.watch().code == 0
    assert app.tag("staging", "web") == "1.6.0"
    refused = app.release("staging", "web=1.7.0")
    assert (refused.code, "loses totals" in refused.err) == (3, True)
    assert "loses totals" in app.run("images", "web", "staging").out
    assert app.run("unveto", "staging", "web", "1.7.0", "--reason", "totals are right").code == 0
    assert app.watch().code == 0
    assert app.tag("staging", "web") == "1.7.0"


def test_a_freeze_holds_automation_and_people_can_go_past(app: WatchedApp) -> None:
    """Outside a window nothing automatic goes out, and status says until when."""
    app.configure(staging='release: automatic, freezes: ["2020-01-01 - 2999-12-31 UTC"]')
    app.image("web", "1.8.0")
    done = app.watch()
    assert done.code == 0
    assert "automation waits" in done.err
    assert app.tag("staging", "web") == "1.7.0"
    assert "releases wait: frozen: 2020-01-01" in app.run("status", "staging").out
    refused = app.release("staging", "web=1.8.0")
    assert refused.code == 3
    assert (
        app.run("rollback", "staging", "--service", "web", "--to", "HEAD~2", "--dry-run", "--local").code == 0
    )
    app.configure(staging="release: automatic")
    assert app.watch().code == 0
    assert app.tag("staging", "web") == "1.8.0"


def test_a_registry_that_is_down_delays_nobody_else(app: WatchedApp) -> None:
    """The other service goes out; the one that could not be looked at is told, with exit 1."""
    app.pull()
    text = app.headway_yaml().replace(
        f"{app.registry}/cluster-tests/{app.repository('api')}", "127.0.0.1:1/gone"
    )
    app.write("headway.yaml", text)
    app.write("staging/api.yaml", app.deployment("api", "127.0.0.1:1/gone:1.0.0"))
    app.push("Move a service to a registry that is down")
    app.image("web", "1.9.0")
    done = app.watch("--dry-run")
    assert done.code == 1
    assert "127.0.0.1:1 does not answer" in done.err
    assert "| web |" in done.err
    app.pull()
    app.write("headway.yaml", app.headway_yaml())
    app.write("staging/api.yaml", app.deployment("api", app.image("api", "2.0.1"), ready=WORKS_BUT_2))
    app.push("And back")
    assert app.watch().code == 0
    assert app.tag("staging", "web") == "1.9.0"


def test_killed_after_the_commit_it_is_finished_by_the_next(app: WatchedApp) -> None:
    """A watch that dies leaves a commit; reconcile makes it live, and no second commit is made."""
    app.image("web", "1.10.0")
    process = app.start("watch", "--local")
    wait_for_line(process, "the release is commit")
    process.send_signal(signal.SIGKILL)
    process.wait()
    head = app.log("-1", "--format=%H")
    assert app.watch().code == 0
    assert app.run("reconcile", "staging", "--local").code == 0
    assert app.log("-1", "--format=%H") == head
    assert app.states()[-1] == "live"
    assert app.tag("staging", "web") == "1.10.0"


def test_two_watchers_at_once_make_one_commit(app: WatchedApp) -> None:
    """However many machines watch, one release is one commit, and none of them fails."""
    before = len(app.commits())
    app.image("web", "1.10.1")
    running = [app.start("watch", "--local") for _ in range(3)]
    ended = [(it.communicate()[1], it.returncode) for it in running]
    assert [code for _, code in ended] == [0, 0, 0], ended
    assert len(app.commits()) == before + 1
    assert app.tag("staging", "web") == "1.10.1"


def test_a_warm_process_leaks_nothing(app: WatchedApp, lab: Lab) -> None:
    """Looking again and again leaves no process, no open file and no thread behind."""
    code = """
import json, os, sys, threading
os.environ["HEADWAY_LOCAL"] = "1"
from headway.flows.watch_registry import watch_images
from headway.operations.connections import Connections
from headway.requests import WatchRequest

def held():
    mine = f"/proc/{os.getpid()}"
    children = open(f"{mine}/task/{os.getpid()}/children").read().split()
    return len(os.listdir(f"{mine}/fd")), len(children), threading.active_count()

with Connections() as connections:
    for _ in range(5):
        watch_images(connections, WatchRequest())
    first = held()
    for _ in range(40):
        watch_images(connections, WatchRequest())
    print(json.dumps([first, held()]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=app.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, last = json.loads(done.stdout)
    assert last == first


def test_images_and_plan_explain_themselves(app: WatchedApp) -> None:
    """Each tag with its reason; what would be released now, and why."""
    app.image("web", "917005")
    app.image("web", "1.11.0-rc1")
    app.image("web", "1.11.0")
    shown = json.loads(app.run("images", "web", "staging", "--output", "json").out)["staging"]
    said = {it["tag"]: (it["verdict"], it["reason"]) for it in shown}
    assert said["1.11.0"][0] == "picked"
    assert said["1.10.1"] == ("runs", "it runs here now")
    assert said["917005"][0] == "refused"
    assert said["1.11.0-rc1"][0] == "refused"
    plan = json.loads(app.run("plan", "staging", "--output", "json").out)
    web = next(it for it in plan["services"] if it["service"] == "web")
    assert (web["runs"], web["picked"], web["release"]) == ("1.10.1", "1.11.0", "automation")


def test_rules_by_commit(app: WatchedApp) -> None:
    """The source branch says what is newest: a rebuild of an old commit is not, a foreign commit is refused."""
    app.sources, app.tags = True, "{order: commit}"
    shas = {service: [app.commit(service, f"{number}") for number in range(3)] for service in ("web", "api")}
    first = {service: app.image(service, f"sha-{names[0]}") for service, names in shas.items()}
    app.pull()
    app.write("headway.yaml", app.headway_yaml())
    for service, image in first.items():
        app.write(f"staging/{service}.yaml", app.deployment(service, image))
    app.push("Order by commit")
    # What was rolled back by version has no place among commits, so automation waits for somebody's word.
    assert app.run("unveto", "staging", "web", "--reason", "ordered by commit from now on").code == 0
    assert app.run("reconcile", "staging", "--local").code == 0
    app.image("web", f"sha-{shas['web'][2]}")
    assert app.watch().code == 0
    assert app.tag("staging", "web") == f"sha-{shas['web'][2]}"
    message = app.log("-1", "--format=%B")
    assert f"Headway-Source: web {shas['web'][2]} 20" in message
    head = app.log("-1", "--format=%H")
    app.image("web", f"sha-{shas['web'][1]}")
    app.image("web", f"rebuild-{shas['web'][0][:10]}")
    app.image("web", "sha-" + "0" * 40)
    assert app.watch().code == 0
    assert app.log("-1", "--format=%H") == head
    assert "is no commit of the branch" in app.run("images", "web", "staging").out
    newest = app.commit("web", "one more")
    app.image("web", f"20260101-{newest[:9]}")
    assert app.watch().code == 0
    assert app.tag("staging", "web") == f"20260101-{newest[:9]}"
