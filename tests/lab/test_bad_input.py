"""Bad input: one clear message, exit code 1 or 2, nothing changed, no traceback and no secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.app import App, git

SECRET = "hunter2-not-to-be-seen"


def write(path: str, text: str) -> Callable[[App], None]:
    """Make a case in which a person pushes a file."""
    return lambda app: app.write(path, text)


def changed(**words: str) -> Callable[[App], None]:
    """Make a case in which words of headway.yaml are others."""

    def change(app: App) -> None:
        text = app.headway_yaml()
        for old, new in words.items():
            text = text.replace({"path": "path: staging"}.get(old, old), new)
        app.write("headway.yaml", text)

    return change


CASES = {
    "headway.yaml is not YAML": (write("headway.yaml", "a: b: c\n"), "headway.yaml:1:5: not YAML"),
    "an unknown key": (
        write("headway.yaml", "version: 1\nservces: {}\n"),
        "unknown key servces; did you mean services?",
    ),
    "a path outside the repo": (
        changed(path="path: ../elsewhere"),
        "a folder inside the config repo is expected",
    ),
    "a folder that is not there": (changed(path="path: nowhere"), "nowhere"),
    "a listener nobody knows": (
        lambda app: app.write("headway.yaml", app.headway_yaml(more="notify: {environments: [stagin]}\n")),
        "did you mean staging?",
    ),
    "a service that no manifest names": (
        lambda app: app.write("staging/web.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n"),
        "no manifest below staging/",
    ),
}


@pytest.fixture
def unharmed(app: App):  # type: ignore[no-untyped-def]
    """The repo as it was before and after each case, whatever a person pushed in between."""
    app.pull()
    before = app.log("-1", "--format=%H")
    generation = app.get("staging", "deployment/web")["metadata"]["generation"]
    yield
    assert app.get("staging", "deployment/web")["metadata"]["generation"] == generation
    git("-C", str(app.work), "push", "--quiet", "--force", "origin", f"{before}:main")
    app.pull()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("unharmed")
def test_what_people_push(app: App, case: str) -> None:
    """A mistake in the repo is told with its place; no commit is made and the cluster is left alone."""
    change, expected = CASES[case]
    change(app)
    pushed = app.push(case)
    done = app.release("staging", "web=v2")
    assert done.code == 2, done.said
    assert expected in done.err
    assert app.log("-1", "--format=%H") == pushed


@pytest.mark.usefixtures("unharmed")
def test_a_link_out_of_the_repo(app: App) -> None:
    """It is that file's problem: named, never read, and reconcile is not green; the rest of the folder goes on."""
    (app.work / "staging/link.yaml").symlink_to("/etc/passwd")
    app.push("A link out of the repo")
    done = app.run("reconcile", "staging", "--local")
    assert done.code == 1, done.said
    assert "staging/link.yaml:1:1" in done.err
    assert "root:" not in done.said
    assert app.run("plan", "staging").code == 0


@pytest.mark.usefixtures("unharmed")
def test_headway_yaml_is_missing(app: App) -> None:
    """The error says how to write one."""
    (app.work / "headway.yaml").unlink()
    app.push("No headway.yaml")
    done = app.run("status")
    assert done.code == 2
    assert "headway.yaml is missing" in done.err
    assert "headway init" in done.err


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"HEADWAY_REPO": ""}, "no config repo is set"),
        ({"HEADWAY_BRANCH": "release"}, "main"),
        ({"HEADWAY_REPO": "http://127.0.0.1:1/config.git"}, "127.0.0.1:1"),
        ({"HEADWAY_REPO": f"http://ann:{SECRET}@127.0.0.1:1/config.git"}, "127.0.0.1:1"),
        ({"HEADWAY_KUBECONFIG": "/nowhere"}, "no kubeconfig at /nowhere"),
        ({"DOCKER_CONFIG": "/nowhere"}, "wants a login"),
    ],
)
def test_wrong_settings(app: App, settings: dict[str, str], expected: str) -> None:
    """What is missing or unreachable is named, and a password in a URL is never shown."""
    before = app.commits()
    done = app.run("release", "staging", "web=v2", "--local", **settings)
    assert done.code in (1, 2), done.said
    assert expected in done.err
    assert SECRET not in done.said
    assert app.commits() == before or "KUBECONFIG" in str(settings)


def test_an_empty_repo(app: App) -> None:
    """A repo without commits is said to be empty."""
    empty = app.git_dir / f"{app.name}-empty.git"
    git("init", "--quiet", "--bare", str(empty))
    done = app.run("status", HEADWAY_REPO=f"{app.git_url}/{empty.name}")
    assert done.code in (1, 2)
    assert "empty" in done.err or "no branch" in done.err


def test_no_permission_to_push(app: App) -> None:
    """What the server says against a push is shown; repo and cluster stay as they are."""
    hook = app.bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'only the release team may push' >&2\nexit 1\n")
    hook.chmod(0o755)
    before = app.commits()
    try:
        done = app.release("staging", "web=v8")
        doctor = app.run("doctor")
    finally:
        hook.unlink()
    assert done.code == 1
    assert "only the release team may push" in done.err
    assert app.commits() == before
    assert app.running("staging", "web") == app.image("web", "v1")
    assert doctor.code in (0, 1)


def test_a_tag_that_is_not_there(app: App) -> None:
    """It is refused before anything is written, with tags that are."""
    app.image("web", "v1")
    before = app.commits()
    done = app.run("release", "staging", "web=v1-typo", "--local")
    assert done.code == 2
    assert "has no tag v1-typo" in done.err
    assert "v1" in done.err.partition("v1-typo")[2]
    assert app.commits() == before


def test_another_repository(app: App) -> None:
    """An image of another repository is never bound to a service."""
    done = app.run("release", "staging", f"web={app.image('api', 'v1')}", "--local")
    assert done.code == 2
    assert "is not an image of" in done.err


def test_a_wrong_registry_password(app: App, tmp_path: Path) -> None:
    """The refusal names the registry and where the login came from, never the login."""
    login = base64.b64encode(f"headway:{SECRET}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {app.registry: {"auth": login}}}))
    done = app.run("release", "staging", "web=v1", "--local", DOCKER_CONFIG=str(tmp_path))
    assert done.code == 1
    assert "refuses the login from" in done.err
    assert SECRET not in done.said
    assert login not in done.said


def test_prefect_is_down(app: App) -> None:
    """The error says that --local works without it."""
    done = app.run("release", "staging", "web=v1", PREFECT_API_URL="http://127.0.0.1:1/api")
    assert done.code == 1
    assert "does not answer" in done.err
    assert "--local" in done.err


def test_the_cluster_is_down(app: App, tmp_path: Path) -> None:
    """The repo keeps the release, and the error says how it is finished."""
    config = json.loads(Path(app.environment()["KUBECONFIG"]).read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    done = app.run("reconcile", "staging", "--local", HEADWAY_KUBECONFIG=str(tmp_path / "kubeconfig"))
    assert done.code == 1
    assert "127.0.0.1:1" in done.err
    assert "headway reconcile staging" in done.err


def test_the_docker_engine_is_down(app: App) -> None:
    """Doctor says that the engine does not answer, and goes on looking at the rest."""
    done = app.run("doctor", DOCKER_HOST="unix:///nowhere.sock")
    assert "cluster shop" in done.out
    assert "push to the config repo" in done.out
