"""Steps without Prefect: tried again when that can help, and side by side."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
from typing import Any

import pytest

from headway.domain.runs.endings import error_of, state_name
from headway.errors import (
    ConfigError,
    FailedError,
    HeadwayError,
    LostLease,
    Problem,
    RefusedError,
    TransientError,
    explained,
)
from headway.flows import FLOWS, flow_named
from headway.runtime import local, retry
from headway.runtime.retry import LONGEST, delay
from tests.servers.http import HttpServer


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What steps say, with pauses that take no time."""
    lines: list[str] = []
    monkeypatch.setattr(local, "_listeners", [lambda kind, key, text: lines.append(text)])
    monkeypatch.setattr(retry, "delay", lambda *_: 0.0)
    return lines


def test_a_transient_error_is_tried_again_and_reported(said: list[str]) -> None:
    """A step that fails twice for a passing reason succeeds, and the log says what was tried again."""
    calls = []

    @local.task(name="push")
    def push() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise TransientError("connection refused")
        return "pushed"

    assert push() == "pushed"
    assert [line.startswith("push: connection refused") for line in said] == [True, True]


def test_what_only_reads_is_tried_again_as_well(said: list[str]) -> None:
    """It is no task of a run, and a moment's trouble ends the run no sooner for that."""
    calls = []

    @local.reading(name="look")
    def look() -> str:
        calls.append(1)
        if len(calls) < 2:
            raise TransientError("the mirror was damaged")
        return "seen"

    assert look() == "seen"
    assert [line.startswith("look: the mirror was damaged") for line in said] == [True]


def test_what_did_not_end_in_time_says_nothing_about_a_release() -> None:
    """A step whose time is up, on a busy machine, is worth another try; the run has not failed for good."""
    assert state_name(explained(TimeoutError("Scope timed out after 600.0 second(s)."))) == "Unavailable"


def test_a_final_error_is_not_tried_again(said: list[str]) -> None:
    """A wrong password is asked for once, not four times."""
    calls = []

    @local.task(name="login")
    def login() -> None:
        calls.append(1)
        raise FailedError("wrong password")

    with pytest.raises(FailedError):
        login()
    assert len(calls) == 1


def test_attempts_are_bounded(said: list[str]) -> None:
    """A server that stays down ends the step with its own error."""

    @local.task(name="fetch", attempts=3)
    def fetch() -> None:
        raise TransientError("down")

    with pytest.raises(TransientError, match="down"):
        fetch()
    assert len(said) == 2


def test_side_by_side_runs_at_once_and_keeps_the_order() -> None:
    """Three builds run at the same time; their results come in the order they were asked for."""
    barrier = threading.Barrier(3, timeout=10)

    def build(name: str) -> str:
        barrier.wait()
        return name.upper()

    assert local.side_by_side(build, [{"name": n} for n in "abc"]) == ["A", "B", "C"]


def test_side_by_side_finishes_the_others_before_it_fails() -> None:
    """One failed build does not cut off the one beside it."""
    finished = threading.Event()
    started = threading.Event()

    def build(name: str) -> None:
        if name == "bad":
            started.set()
            raise FailedError("bad")
        assert started.wait(10)
        finished.set()

    with pytest.raises(FailedError):
        local.side_by_side(build, [{"name": "bad"}, {"name": "good"}])
    assert finished.is_set()


@pytest.mark.parametrize(
    ("attempt", "chance", "low", "high"),
    [(1, 0.0, 0.2, 0.3), (1, 1.0, 0.7, 0.8), (2, 0.5, 1.4, 1.6), (9, 0.5, LONGEST, LONGEST)],
)
def test_pauses_grow_with_jitter_up_to_a_bound(attempt: int, chance: float, low: float, high: float) -> None:
    """Two clients that failed together do not come back together, and none waits for minutes."""
    assert low <= delay(attempt, TransientError("x"), chance) <= high


def test_a_servers_retry_after_wins() -> None:
    """A registry that says when to come back is taken at its word."""
    error = TransientError("429")
    error.retry_after = 7.0  # type: ignore[attr-defined]
    assert delay(1, error, 0.5) == 7.0


def test_local_flows_do_not_import_prefect() -> None:
    """A rollback with --local works where Prefect is broken or not installed."""
    code = (
        "import sys, os; os.environ['HEADWAY_LOCAL'] = '1'; "
        "import headway.flows.release, headway.flows.rollback, headway.flows.reconcile, headway.flows.rebuild; "
        "import headway.flows.deliver, headway.flows.set_image; "
        "import headway.cli.main; "
        "print(sorted(m for m in sys.modules if m.split('.')[0] == 'prefect'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", FLOWS)
def test_in_prefect_a_flow_has_the_parameters_of_its_function(name: str) -> None:
    """The form in the UI asks for what the function takes, whatever is wrapped around it."""
    from prefect.utilities.callables import parameter_schema

    from headway.runtime import orchestrated

    function = flow_named(name)
    made: Any = orchestrated.flow(name="a-flow")(function)
    assert made.name == "a-flow"
    assert parameter_schema(made).properties["request"]
    assert parameter_schema(made) == parameter_schema(function)


def test_a_report_that_the_server_does_not_take_fails_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A Prefect server that answers 500 to an artifact costs its place on the run's page, and the log says so."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from headway.runtime import orchestrated

    with (
        contextlib.closing(HttpServer()) as server,
        temporary_settings({PREFECT_API_URL: f"{server.url}/api"}),
    ):
        server.standing["/api/csrf-token"] = lambda sent: (404, {}, {})
        server.standing["/api/artifacts/"] = lambda sent: (500, {"exception_message": "timeout"}, {})
        orchestrated.report("plan-staging", "| what |")
    assert [it.data["key"] for it in server.sent if it.path == "/api/artifacts/"] == ["plan-staging"]
    assert (
        "plan-staging could not be put on the run's page: PrefectHTTPStatusError" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("error", "shown"),
    [(TransientError("the registry is away"), False), (ZeroDivisionError("a fault of ours"), True)],
)
def test_an_error_that_explains_itself_has_no_traceback(
    error: Exception, shown: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """What Prefect logs of a task that failed for good says what is wrong; only a fault of ours shows where."""
    import headway.runtime.orchestrated  # noqa: F401 - it tells Prefect's logger

    logger = logging.getLogger("prefect.task_runs")
    logger.addHandler(caplog.handler)
    try:
        raise error
    except (TransientError, ZeroDivisionError):
        logger.exception("Task run failed with exception: %r - Retries are exhausted", error)
    finally:
        logger.removeHandler(caplog.handler)
    assert str(error) in caplog.text
    assert ("Traceback" in caplog.text) is shown


@pytest.mark.parametrize(
    ("error", "name", "said"),
    [
        (RefusedError("staging is locked", hint="ask ann"), "Refused", "staging is locked\n  ask ann"),
        (TransientError("no answer", hint="try again"), "Unavailable", "no answer\n  try again"),
        (ConfigError([Problem("a.yaml", 1, 2, "wrong")], hint="fix"), "Invalid", "a.yaml:1:2: wrong\n  fix"),
        (FailedError("the cluster said no"), "Failed", "the cluster said no"),
        (LostLease("another one deploys"), "Failed", "another one deploys"),
        (ZeroDivisionError("a fault of ours"), "Failed", "unexpected ZeroDivisionError: a fault of ours"),
        (
            PermissionError(13, "Permission denied", "/state"),
            "Failed",
            "this machine: Permission denied: /state",
        ),
    ],
)
def test_why_a_run_failed_is_its_state_and_an_error_in_its_log(
    error: Exception, name: str, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also what nobody foresaw: a message with what to do, and no traceback but at the level of debugging.

    The state's name carries the kind of error, so whoever follows the run ends with the same message, hint and code.
    """
    from headway.runtime import orchestrated

    logger = logging.Logger("a-run")
    logger.addHandler(caplog.handler)
    monkeypatch.setattr(orchestrated, "get_run_logger", lambda: logger)

    def broken(request: str) -> None:
        raise error

    state = orchestrated.flow(name="release")(broken).fn("x")
    assert state.is_failed()
    assert state.name == name
    assert state.message.startswith(said)
    [line] = [it for it in caplog.records if it.levelno >= logging.INFO]
    assert line.levelno == logging.ERROR
    assert line.exc_info is None
    back = error_of(state.name, state.message)
    if isinstance(error, HeadwayError):
        assert (back.message, back.hint, back.exit_code) == (error.message, error.hint, error.exit_code)
