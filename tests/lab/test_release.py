"""A release on the real systems: one commit, live or rolled back, whatever happens to its process."""

from __future__ import annotations

import re
import signal
import subprocess
import threading

import pytest

from tests.lab.app import App


def wait_for_line(process: subprocess.Popen[str], pattern: str) -> str:
    """Read the story until a line matches; return what was read."""
    assert process.stderr is not None
    read = []
    for line in process.stderr:
        read.append(line)
        if re.search(pattern, line):
            return "".join(read)
    raise AssertionError(f"{pattern!r} never came:\n" + "".join(read))


def test_a_release_goes_live_as_one_commit_of_one_value(app: App) -> None:
    """The diff is the image value; the note and the live ref say that it is live; the pods run it."""
    before = len(app.commits())
    done = app.release("staging", "web=v2")
    assert done.code == 0, done.said
    assert len(app.commits()) == before + 1
    assert app.commits()[0] == "Release web to staging"
    changed = [
        it
        for it in app.log("-p", "-1", "-U0", "--format=").splitlines()
        if it[:1] in "+-" and it[:3] not in ("+++", "---")
    ]
    assert [it[0] for it in changed] == ["-", "+"]
    assert re.sub(r'"[^"]*"', "X", changed[0][1:]) == re.sub(r'"[^"]*"', "X", changed[1][1:])
    assert app.states() == ["live"]
    assert app.live("staging") == app.log("-1", "--format=%H")
    assert app.running("staging", "web") == app.image("web", "v2")


def test_the_same_release_id_is_one_commit(app: App) -> None:
    """CI may repeat its call as often as it likes."""
    image = app.image("web", "v3")
    for _ in range(2):
        done = app.run("release", "staging", f"web={image}", "--release-id", "ci-4711", "--local")
        assert done.code == 0, done.said
    assert app.log("--format=%B").count("Headway-Release: ci-4711\n") == 1


def test_nothing_to_change_writes_nothing(app: App) -> None:
    """Releasing what is live already is done at once, without a commit."""
    assert app.release("staging", "api=v1").code == 0
    before = app.commits()
    done = app.release("staging", "api=v1")
    assert (done.code, app.commits()) == (0, before)


def test_a_dry_run_changes_nothing(app: App) -> None:
    """`--dry-run` and `plan` show the diff and leave repo and cluster alone."""
    before = app.commits()
    for command in (["release", "--dry-run", "--local"], ["plan"]):
        done = app.run(command[0], "staging", f"api={app.image('api', 'v9')}", *command[1:])
        assert done.code == 0, done.said
        assert "+          image:" in done.err
    assert app.commits() == before


def test_two_releases_at_once_lose_nothing(app: App) -> None:
    """Two services released by two processes at the same time are both live in the end."""
    threads = [threading.Thread(target=app.release, args=("staging", word)) for word in ("web=v4", "api=v4")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert app.run("reconcile", "staging", "--local").code == 0
    assert (app.running("staging", "web"), app.running("staging", "api")) == (
        app.image("web", "v4"),
        app.image("api", "v4"),
    )
    assert app.live("staging") == app.log("-1", "--format=%H", "--", "staging") or app.states()[-1] == "live"


@pytest.mark.parametrize(
    "line", ["the release is commit", r"changed .*Deployment/web", r"Deployment/web: (?!live)"]
)
def test_a_killed_release_is_finished_by_the_next_run(app: App, line: str) -> None:
    """SIGKILL after the commit, after the apply, while it is watched: one commit, and it becomes live."""
    version = "v5" if app.running("staging", "web") != app.image("web", "v5") else "v6"
    before = len(app.commits())
    process = app.start("release", "staging", f"web={app.image('web', version)}", "--local")
    wait_for_line(process, line)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = app.run("reconcile", "staging", "--local")
    assert done.code == 0, done.said
    assert len(app.commits()) == before + 1
    assert app.states() == ["live"]
    assert app.running("staging", "web") == app.image("web", version)


def test_a_newer_release_takes_over_one_that_never_gets_ready(app: App) -> None:
    """The fix does not wait for the broken one's deadline; that one ends as superseded."""
    app.pull()
    good = app.show("staging/api.yaml")
    app.write(
        "staging/api.yaml", app.deployment("api", app.image("api", "v4"), ready='["/bin/busybox", "false"]')
    )
    stuck = app.push("A probe that never passes")
    process = app.start("reconcile", "staging", "--local")
    wait_for_line(process, r"Deployment/api: (?!live)")
    app.write("staging/api.yaml", good + "\n")
    fix = app.push("The old probe again")
    done = app.run("reconcile", "staging", "--local")
    out, err = process.communicate(timeout=60)
    assert done.code == 0, done.said
    assert process.returncode == 0, out + err
    assert app.states(stuck) == ["superseded"]
    assert app.states(fix) == ["live"]
