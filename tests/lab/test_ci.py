"""From CI: one call through headway's own endpoint with a token that may little, and a `git push` that goes live by itself."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headway.domain.policy.tokens import digest
from tests.lab.app import HEADWAY, git
from tests.lab.conftest import ROOT, Lab
from tests.lab.images import box
from tests.lab.test_release import wait_for_line
from tests.lab.watchapp import WatchedApp, live

TOKEN = "hw_for-tests"
CI = ROOT / "examples" / "ci"


@pytest.fixture(scope="module")
def app(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedApp]:
    """An application whose services are built from source repos, with deployments of its own."""
    folder = tmp_path_factory.mktemp("app")
    with live(lab, folder, sources=True, tags="", staging="release: manual") as made:
        done = made.sync()
        assert done.code == 0, done.said
        for service in ("web", "api"):
            made.commit(service, "First")
            work = made.state / f"{service}-source"
            base = box(lab.registry, "v1")
            (work / "Dockerfile").write_text(f"FROM {base}\nCOPY version /version\n")
        yield made


@pytest.fixture(scope="module")
def address(app: WatchedApp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A `headway serve` that takes one token, for deliveries of web to staging."""
    tokens = tmp_path_factory.mktemp("tokens") / "tokens.yaml"
    rights = "flows: [deliver, build-images], environments: [staging], services: [web]"
    tokens.write_text(f'tokens:\n- {{name: ci-web, sha256: "{digest(TOKEN)}", {rights}}}\n')
    command = [HEADWAY, "serve", "--port", "0", "--every", "0", "--reconcile-every", "0"]
    environment = app.environment(HEADWAY_TOKENS=str(tokens), HEADWAY_DEPLOYMENTS=f"{app.name}-")
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    line = wait_for_line(process, "listening on")
    yield line.partition("http://")[2].partition("/")[0]
    process.terminate()
    assert process.wait(30) == 0


def push(app: WatchedApp, service: str, version: str) -> tuple[str, str]:
    """Push a commit that builds to another image; return its SHA-1 and what the pusher saw."""
    work = app.state / f"{service}-source"
    (work / "version").write_text(version + "\n")
    git("-C", str(work), "add", "--all")
    git("-C", str(work), "commit", "--quiet", "-m", version)
    environment = {key: it for key, it in os.environ.items() if not key.startswith("HEADWAY_")}
    done = subprocess.run(
        ["git", "-C", str(work), "push", "origin", "HEAD:main"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return git("-C", str(work), "rev-parse", "HEAD"), done.stderr


def ask(address: str, method: str, path: str, body: object = None, token: str = TOKEN) -> tuple[int, Any]:
    """Ask the endpoint."""
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request(method, path, json.dumps(body), {"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


@pytest.mark.parametrize(
    ("path", "body", "token", "code", "said"),
    [
        ("/api/deliver", {"environment": "staging", "services": ["web"]}, "", 401, "no token"),
        ("/api/deliver", {"environment": "staging", "services": ["web"]}, "hw_wrong", 401, "not known"),
        ("/api/deliver", {"environment": "production", "services": ["web"]}, TOKEN, 403, "nothing in production"),
        ("/api/deliver", {"environment": "staging", "services": ["api"]}, TOKEN, 403, "web only"),
        ("/api/rollback", {"environment": "staging"}, TOKEN, 403, "may not start rollback"),
        ("/api/deliver", {"enviroment": "staging"}, TOKEN, 422, "enviroment"),
        ("/api/nosuch", {}, TOKEN, 404, "no flow"),
        (f"/api/runs/{uuid.uuid4()}", None, TOKEN, 404, "no such run"),
    ],
)  # fmt: skip
def test_who_may_not(address: str, path: str, body: object, token: str, code: int, said: str) -> None:
    """No token, a wrong one, another environment, another service, another flow: refused, and no run is made."""
    found, answer = ask(address, "GET" if body is None else "POST", path, body, token)
    assert (found, said in answer["error"]) == (code, True), answer


def test_the_same_call_is_one_run(app: WatchedApp, address: str) -> None:
    """201 and then 200 with the same run; a dry run of one commit, followed to its end."""
    commit, _ = push(app, "web", uuid.uuid4().hex)
    body = {"environment": "staging", "services": ["web"], "ref": commit, "dry_run": True}
    first, made = ask(address, "POST", "/api/deliver", body)
    second, same = ask(address, "POST", "/api/deliver", body)
    assert (first, second, same["run"]) == (201, 200, made["run"])


def test_headway_ci_ends_as_the_release_ends(app: WatchedApp, address: str) -> None:
    """It shows the log, and its exit code is the release's; called again it is the same run, which no dry run is."""
    commit, _ = push(app, "web", uuid.uuid4().hex)
    environment = {"HEADWAY_URL": f"http://{address}", "HEADWAY_TOKEN": TOKEN, "HEADWAY_REPO": ""}
    jenkins = {"JENKINS_URL": "http://ci", "GIT_COMMIT": commit, "BUILD_TAG": "web-7"}
    before = app.log("-1", "--format=%H")
    dry = app.run("ci", "staging", "--service", "web", "--dry-run", **environment, **jenkins)
    assert (dry.code, app.log("-1", "--format=%H")) == (0, before), dry.said
    done = app.run("ci", "staging", "--service", "web", **environment, **jenkins)
    assert done.code == 0, done.said
    assert "the release is commit" in done.err
    assert app.tag("staging", "web") == f"sha-{commit}"
    assert "Headway-Actor: ci:ci-web (jenkins web-7" in app.log("-1", "--format=%B")
    head = app.log("-1", "--format=%H")
    again = app.run("ci", "staging", "--service", "web", **environment, **jenkins)
    assert again.code == 0, again.said
    assert app.log("-1", "--format=%H") == head
    refused = app.run("ci", "production", "--service", "web", "--ref", commit, **environment)
    assert (refused.code, "nothing in production" in refused.err) == (3, True), refused.said
    missing = app.run("ci", "staging", "--service", "web", "--ref", "0" * 39 + "1", **environment)
    assert missing.code == 2, missing.said


def test_a_rollout_that_fails(app: WatchedApp, address: str) -> None:
    """The call ends with 1 and the cause, and so does the same job when it calls again; a new job is refused the image."""
    commit, _ = push(app, "web", f"crash-{uuid.uuid4().hex}")
    before = app.running("staging", "web")
    environment = {"HEADWAY_URL": f"http://{address}", "HEADWAY_TOKEN": TOKEN, "HEADWAY_REPO": ""}
    jenkins = {"JENKINS_URL": "http://ci", "GIT_COMMIT": commit}
    for build, code, said in [("8", 1, "rolled back"), ("8", 1, "rolled back"), ("9", 3, "vetoed")]:
        done = app.run(
            "ci", "staging", "--service", "web", **environment, **jenkins, BUILD_TAG=f"web-{build}"
        )
        assert (done.code, said in done.err) == (code, True), done.said
    assert app.running("staging", "web") == before


def test_curl_alone(app: WatchedApp, address: str) -> None:
    """The example with curl and jq delivers, shows the log, and ends as the release ended."""
    commit, _ = push(app, "web", uuid.uuid4().hex)
    environment = {**os.environ, "HEADWAY_URL": f"http://{address}", "HEADWAY_TOKEN": TOKEN}
    for _ in range(2):
        done = subprocess.run(
            [str(CI / "curl.sh"), "web", commit], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "the release is commit" in done.stdout
    assert app.tag("staging", "web") == f"sha-{commit}"


def test_a_git_push_goes_live_by_itself(lab: Lab, app: WatchedApp, address: str) -> None:
    """With the hook in the bare source repo, a push is live in staging, and who pushed has seen it happen."""
    bare = app.source("web")
    shutil.copy(CI / "git-hook" / "post-receive", bare / "hooks" / "post-receive")
    git("-C", str(bare), "config", "headway.service", "web")
    settings = {"HEADWAY_URL": f"http://{address}", "HEADWAY_TOKEN": TOKEN, "NO_COLOR": "1"}
    lines = [f"export {key}='{it}'" for key, it in settings.items()]
    lines.append(f'export PATH="{Path(HEADWAY).parent}:$PATH"')
    shebang, _, rest = (CI / "git-hook" / "post-receive").read_text().partition("\n")
    (bare / "hooks" / "post-receive").write_text("\n".join([shebang, *lines, rest]))
    commit, seen = push(app, "web", uuid.uuid4().hex)
    assert app.tag("staging", "web") == f"sha-{commit}"
    assert "remote: " in seen
    assert "staging" in seen
    assert "deliver: completed" in seen
    (bare / "hooks" / "post-receive").unlink()
