"""Cluster = repo: drift put right, what left it pruned, a broken file left out, everything rebuilt and proven."""

from __future__ import annotations

import json
import subprocess

from tests.lab.app import App
from tests.lab.test_rollback import delete_from_registry


def test_drift_is_shown_and_put_right(app: App) -> None:
    """What kubectl changed, scaled or deleted behind the repo's back comes back; a second run does nothing."""
    app.kubectl("staging", "scale", "deployment/web", "--replicas=2")
    app.kubectl("staging", "set", "env", "deployment/api", "EXTRA=1")
    app.kubectl("staging", "delete", "configmap/settings")
    shown = json.loads(app.run("diff", "staging", "--output", "json").out)
    assert {(it["object"].split()[-1], it["action"]) for it in shown} == {
        ("Deployment/web", "change"), ("Deployment/api", "change"), ("ConfigMap/settings", "create"),
    }  # fmt: skip
    done = app.run("reconcile", "staging", "--local")
    assert done.code == 0, done.said
    assert app.get("staging", "deployment/web")["spec"]["replicas"] == 1
    assert "env" not in app.get("staging", "deployment/api")["spec"]["template"]["spec"]["containers"][0]
    assert app.get("staging", "configmap/settings")["data"] == {"LEVEL": "info"}
    again = app.run("reconcile", "staging", "--local", "--output", "json")
    assert json.loads(again.out)["staging"]["state"] == "unchanged"


def test_a_file_that_leaves_the_repo(app: App) -> None:
    """Its object is pruned; what headway never applied stays."""
    app.kubectl("staging", "create", "configmap", "somebody-elses")
    app.pull()
    (app.work / "staging/settings.yaml").unlink()
    app.push("No settings")
    assert app.run("reconcile", "staging", "--local").code == 0
    left = app.kubectl("staging", "get", "configmaps", "--output", "name").split()
    assert "configmap/settings" not in left
    assert "configmap/somebody-elses" in left


def test_a_file_that_does_not_parse(app: App) -> None:
    """It is named with line and column, the others are applied, and nothing is pruned meanwhile."""
    app.pull()
    good = app.show("staging/web.yaml")
    app.write("staging/web.yaml", good + "\nbroken: yes: no\n")
    app.write("staging/extra.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n")
    app.push("A broken file")
    done = app.run("reconcile", "staging", "--local")
    assert "staging/web.yaml:18:12: not YAML" in done.err
    assert app.kubectl("staging", "get", "configmap/extra", "--output", "name") == "configmap/extra"
    assert app.kubectl("staging", "get", "deployment/web", "--output", "name") == "deployment.apps/web"
    # A release of the other service works all the same.
    done = app.release("staging", "api=v2")
    assert done.code == 0, done.said
    assert "staging/web.yaml:18:12" in done.err
    app.pull()
    app.write("staging/web.yaml", good + "\n")
    app.push("The file again")
    assert app.run("reconcile", "staging", "--local").code == 0


def test_an_empty_cluster_becomes_the_application_again(app: App) -> None:
    """After the namespaces are gone, rebuild restores every environment and proves it equal."""
    assert app.run("reconcile", "production", "--local").code == 0
    names = [app.namespace(it) for it in ("staging", "production")]
    subprocess.run(["kubectl", "delete", "namespace", *names], check=True, capture_output=True)
    done = app.run("rebuild", "--local")
    assert done.code == 0, done.said
    assert "the registry has all" in done.err
    assert "| staging | equal |" in done.err
    assert "| production | equal |" in done.err
    assert "rebuilt and proven equal in" in done.err
    assert app.running("staging", "api") == app.image("api", "v2")


def test_rebuild_says_beforehand_what_is_missing(app: App) -> None:
    """An image that the registry lost is named before anything else; a half-empty cluster gets the rest."""
    gone = app.image("web", "gone-2")
    assert app.run("release", "staging", f"web={gone}", "--local").code == 0
    delete_from_registry(app, gone)
    app.kubectl("staging", "delete", "deployment/api")
    done = app.run("rebuild", "staging", "--dry-run", "--local", "--output", "json")
    assert json.loads(done.out)["missing_images"] == [gone]
    done = app.run("rebuild", "staging", "--local")
    assert done.err.index("no longer has") < done.err.index("created")
    assert app.running("staging", "api") == app.image("api", "v2")


def test_set_image_without_a_config_repo(app: App) -> None:
    """V1: the running object changes and is watched; with a repo there is a warning, and reconcile takes it back."""
    image = app.image("api", "v7")
    done = app.run(
        "set-image", image.rpartition(":")[0].rpartition(":")[0], image, "--namespace", app.namespace("production"),
        "--context", "shop", "--local", HEADWAY_REPO="",
    )  # fmt: skip
    assert done.code == 0, done.said
    assert app.running("production", "api") == image
    done = app.run("set-image", "api", image, "--env", "production", "--local")
    assert done.code == 0, done.said
    assert "the config repo is now behind" in done.err
    assert app.run("reconcile", "production", "--local").code == 0
    assert app.running("production", "api") == app.image("api", "v1")
