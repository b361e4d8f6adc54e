"""How each release ended is known of each environment, once, and nobody is blamed for another's failure."""

from __future__ import annotations

import signal

from tests.lab.app import App
from tests.lab.test_release import wait_for_line

CRASH = '["/bin/busybox", "sh", "-c", "exit 3"]'


def test_a_push_to_two_environments_fails_in_one(app: App) -> None:
    """Staging's crash says nothing of production: that is tried by itself, and is live there."""
    assert app.run("reconcile", "production", "--local").code == 0
    app.pull()
    places = app.headway_yaml().replace("path: staging\n", "path: staging\n    on_failure: keep\n")
    app.write("headway.yaml", places)
    app.write("staging/web.yaml", app.deployment("web", app.image("web", "v1"), command=CRASH))
    app.write("production/web.yaml", app.deployment("web", app.image("web", "v2")))
    both = app.push("A crash in staging, the next version in production")
    assert app.run("reconcile", "staging", "--local").code == 1
    assert app.states(both) == ["failed"]
    done = app.run("reconcile", "production", "--local")
    assert done.code == 0, done.said
    assert app.image("web", "v2") in app.show("production/web.yaml")
    assert app.running("production", "web") == app.image("web", "v2")
    assert app.states(both) == ["failed", "live"]
    shown = app.run("history", "--limit", "1").out
    assert "staging failed" in shown
    assert "production live" in shown


def test_what_fails_and_is_kept_is_recorded_once(app: App) -> None:
    """With `on_failure: keep` each reconcile tries again, and says so; the record is not written again and again."""
    for _ in range(2):
        assert app.run("reconcile", "staging", "--local").code == 1
    assert app.states() == ["failed", "live"]
    app.pull()
    app.write("staging/web.yaml", app.deployment("web", app.image("web", "v1")))
    app.write("headway.yaml", app.headway_yaml())
    app.push("Without the crash")
    assert app.run("reconcile", "staging", "--local").code == 0


def test_a_commit_that_another_environment_made_live_is_no_target(app: App) -> None:
    """A rollback goes to what was live here, not to a commit that was live somewhere else alone."""
    app.pull()
    before = app.show("production/web.yaml")
    app.write("staging/api.yaml", app.deployment("api", app.image("api", "v2")))
    app.write("production/api.yaml", app.deployment("api", app.image("api", "v2")))
    app.push("Both")
    assert app.run("reconcile", "staging", "--local").code == 0
    assert app.release("production", "api=v3").code == 0
    done = app.run("rollback", "production", "--local", "--reason", "test")
    assert done.code == 0, done.said
    assert app.image("api", "v1") in app.show("production/api.yaml")
    assert app.show("production/web.yaml") == before


def test_a_rollback_that_died_after_its_commit_is_finished_by_its_id(app: App) -> None:
    """The same id again: it goes on to the cluster, and looks for no other target."""
    assert app.release("staging", "web=v3").code == 0
    command = (
        "rollback",
        "staging",
        "--service",
        "web",
        "--release-id",
        "back-1",
        "--reason",
        "test",
        "--local",
    )
    process = app.start(*command)
    wait_for_line(process, "the release is commit")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    head = app.log("-1", "--format=%H")
    done = app.run(*command)
    assert done.code == 0, done.said
    assert "is commit" in done.said
    assert app.log("-1", "--format=%H") == head
    assert app.states() == ["live"]
    assert app.running("staging", "web") in app.show("staging/web.yaml")


def test_an_id_is_one_release_of_one_environment(app: App) -> None:
    """The id of a release to staging, given again for production, is refused: nothing would have been done."""
    image = app.image("web", "v3")
    assert app.run("release", "staging", f"web={image}", "--release-id", "build-7", "--local", "--force",
                   "--reason", "test").code == 0  # fmt: skip
    done = app.run("release", "production", f"web={image}", "--release-id", "build-7", "--local")
    assert done.code == 2
    assert "build-7 is one of staging already" in done.err


def test_what_failed_is_blamed_and_what_came_before_is_not(app: App) -> None:
    """A good release whose process died, then a bad one of another service: only what crashed is vetoed."""
    process = app.start("release", "staging", f"web={app.image('web', 'v4')}", "--local")
    wait_for_line(process, "the release is commit")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    passed = app.log("-1", "--format=%H")
    bad = app.image("api", "crash")
    done = app.run("release", "staging", f"api={bad}", "--local")
    assert done.code == 1, done.said
    failed = app.log("-1", "--skip=1", "--format=%H")
    assert app.states(failed) == ["failed", "rolled-back"]
    assert app.states(passed) == ["rolled-back"]
    holds = app.show("holds.yaml")
    assert bad.partition("@")[2] in holds
    assert app.image("web", "v4").partition("@")[2] not in holds


def test_a_release_again_that_was_rolled_back_is_no_success(app: App) -> None:
    """The same id after the failure: it failed, and is not made again."""
    head = app.log("-1", "--format=%H")
    image = app.image("api", "crash2")
    command = ("release", "staging", f"api={image}", "--release-id", "bad-1", "--local")
    assert app.run(*command).code == 1
    after = app.log("-1", "--format=%H")
    assert after != head
    again = app.run(*command)
    assert again.code == 1
    assert "was rolled back" in again.err
    assert app.log("-1", "--format=%H") == after


def test_a_service_that_a_push_added_keeps_no_rollback_from_its_target(app: App) -> None:
    """What only the newer state has cannot be rolled back by its image; the others go back all the same."""
    assert app.release("staging", "api=v5").code == 0
    app.pull()
    app.write("staging/settings.yaml", app.show("staging/settings.yaml").replace("info", "debug") + "\n")
    app.write("staging/web.yaml", "# web is gone for now\n")
    app.push("Without web")
    assert app.run("reconcile", "staging", "--local").code == 0
    app.write("staging/web.yaml", app.deployment("web", app.image("web", "v3")))
    app.push("With web again")
    assert app.run("reconcile", "staging", "--local").code == 0
    done = app.run("rollback", "staging", "--local", "--reason", "test")
    assert done.code == 0, done.said
    assert app.image("api", "v5") not in app.show("staging/api.yaml")
