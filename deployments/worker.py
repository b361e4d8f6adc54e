"""A worker that is warm: it starts a flow run in a tenth of the time that the stock one takes.

Prefect's own process worker starts a new Python for each run, and most of what a run takes is then
the import of Prefect and of the flow. This one keeps a server process that has imported both and
forks it. It serves the same work pool, of the type `process`, by Prefect's public worker class.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound
from prefect.workers.base import BaseWorker, BaseWorkerResult
from prefect.workers.process import ProcessJobConfiguration, ProcessVariables

PRELOAD = ["deployments.preloaded"]
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
UNKNOWN = 255
"""What `multiprocessing` gives as exit code where its server process died first."""


class WarmResult(BaseWorkerResult):
    """How a run's process ended."""


class WarmWorker(BaseWorker[ProcessJobConfiguration, ProcessVariables, WarmResult]):
    """Runs flows in processes that are forked from one which has imported everything."""

    type = "process"
    job_configuration = ProcessJobConfiguration
    job_configuration_variables = ProcessVariables

    @classmethod
    def __dispatch_key__(cls) -> str | None:
        """Stay apart from Prefect's own worker of this type."""
        return "headway"

    def __init__(self, *arguments: Any, processes: list[BaseProcess], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._processes = processes
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)
        self.ending = False
        self.on_idle: Callable[[], None] = lambda: None

    @property
    def alive(self) -> list[BaseProcess]:
        """The runs' processes that go on, also those of a worker that began anew since."""
        self._processes[:] = [it for it in self._processes if it.is_alive()]
        return self._processes

    def warm_up(self) -> None:
        """Start the server process and wait until it has imported everything."""
        process = self._context.Process(target=_nothing)
        process.start()
        process.join()

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Take the runs that wait; none more when this worker is to end."""
        if not self.ending:
            return await super().get_and_submit_flow_runs()
        if not self.alive:
            self.on_idle()
        return []

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> WarmResult:
        """Fork a process for a run, and wait until it ends."""
        process = self._context.Process(
            target=_run,
            args=(str(flow_run.id), {key: it for key, it in configuration.env.items() if it is not None}),
            name=f"run-{flow_run.id}",
        )
        await anyio.to_thread.run_sync(process.start)
        identifier = f"{socket.gethostname()}:{process.pid}"
        if task_status is not None:
            task_status.started(identifier)
        self._processes.append(process)
        try:
            await _end_of(process)
        finally:
            # Where this worker is cut off, the run goes on; only a second signal ends both.
            if self.ending and process.is_alive() and process.pid is not None:
                os.kill(process.pid, signal.SIGTERM)
        # A process that a signal ended has a negative code, which Prefect explains. 255 says that the server process
        # is gone and nobody knows: then the run's own state counts, or the heartbeat that stays away.
        code = process.exitcode or 0
        return WarmResult(identifier=identifier, status_code=0 if code == UNKNOWN else code)

    async def kill_infrastructure(
        self,
        infrastructure_pid: str,
        configuration: ProcessJobConfiguration,
        grace_seconds: int = 30,
    ) -> None:
        """End the process of a run that is to be cancelled."""
        host, _, pid = infrastructure_pid.rpartition(":")
        if host != socket.gethostname():
            raise InfrastructureNotAvailable(f"the run is on {host}")
        try:
            os.kill(int(pid), signal.SIGTERM)
        except (ProcessLookupError, ValueError):
            raise InfrastructureNotFound(f"no process {pid}") from None


async def _end_of(process: BaseProcess) -> None:
    """Wait for a process without a thread of its own: its sentinel becomes readable."""
    await anyio.wait_readable(process.sentinel)
    process.join()


def _run(flow_run_id: str, environment: dict[str, str]) -> None:
    """Be the run's process: with its environment, do what Prefect's engine does."""
    from deployments.preloaded import run

    os.environ.clear()
    os.environ.update(environment)
    run(uuid.UUID(flow_run_id))


def _nothing() -> None:
    """Be the first process, for which the server process starts and imports."""


async def serve(pool: str, name: str, limit: int | None, *, healthcheck: bool = False) -> None:
    """Work until told to end by SIGTERM or SIGINT, and then until the runs have ended; a second signal ends them.

    One answer of the server that Prefect's worker does not expect ends its loop. That is no reason for a
    worker to end: it begins anew, and the runs that it had started go on.
    """
    processes: list[BaseProcess] = []
    pause = FIRST_PAUSE
    while True:
        worker = WarmWorker(work_pool_name=pool, name=name or None, limit=limit, processes=processes)
        await anyio.to_thread.run_sync(worker.warm_up)
        began = time.monotonic()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_end_on_signal, worker, group.cancel_scope)
                await worker.start(with_healthcheck=healthcheck)
                group.cancel_scope.cancel()
            return
        except* Exception as errors:  # noqa: BLE001 - whatever ended it, runs must not wait for a person
            pause = FIRST_PAUSE if time.monotonic() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
            for error in _leaves(errors):
                print(f"the worker begins anew in {pause:.0f} s: {type(error).__name__}: {error}", flush=True)
        await anyio.sleep(pause)


def _leaves(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Give the errors of a group, without the groups in it."""
    found: list[BaseException] = []
    for each in errors.exceptions:
        found += _leaves(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


async def _end_on_signal(worker: WarmWorker, scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            if worker.ending or not worker.alive:
                worker.ending = True
                scope.cancel()
                return
            print(f"waiting for {len(worker.alive)} runs to end; a second signal ends them", flush=True)
            worker.ending, worker.on_idle = True, scope.cancel
