"""The worker's processes: none keeps anything open once it is over, and one whose run was cancelled is ended."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import CreatedBy, FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.exceptions import Abort, TerminationSignal
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from prefect.states import Cancelling, Crashed, State

from headway.operations import recovery
from headway.runtime import orchestrated
from headway.systems.prefect.api import CANCELLED, DeadRun
from headway.worker import prefect_worker as module
from headway.worker.prefect_worker import Ending, WarmWorker, serve
from headway.worker.processes import Processes, RunProcess
from tests.servers.http import HttpServer

CONFIGURATION: Any = SimpleNamespace(env={"A": "1", "B": None}, working_dir=None, stream_output=True)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A Prefect server that answers as it is told."""
    made = HttpServer()
    yield made
    made.close()


def obey(*_: Any) -> None:
    """Be a run that ends when it is told to."""
    time.sleep(600)


def defy(ready: str, *_: Any) -> None:
    """Be a run that does not end when it is told to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(ready).touch()
    time.sleep(600)


def end(*_: Any) -> None:
    """Be a run that ends at once."""


def fail(*_: Any) -> None:
    """Be a run whose process fails."""
    os._exit(3)


def with_worker(body: Callable[[WarmWorker, Processes], Awaitable[None]]) -> None:
    """Do something with a worker whose processes are forked from one that has imported this file."""

    async def main() -> None:
        async with anyio.create_task_group() as group:
            processes = Processes(group, [__name__])
            ending = Ending(group.cancel_scope)
            worker = WarmWorker(work_pool_name="headway", processes=processes, ending=ending)
            try:
                await body(worker, processes)
            finally:
                for process in processes.alive:
                    process.process.kill()

    anyio.run(main)


def flow_run(run_id: uuid.UUID | None = None, state: State | None = None) -> FlowRun:
    """Return a flow run as the server has it."""
    kind = state.type if state else None
    return FlowRun(id=run_id or uuid.uuid4(), flow_id=uuid.uuid4(), state=state, state_type=kind)


def open_files() -> int:
    """Count what this process has open."""
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.slow
def test_a_run_that_is_over_keeps_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has run many flows has no more files open than after its first."""
    monkeypatch.setattr(module, "_run", end)

    async def body(worker: WarmWorker, processes: Processes) -> None:
        await processes.warm_up()
        await worker.run(flow_run(), CONFIGURATION)
        before = open_files()
        for _ in range(20):
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(worker.run, flow_run(), CONFIGURATION)
        assert open_files() == before

    with_worker(body)


@pytest.mark.slow
def test_how_a_process_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exit code and a signal are told as they are; what was told to end has not failed."""

    async def body(worker: WarmWorker, processes: Processes) -> None:
        monkeypatch.setattr(module, "_run", fail)
        assert (await worker.run(flow_run(), CONFIGURATION)).status_code == 3
        monkeypatch.setattr(module, "_run", obey)
        for requested, code in ((False, -signal.SIGTERM), (True, 0)):
            async with anyio.create_task_group() as group:
                statuses: list[int] = []

                async def one(statuses: list[int] = statuses) -> None:
                    statuses.append((await worker.run(flow_run(), CONFIGURATION)).status_code)

                group.start_soon(one)
                while not processes.alive:
                    await anyio.sleep(0.01)
                if requested:
                    processes.alive[0].terminate()
                else:
                    os.kill(processes.alive[0].pid, signal.SIGTERM)
            assert statuses == [code]

    with_worker(body)


@pytest.mark.slow
def test_a_worker_that_is_cut_off_leaves_its_runs_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run goes on when the worker that started it ends, and its process is waited for and closed all the same."""
    monkeypatch.setattr(module, "_run", obey)

    async def body(worker: WarmWorker, processes: Processes) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(worker.run, flow_run(), CONFIGURATION)
            while not processes.alive:
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        (process,) = processes.alive
        process.terminate()
        await process.over.wait()
        assert process.code == -signal.SIGTERM

    with_worker(body)


@pytest.mark.slow
def test_a_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    """SIGTERM first; SIGKILL when the grace is over, and not before."""
    ready = tmp_path / "ready"

    async def body(worker: WarmWorker, processes: Processes) -> None:
        process = await processes.start(uuid.uuid4(), defy, [str(ready)])
        while not ready.exists():
            await anyio.sleep(0.01)
        process.terminate()
        with anyio.move_on_after(0.3):
            await process.over.wait()
        assert process.alive
        await process.end(0.01)
        assert process.code == -signal.SIGKILL

    with_worker(body)


@pytest.mark.slow
@pytest.mark.parametrize("state", [Cancelling(), Crashed()])
def test_a_cancelled_run_is_ended_and_becomes_cancelled(server: HttpServer, state: State) -> None:
    """Cancel in the UI only marks a run: its process is asked to stop, and then the run is cancelled, also where it says
    that it crashed."""
    run = flow_run(state=Cancelling())
    server.standing["/api/flow_runs/filter"] = lambda _: [run.model_dump(mode="json")]

    async def body(worker: WarmWorker, processes: Processes) -> None:
        async with PrefectClient(server.url + "/api") as client:
            worker._client = client
            process = await processes.start(run.id, obey, [])
            other = await processes.start(uuid.uuid4(), obey, [])
            await worker._see_to_cancelled()
            await process.over.wait()
            assert not [it for it in server.sent if it.path.endswith("/set_state")], "its process went on"
            run.state, run.state_type = state, state.type
            worker._looked = 0.0
            answer = {"status": "ACCEPT", "state": None, "details": {"type": "accept_details"}}
            server.standing[f"/api/flow_runs/{run.id}/set_state"] = lambda _: answer
            await worker._see_to_cancelled()
            (sent,) = [it for it in server.sent if it.path.endswith("/set_state")]
            assert sent.data["force"] is True
            assert {key: sent.data["state"][key] for key in ("type", "name", "message")} == {
                "type": "CANCELLED",
                "name": "Cancelled",
                "message": CANCELLED,
            }
            assert processes.all == [other]

    plain = {PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False, PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings({PREFECT_API_URL: server.url + "/api", **plain}):
        with_worker(body)


def test_a_process_is_ended_only_by_its_own_worker() -> None:
    """A number that is nobody's of this worker's may be any process by now, and is left alone."""

    async def body(worker: WarmWorker, processes: Processes) -> None:
        process: RunProcess = await processes.start(uuid.uuid4(), obey, [])
        host = module.socket.gethostname()
        with pytest.raises(module.InfrastructureNotAvailable):
            await worker.kill_infrastructure(f"elsewhere:{process.pid}", CONFIGURATION)
        with pytest.raises(module.InfrastructureNotFound):
            await worker.kill_infrastructure(f"{host}:{os.getpid()}", CONFIGURATION)
        await worker.kill_infrastructure(f"{host}:{process.pid}", CONFIGURATION)
        assert not process.alive

    with_worker(body)


def test_a_worker_that_cannot_start_is_restarted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What goes wrong while it warms up does not end it either; a signal does."""
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    tries: list[int] = []

    async def warm_up(self: Processes) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("Too many open files")
        os.kill(os.getpid(), signal.SIGTERM)
        await anyio.sleep_forever()

    monkeypatch.setattr(Processes, "warm_up", warm_up)
    anyio.run(serve, "headway", "", None)
    assert len(tries) == 3
    assert capsys.readouterr().out.count("the worker restarts") == 2


@pytest.mark.parametrize(
    ("state", "raised"),
    [("CANCELLING", Abort), ("CANCELLED", Abort), ("RUNNING", TerminationSignal), ("", TerminationSignal)],
)
def test_a_flow_that_is_ended_asks_why(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch, state: str, raised: type[BaseException]
) -> None:
    """Ended because it was cancelled it did not crash; ended for anything else, or where nobody can say, it did."""
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__ID", str(uuid.uuid4()))
    server.answers.append((200, {"state": {"type": state}}, {}) if state else (500, {}, {}))

    @orchestrated.flow(name="release")
    def release() -> None:
        raise TerminationSignal(signal.SIGTERM)

    made: Any = release
    with temporary_settings({PREFECT_API_URL: server.url + "/api"}), pytest.raises(raised):
        made.fn()


def test_reconcile_ends_a_cancelled_run_that_says_it_crashed(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cancelled for good, however little it has tried, and never restarted."""
    now = datetime.now(UTC)
    dead = DeadRun(str(uuid.uuid4()), "staging: release web", "release", {}, now, attempts=1, cancelled=True)
    monkeypatch.setattr(recovery, "dead_runs", lambda _: [dead])
    monkeypatch.setattr(recovery, "bury", orchestrated.bury)
    server.answers.append((200, {"state": {"type": "CRASHED"}}, {}))
    config: Any = SimpleNamespace(app="shop", environments={})
    with temporary_settings({PREFECT_API_URL: server.url + "/api"}):
        recovery.restart_dead(config, config)
    assert server.sent[-1].path == f"/api/flow_runs/{dead.run_id}/set_state"
    assert server.sent[-1].data["state"] == {"type": "CANCELLED", "name": "Cancelled", "message": CANCELLED}


def scheduled(number: int, *tags: str, minutes: float, made_by: str = "SCHEDULE") -> WorkerFlowRunResponse:
    """Return a run as a poll does: due so many minutes ago, of the one deployment that scans."""
    due = datetime.now(UTC) - timedelta(minutes=minutes)
    run = FlowRun(
        id=uuid.UUID(int=number),
        flow_id=uuid.UUID(int=1),
        deployment_id=uuid.UUID(int=2),
        tags=["headway", *tags],
        parameters={"request": {}},
        expected_start_time=due,
        created_by=CreatedBy(type=made_by),
    )
    return WorkerFlowRunResponse(work_pool_id=uuid.uuid4(), work_queue_id=uuid.uuid4(), flow_run=run)


@pytest.mark.parametrize("limit", [None, 2])
@pytest.mark.slow
def test_many_late_scans_are_one_and_a_persons_run_goes_first(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    """After a night without a worker, 200 scans wait beside a person's release: that starts, and one scan."""
    night = [scheduled(number, "watch", "auto-scheduled", minutes=number) for number in range(3, 203)]
    person = scheduled(1, "release", "cli", minutes=0, made_by="USER")
    asked = scheduled(2, "watch", "cli", minutes=1, made_by="USER")
    started: list[int] = []

    async def submit(self: WarmWorker, run: FlowRun, *_: Any) -> None:
        started.append(run.id.int)

    monkeypatch.setattr(WarmWorker, "_submit_run", submit)
    answer = {"status": "ACCEPT", "state": None, "details": {"type": "accept_details"}}
    for each in night:
        server.standing[f"/api/flow_runs/{each.flow_run.id}/set_state"] = lambda _: answer

    def dropped() -> list[int]:
        return [uuid.UUID(it.path.split("/")[3]).int for it in server.sent if it.path.endswith("/set_state")]

    async def body(worker: WarmWorker, processes: Processes) -> None:
        worker._limiter = anyio.CapacityLimiter(limit) if limit else None
        async with (
            PrefectClient(server.url + "/api") as client,
            anyio.create_task_group() as group,
        ):
            worker._client, worker._runs_task_group = client, group
            # The server gives the queue of people's runs first, and within a queue what is due first.
            await worker._submit_scheduled_flow_runs([person, asked, *reversed(night)])
        assert started == ([1, 2, 3] if limit is None else [1, 2])
        assert sorted(dropped()) == list(range(4, 203))
        assert {it.data["state"]["type"] for it in server.sent if it.path.endswith("/set_state")} == {
            "CANCELLED"
        }
        # What is late by the next poll is dropped too, where one has begun since; a look that is new is not.
        if limit is None:
            server.sent.clear()
            async with (
                PrefectClient(server.url + "/api") as client,
                anyio.create_task_group() as group,
            ):
                worker._client, worker._runs_task_group = client, group
                fresh = scheduled(300, "watch", "auto-scheduled", minutes=-1)
                await worker._submit_scheduled_flow_runs([*night[50:], fresh])
            assert started[3:] == [300]
            assert len(dropped()) == 150

    plain = {PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False, PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings({PREFECT_API_URL: server.url + "/api", **plain}):
        with_worker(body)
