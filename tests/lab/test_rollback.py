"""Going back: to the last state that was live, to a chosen one, one service or all; seconds, and no build."""

from __future__ import annotations

import subprocess

from tests.lab.app import App


def test_rolling_back_and_forth(app: App) -> None:
    """A rollback without a target goes to the last state that was live, not merely the previous commit."""
    assert app.release("staging", "web=v2", "api=v2").code == 0
    # A person's push that changes no image, and a failed release, are not states to go back to.
    app.pull()
    app.write(
        "staging/settings.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {LEVEL: warn}\n",
    )
    app.push("More warnings")
    assert app.run("reconcile", "staging", "--local").code == 0
    done = app.run("rollback", "staging", "--reason", "v2 is slow", "--local")
    assert done.code == 0, done.said
    assert app.running("staging", "web") == app.image("web", "v1")
    assert app.running("staging", "api") == app.image("api", "v1")
    assert "LEVEL: warn" in app.show("staging/settings.yaml"), "what people configured since stays"
    assert app.commits()[0] == "Roll back web, api in staging"
    assert "Headway-Reason: v2 is slow" in app.log("-1", "--format=%B")
    assert app.states() == ["live"]


def test_one_service_only(app: App) -> None:
    """`--service` rolls back one service and leaves the other."""
    assert app.release("staging", "web=v3", "api=v3").code == 0
    done = app.run("rollback", "staging", "--service", "api", "--local")
    assert done.code == 0, done.said
    assert app.running("staging", "web") == app.image("web", "v3")
    assert app.running("staging", "api") == app.image("api", "v1")


def test_to_a_release_or_a_commit(app: App) -> None:
    """`--to` takes a release id or a commit; a name that is neither is said."""
    image = app.image("web", "v4")
    assert app.run("release", "staging", f"web={image}", "--release-id", "marker-1", "--local").code == 0
    commit = app.log("-1", "--format=%H")
    assert app.release("staging", "web=v5").code == 0
    assert app.run("rollback", "staging", "--to", "marker-1", "--local").code == 0
    assert app.running("staging", "web") == image
    # What was rolled back is vetoed: a person who wants it again says so.
    refused = app.release("staging", "web=v5")
    assert (refused.code, "is vetoed" in refused.err) == (3, True)
    assert app.run("unveto", "staging", "web", "v5", "--reason", "test").code == 0
    assert app.release("staging", "web=v5").code == 0
    assert app.run("rollback", "staging", "--to", commit[:10], "--local").code == 0
    assert app.running("staging", "web") == image
    done = app.run("rollback", "staging", "--to", "nonsense", "--local")
    assert done.code == 2
    assert "no release and no commit 'nonsense'" in done.err


def test_a_dry_run_shows_and_changes_nothing(app: App) -> None:
    """The plan is shown; no commit is made."""
    before = app.commits()
    done = app.run("rollback", "staging", "--dry-run", "--local")
    assert done.code == 0
    assert "Plan for staging" in done.err
    assert app.commits() == before


def test_an_image_that_is_gone(app: App) -> None:
    """Going back to what the registry lost is refused with exit code 3, and done with --force."""
    gone = app.image("api", "gone-1")
    assert app.run("release", "staging", f"api={gone}", "--local").code == 0
    assert app.release("staging", "api=v6").code == 0
    delete_from_registry(app, gone)
    done = app.run("rollback", "staging", "--service", "api", "--local")
    assert done.code == 3
    assert "no longer has" in done.err
    assert app.running("staging", "api") == app.image("api", "v6")
    done = app.run("rollback", "staging", "--service", "api", "--force", "--local")
    assert done.code == 0, "the node still has the image: " + done.said


def delete_from_registry(app: App, image: str) -> None:
    """Delete an image's manifest, as a registry's clean-up does."""
    import base64
    import json
    import os
    from pathlib import Path

    config = json.loads((Path(os.environ["DOCKER_CONFIG"]) / "config.json").read_text())
    login = base64.b64decode(config["auths"][app.registry]["auth"]).decode()
    name, _, digest = image.partition("@")
    path = name.partition("/")[2].rpartition(":")[0]
    subprocess.run(
        ["curl", "-fsS", "-u", login, "-X", "DELETE", f"http://{app.registry}/v2/{path}/manifests/{digest}"],
        check=True,
    )
