"""The files for CI systems are right as they are shipped: they parse, and what they call exists."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from headway import __version__
from headway.cli.main import app
from headway.settings import Settings
from tests import REPO
from tests.servers.http import HttpServer, Sent

ROOT = REPO
CI = ROOT / "examples" / "ci"
FILES = sorted(it for it in CI.rglob("*") if it.is_file())
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
_CALL = re.compile(r"^(?:# {2,}| *- (?:run: )?| *sh '| *)headway (?P<words>.+?)'?$", re.M)
"""A line that calls headway: in a step, a script, a Jenkinsfile's `sh`, or indented in a comment."""


def calls(path: Path) -> Iterator[list[str]]:
    """Yield the words of each call of headway in a file."""
    for found in _CALL.finditer(path.read_text()):
        words = shlex.split(found["words"], comments=True)
        yield [it for it in words if not it.startswith(("<", ">"))]


@pytest.mark.parametrize("path", [*FILES, ROOT / "docs/ci.md"], ids=lambda it: it.name)
def test_every_call_of_headway_would_be_taken(path: Path) -> None:
    """The command is there, and its options and arguments are as it wants them."""
    found = list(calls(path))
    assert found or path.name == "curl.sh"
    for name, *arguments in found:
        assert name in COMMANDS
        COMMANDS[name].make_context(name, arguments)


@pytest.mark.parametrize("path", FILES, ids=lambda it: it.name)
def test_every_variable_of_headways_is_one(path: Path) -> None:
    """Nothing is set that headway would not read, and the image is this version's."""
    text = path.read_text()
    names = {it.lower() for it in re.findall(r"HEADWAY_([A-Z_]+)", text)}
    assert names <= set(Settings.model_fields)
    assert set(re.findall(r"/headway:([\w.]+)", text)) <= {__version__}


def test_the_workflow_for_github() -> None:
    """One job in headway's image, with the address and the token, for pushes to main."""
    workflow = yaml.safe_load((CI / "github-actions.yaml").read_text())
    # YAML 1.1 reads the key `on` as true, and GitHub does not.
    assert workflow[True] == {"push": {"branches": ["main"]}}
    (job,) = workflow["jobs"].values()
    (step,) = job["steps"]
    assert set(step["env"]) == {"HEADWAY_URL", "HEADWAY_TOKEN"}
    assert "/headway:" in job["container"]


def test_the_pipeline_for_gitlab() -> None:
    """GitLab gives its script to a shell in the image, so the image's own entrypoint must not stand before it."""
    assert 'ENTRYPOINT ["headway"]' in (ROOT / "deployments/image/Dockerfile").read_text()
    (job,) = yaml.safe_load((CI / "gitlab-ci.yaml").read_text()).values()
    assert job["image"]["entrypoint"] == [""]
    assert job["script"] == ["headway ci staging --service orders"]


def test_the_pipeline_for_jenkins() -> None:
    """Every brace is closed, and the token comes from Jenkins' credentials."""
    text = re.sub(r"^\s*//.*$", "", (CI / "Jenkinsfile").read_text(), flags=re.M)
    depths = [text[: n + 1].count("{") - text[: n + 1].count("}") for n in range(len(text))]
    assert (min(depths), depths[-1], text.count("'") % 2) == (0, 0, 0)
    assert "variable: 'HEADWAY_TOKEN'" in text


@pytest.mark.parametrize("path", [CI / "curl.sh", CI / "git-hook" / "post-receive"], ids=lambda it: it.name)
def test_a_script_parses_and_can_be_run(path: Path) -> None:
    """By the plainest shell."""
    assert os.access(path, os.X_OK)
    subprocess.run(["sh", "-n", str(path)], check=True)


@pytest.fixture
def endpoint() -> Iterator[HttpServer]:
    """An endpoint that is told what to answer."""
    made = HttpServer()
    yield made
    made.close()


@pytest.fixture
def curl(endpoint: HttpServer, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the script, which waits for nothing."""
    if not (shutil.which("curl") and shutil.which("jq")):
        pytest.skip("curl and jq are what the script is made of")
    (tmp_path / "sleep").write_text("#!/bin/sh\n")
    (tmp_path / "sleep").chmod(0o755)
    environment = os.environ | {
        "HEADWAY_URL": endpoint.url,
        "HEADWAY_TOKEN": "hw_x",
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(CI / "curl.sh"), *words], env=environment, capture_output=True, text=True, check=False
        )

    return run


def look(after: int, *lines: str, state: str = "RUNNING", complete: bool = False, message: str = "") -> Any:
    """Return an answer about a run."""
    said = {
        "state": state,
        "log": lines,
        "next": after + len(lines),
        "complete": complete,
        "message": message,
    }
    return 200, said, {}


Curl = Callable[..., subprocess.CompletedProcess[str]]


def test_the_script_rides_out_a_busy_endpoint(endpoint: HttpServer, curl: Curl) -> None:
    """The error before the answer is no part of it; the log is shown to its end."""
    endpoint.answers.extend([(503, {"error": "busy"}, {}), (201, {"run": "r1"}, {})])
    endpoint.answers.extend([look(0, "one"), look(1, "two", state="COMPLETED")])
    endpoint.answers.extend([look(2, state="COMPLETED"), look(2, "three", state="COMPLETED", complete=True)])
    done = curl("orders", "c" * 40)
    assert (done.returncode, done.stdout.split()) == (0, ["one", "two", "three"]), done.stderr
    assert [it.path for it in endpoint.sent[-3:]] == [f"/api/runs/r1?after={n}" for n in (1, 2, 2)]
    assert endpoint.sent[0].data == {"environment": "staging", "services": ["orders"], "ref": "c" * 40}


def test_the_script_ends_as_the_release_ended(endpoint: HttpServer, curl: Curl) -> None:
    """A failure is 1, with its cause; so is a run that was killed, which has no very last line."""
    endpoint.answers.extend([(201, {"run": "r1"}, {}), look(0, state="FAILED", complete=True, message="bad")])
    done = curl("orders", "c" * 40)
    assert (done.returncode, done.stderr.strip()) == (1, "bad")
    endpoint.answers.extend([(201, {"run": "r1"}, {}), *[look(0, state="CRASHED", message="gone")] * 4])
    done = curl("orders", "c" * 40)
    assert (done.returncode, done.stderr.strip(), len(endpoint.answers)) == (1, "gone", 0)


def test_the_script_says_why_it_was_refused(endpoint: HttpServer, curl: Curl) -> None:
    """What the endpoint says is shown."""
    endpoint.answers.append((403, {"error": "ci-orders may do nothing in staging"}, {}))
    done = curl("orders", "c" * 40)
    assert (done.returncode, "may do nothing in staging" in done.stderr) == (1, True)


def test_the_script_delivers_again(endpoint: HttpServer, curl: Curl) -> None:
    """A third word is the call's own key; without one the endpoint knows the call by its commit."""

    def keys(sent: list[Sent]) -> list[str]:
        return [it.headers.get("idempotency-key", "") for it in sent if it.method == "POST"]

    for words in ([], ["41"]):
        endpoint.answers.extend([(201, {"run": "r"}, {}), look(0, state="COMPLETED", complete=True)])
        assert curl("orders", "c" * 40, *words).returncode == 0
    assert keys(endpoint.sent) == ["", "41"]


def test_the_demo_s_board_needs_the_demo(tmp_path: Path) -> None:
    """Without a lab it says what to do first, in a sentence; with one it is a command that headway has."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.shop.board"],
        env={**os.environ, "LAB_STATE": str(tmp_path)},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip() == f"there is no lab in {tmp_path}: `make demo` starts one, and fills it"
    from examples.shop.board import serving

    name, *arguments = serving()
    COMMANDS[name].make_context(name, arguments)


def test_the_demo_ends_with_what_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each `make …` that it names is one, and the board's address is on loopback."""
    from examples.shop import demo

    for name in ("PREFECT_API_URL", "HEADWAY_REPO", "KUBECONFIG"):
        monkeypatch.setenv(name, "http://127.0.0.1:4200/api")
    found = dict(demo.afterwards())
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    named = [it.removeprefix("make ") for it in found if it.startswith("make ")]
    assert named == ["board", "lab-down"]
    assert set(named) <= set(targets)
    assert "http://127.0.0.1:" in found["make board"]
