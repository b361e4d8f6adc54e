"""`headway ci`, straight to a Prefect server and through headway's endpoint: which calls are one run, and how it exits."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from headway.cli.main import run
from headway.domain.policy.tokens import digest, read_tokens
from headway.operations.audit import Audit
from headway.requests import ReleaseRequest, ServiceImage
from headway.settings import Settings
from headway.systems.prefect.endpoint import Endpoint
from headway.web.api import Api
from tests.servers.http import HttpServer, Sent

COMMIT, OTHER = "c" * 40, "d" * 40
RIGHTS = "flows: [deliver, build-images, release], environments: [staging, production]"
TOKENS = f"""tokens:
- {{name: ci, sha256: "{digest("hw_ci")}", {RIGHTS}}}
- {{name: ci-deliver, sha256: "{digest("hw_ci-deliver")}", {RIGHTS}}}
"""


class Prefect:
    """A Prefect server that knows runs by their keys, and ends each at once as `ends` says."""

    def __init__(self) -> None:
        self.server = HttpServer()
        self.runs: dict[str, dict[str, Any]] = {}
        self.ends = ("COMPLETED", "Completed", "")
        for flow, name in [
            ("deliver", "deliver"),
            ("build-images", "build-images"),
            ("release", "release-staging"),
        ]:
            self.server.standing[f"/api/deployments/name/{flow}/{name}"] = lambda _: {"id": "d"}
            self.server.standing[f"/api/deployments/name/{flow}/shop-{name}"] = lambda _: {"id": "d"}
        self.server.standing |= {
            "/api/deployments/d/create_flow_run": self.create,
            "/api/logs/filter": lambda _: [
                {"id": "1", "name": "prefect.flow_runs", "message": "rolling out"},
                {"id": "2", "name": "prefect.flow_runs", "message": f"Finished in state {self.ends[1]}()"},
            ],
            "/api/artifacts/filter": lambda _: [],
        }

    def create(self, sent: Sent) -> dict[str, Any]:
        """Return the run of a key, a new one where there is none."""
        if sent.data["idempotency_key"] not in self.runs:
            kind, name, message = self.ends
            made = {
                "id": str(uuid.uuid4()),
                "name": "x",
                "tags": sent.data["tags"],
                "parameters": sent.data["parameters"],
                "state": {"type": kind, "name": name, "message": message},
            }
            self.runs[sent.data["idempotency_key"]] = made
            self.server.standing[f"/api/flow_runs/{made['id']}"] = lambda _: made
        return self.runs[sent.data["idempotency_key"]]


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Prefect]:
    """A Prefect server, and an environment that knows nothing else."""
    for name in [
        it for it in os.environ if it.startswith(("HEADWAY_", "PREFECT_", "GITHUB_", "GITLAB_", "CI_"))
    ]:
        monkeypatch.delenv(name)
    made = Prefect()
    monkeypatch.setenv("HEADWAY_PREFECT", made.server.url + "/api")
    yield made
    made.server.close()


@pytest.fixture
def address(prefect: Prefect) -> Iterator[str]:
    """The address of headway's endpoint before that server."""
    routes = Api(
        Settings(), lambda: read_tokens(TOKENS, "tokens.yaml"), lambda: None, Audit(Settings())
    ).routes
    server = uvicorn.Server(
        uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=0, log_level="error")
    )
    listening = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()


Call = Callable[..., int]


@pytest.fixture(params=["straight", "endpoint"])
def call(request: pytest.FixtureRequest, prefect: Prefect, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call `headway ci` on one of the ways; return its exit code."""
    if request.param == "endpoint":
        monkeypatch.setenv("HEADWAY_URL", request.getfixturevalue("address"))
        monkeypatch.setenv("HEADWAY_TOKEN", "hw_ci")

    def command(*arguments: str, **job: str) -> int:
        with monkeypatch.context() as context:
            for name, value in job.items():
                context.setenv(name, value)
            with pytest.raises(SystemExit) as left:
                run(["ci", *arguments])
        return int(str(left.value.code))

    return command


@pytest.mark.parametrize(
    ("ends", "code", "said"),
    [
        (("COMPLETED", "Completed", ""), 0, "deliver: completed"),
        (("FAILED", "Failed", "staging: 1a2b3c4d5 failed and was rolled back: CrashLoopBackOff"), 1,
         "error: staging: 1a2b3c4d5 failed and was rolled back: CrashLoopBackOff"),
        (("FAILED", "Invalid", "no service 'web'"), 2, "error: no service 'web'"),
        (("FAILED", "Refused", "staging is locked by ann\n  ask her"), 3, "ask her"),
        (("FAILED", "Unavailable", "the registry does not answer\n  try again"), 1, "try again"),
        (("CRASHED", "Crashed", ""), 1, "error: Crashed"),
        (("CANCELLED", "Superseded", "superseded by the newer run"), 1, "superseded by the newer run"),
    ],
)  # fmt: skip
def test_it_exits_as_the_release_ended(
    prefect: Prefect,
    call: Call,
    capsys: pytest.CaptureFixture[str],
    ends: tuple[str, str, str],
    code: int,
    said: str,
) -> None:
    """A failed rollout is 1, wrong use 2, a refusal 3; the log is shown, and the cause."""
    prefect.ends = ends
    assert call("staging", "--ref", COMMIT) == code
    shown = capsys.readouterr()
    assert said in shown.out + shown.err
    assert "rolling out" in shown.err


def test_a_call_that_is_repeated_is_one_run(prefect: Prefect, call: Call) -> None:
    """The same commit outside of any job, and the same job of a CI system; --again is another one."""
    for _ in range(2):
        call("staging", "--service", "web", "--ref", COMMIT)
    assert len(prefect.runs) == 1
    call("staging", "--service", "web", "--ref", COMMIT, "--again")
    assert len(prefect.runs) == 2


@pytest.mark.parametrize(
    ("job", "again"),
    [
        ({"GITHUB_ACTIONS": "true", "GITHUB_SHA": COMMIT, "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1"}, "GITHUB_RUN_ATTEMPT"),
        ({"JENKINS_URL": "http://ci", "GIT_COMMIT": COMMIT, "BUILD_TAG": "jenkins-web-1"}, "BUILD_TAG"),
        ({"CIRCLECI": "true", "CIRCLE_SHA1": COMMIT, "CIRCLE_BUILD_NUM": "1"}, "CIRCLE_BUILD_NUM"),
    ],
)  # fmt: skip
def test_a_job_that_is_run_again_is_a_new_run(
    prefect: Prefect, call: Call, job: dict[str, str], again: str
) -> None:
    """Whether the CI system counts attempts or jobs; within one job the call may be repeated."""
    call("staging", **job)
    call("staging", **job)
    assert len(prefect.runs) == 1
    call("staging", **job | {again: "2"})
    assert len(prefect.runs) == 2
    assert {it["parameters"]["request"]["ref"] for it in prefect.runs.values()} == {COMMIT}


def test_a_dry_run_never_stands_for_the_delivery(prefect: Prefect, call: Call) -> None:
    """Nor one environment for another, nor one commit or service for another."""
    call("staging", "--ref", COMMIT, "--dry-run")
    call("staging", "--ref", COMMIT)
    call("production", "--ref", COMMIT)
    call("staging", "--ref", OTHER)
    call("staging", "--ref", COMMIT, "--service", "web")
    call("--ref", COMMIT)
    asked = [it["parameters"]["request"] for it in prefect.runs.values()]
    assert [it.get("dry_run", False) for it in asked] == [True, False, False, False, False, False]


@pytest.mark.parametrize("ref", ["main", "v1.2", COMMIT[:12]])
def test_a_branch_is_a_new_run_each_time(prefect: Prefect, call: Call, ref: str) -> None:
    """It may mean another commit by now."""
    call("staging", "--ref", ref)
    call("staging", "--ref", ref)
    assert len(prefect.runs) == 2


def test_a_branch_is_one_run_where_the_answer_is_lost(
    prefect: Prefect, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call stays one run, however often it must be sent."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    lost: list[str] = []

    def create(sent: Sent) -> dict[str, Any]:
        made = prefect.create(sent)
        if not lost:
            lost.append(made["id"])
            raise ConnectionError
        return made

    prefect.server.standing["/api/deployments/d/create_flow_run"] = create
    assert call("staging", "--ref", "main") == 0
    assert [it["id"] for it in prefect.runs.values()] == lost


def test_no_commit_is_wrong_use(call: Call) -> None:
    """Nothing is guessed."""
    assert call("staging") == 2


def test_applications_of_one_server_have_runs_of_their_own(
    prefect: Prefect, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server knows keys by the flow alone."""
    call("staging", "--ref", COMMIT)
    monkeypatch.setenv("HEADWAY_DEPLOYMENTS", "shop-")
    call("staging", "--ref", COMMIT)
    assert len(prefect.runs) == 2


def test_tokens_have_runs_of_their_own(prefect: Prefect, address: str) -> None:
    """Whatever the tokens are called, and whatever keys their holders think of."""
    request = {"environment": "staging", "ref": COMMIT}
    for token, key in [("hw_ci", "deliver-y"), ("hw_ci-deliver", "y"), ("hw_ci", "y"), ("hw_ci", ""), ("hw_ci", "x" * 300 + "1"), ("hw_ci", "x" * 300 + "2")]:  # fmt: skip
        with Endpoint(address, token) as there:
            first = there.start("deliver", request, key)
            assert there.start("deliver", request, key) == first
    assert len(prefect.runs) == 6


def test_a_key_never_gives_the_run_of_another_request(prefect: Prefect, address: str) -> None:
    """A header that somebody uses twice does not pass a dry run, or staging's, for what was asked."""
    bodies = [
        {"environment": "staging", "ref": COMMIT, "dry_run": True},
        {"environment": "staging", "ref": COMMIT},
        {"environment": "production", "ref": COMMIT},
    ]
    with Endpoint(address, "hw_ci") as there:
        assert len({there.start("deliver", body, "mine")[0] for body in bodies}) == 3


def test_what_has_no_key_and_no_commit_is_new_each_time(prefect: Prefect, address: str) -> None:
    """A branch, and a request that builds nothing."""
    images = [{"service": "web", "image": "1.2"}]
    with Endpoint(address, "hw_ci") as there:
        for _ in range(2):
            there.start("deliver", {"environment": "staging", "ref": "main"}, "")
            there.start("release", {"environment": "staging", "images": images}, "")
    assert len(prefect.runs) == 4


def test_a_release_id_is_one_run_where_it_asks_for_the_same(
    prefect: Prefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a command that is repeated; not of another application's, nor of a dry run before it."""
    from headway.cli.running import run_flow

    def release(**more: Any) -> None:
        images = [ServiceImage(service="web", image="1")]
        fields = {"environment": "staging", "release_id": "r-1", "images": images} | more
        run_flow("release", ReleaseRequest(**fields), local=False)

    release(dry_run=True)
    release()
    release()
    assert len(prefect.runs) == 2
    monkeypatch.setenv("HEADWAY_DEPLOYMENTS", "shop-")
    release()
    assert len(prefect.runs) == 3
    release(release_id="")
    release(release_id="")
    assert len(prefect.runs) == 5


def test_images_that_ci_built_are_only_released(prefect: Prefect, call: Call) -> None:
    """No commit is asked for; within a job the call may be repeated, and outside of one a tag may have moved."""
    job = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_TRIGGERING_ACTOR": "ann"}
    assert call("staging", "web=1.4.2", **job) == 0
    assert call("staging", "web=1.4.2", **job) == 0
    [run] = prefect.runs.values()
    asked = run["parameters"]["request"]
    assert (asked["environment"], asked["images"]) == ("staging", [{"service": "web", "image": "1.4.2"}])
    assert "github 7 (ann)" in asked["actor"]
    assert asked["no_hold"] is True
    assert call("staging", "web=1.4.2") == 0
    assert len(prefect.runs) == 2


@pytest.mark.parametrize(
    "words", [["staging", "web"], ["staging", "web=1", "--ref", COMMIT], ["staging", "web=1", "-s", "web"]]
)
def test_images_are_no_builds(call: Call, words: list[str]) -> None:
    """What is no SERVICE=IMAGE, and what says what to build besides, is wrong use."""
    assert call(*words) == 2


def test_the_last_words_of_what_failed_are_shown(
    prefect: Prefect, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are in the outcome of the run's page, and CI's log shows it on both ways."""
    prefect.ends = ("FAILED", "Failed", "staging: failed")
    outcome = {
        "id": "a",
        "key": "shop-outcome-staging",
        "data": "panic: no database",
        "created": "2026-11-24",
    }
    prefect.server.standing["/api/artifacts/filter"] = lambda _: [outcome]
    assert call("staging", "--ref", COMMIT) == 1
    assert capsys.readouterr().err.count("panic: no database") == 1


def test_a_dead_address_is_reported_and_given_up(
    prefect: Prefect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line every few seconds, then an error; no silence."""
    clock = [0.0]
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setenv("HEADWAY_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HEADWAY_TOKEN", "hw_ci")
    with pytest.raises(SystemExit) as left:
        run(["ci", "staging", "--ref", COMMIT])
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert said.count("does not answer: ConnectError; trying again for") >= 5
