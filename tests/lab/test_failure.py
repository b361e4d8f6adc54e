"""What fails is rolled back by itself: in the cluster, in the repo, with its cause."""

from __future__ import annotations

import signal

from tests.lab.app import App
from tests.lab.test_release import wait_for_line


def test_a_crash_is_rolled_back_with_its_last_words(app: App) -> None:
    """A container that ends at start: the old image again in repo and cluster, exit 1, the cause and the log."""
    app.pull()
    before = app.show("staging/web.yaml")
    app.write(
        "staging/web.yaml",
        app.deployment(
            "web", app.image("web", "v1"), command='["/bin/busybox", "sh", "-c", "echo no database; exit 3"]'
        ),
    )
    bad = app.push("Crash at start")
    done = app.run("reconcile", "staging", "--local")
    assert done.code == 1
    assert "CrashLoopBackOff" in done.err
    assert "exited with code 3" in done.err
    assert "no database" in done.err
    assert app.show("staging/web.yaml") == before
    assert app.states(bad) == ["failed", "rolled-back"]
    assert app.states() == ["live"]
    assert app.running("staging", "web") == app.image("web", "v1")


def test_a_rollback_ends_when_the_old_version_is_up_again(app: App) -> None:
    """Where the old pod had to make room for the new one, it is not called rolled back until there is one again."""
    app.pull()
    image, strategy = (
        app.image("web", "v1"),
        "  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}\n",
    )
    manifest = app.deployment("web", image).replace("  replicas: 1\n", f"  replicas: 1\n{strategy}")
    app.write("staging/web.yaml", manifest)
    app.push("No more pods than wanted")
    assert app.run("reconcile", "staging", "--local").code == 0
    app.write("staging/web.yaml", manifest.replace(image, f"{image.partition('@')[0]}-nosuch"))
    bad = app.push("A tag that nobody pushed takes the only place")
    done = app.run("reconcile", "staging", "--local")
    ready = app.get("staging", "deployment/web")["status"].get("readyReplicas", 0)
    assert (done.code, ready, app.states(bad)) == (1, 1, ["failed", "rolled-back"]), done.said
    assert app.running("staging", "web") == image


def test_a_persons_push_of_an_image_that_is_not_there(app: App) -> None:
    """A tag that the registry does not have is certain at once, and rolled back."""
    app.pull()
    app.write("staging/web.yaml", app.deployment("web", f"{app.registry}/cluster-tests/box:nosuch"))
    bad = app.push("A tag that nobody pushed")
    done = app.run("reconcile", "staging", "--local")
    assert done.code == 1
    assert "ErrImagePull" in done.err
    assert app.states(bad) == ["failed", "rolled-back"]
    assert app.running("staging", "web") == app.image("web", "v1")


def test_an_object_that_the_server_refuses(app: App) -> None:
    """An invalid object: nothing of the commit is applied, it is rolled back and says so with its file."""
    app.pull()
    app.write(
        "staging/settings.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: settings}\nspec: {ports: [{port: 70000}]}\n",
    )
    app.write("staging/api.yaml", app.deployment("api", app.image("api", "v2")))
    bad = app.push("An invalid Service")
    done = app.run("reconcile", "staging", "--local")
    assert done.code == 1
    assert "staging/settings.yaml:1" in done.err
    assert app.states(bad) == ["failed", "rolled-back"]
    assert app.running("staging", "api") == app.image("api", "v1")


def test_killed_between_the_failure_and_the_rollback(app: App) -> None:
    """The next run reads that it failed, sees that it still does, and rolls it back."""
    app.pull()
    before = app.show("staging/web.yaml")
    app.write("staging/web.yaml", app.deployment("web", f"{app.registry}/cluster-tests/box:never"))
    bad = app.push("Another tag that nobody pushed")
    process = app.start("reconcile", "staging", "--local")
    wait_for_line(process, "rolling .* back to")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    app.run("reconcile", "staging", "--local")
    app.run("reconcile", "staging", "--local")
    assert app.show("staging/web.yaml") == before
    assert app.states(bad) == ["failed", "rolled-back"]
    assert app.commits()[0].startswith("Roll back")
    assert app.commits()[1] == "Another tag that nobody pushed"
    assert app.running("staging", "web") == app.image("web", "v1")


def test_never_ready_ends_with_the_deadline(app: App) -> None:
    """A probe that never passes fails when the environment's timeout is over, and says what was missing."""
    app.pull()
    app.write("headway.yaml", app.headway_yaml(timeout="6s"))
    app.write(
        "staging/web.yaml", app.deployment("web", app.image("web", "v1"), ready='["/bin/busybox", "false"]')
    )
    bad = app.push("Never ready")
    done = app.run("reconcile", "staging", "--local")
    assert done.code == 1
    assert app.states(bad) == ["failed", "rolled-back"]
    assert "robe" in done.err
