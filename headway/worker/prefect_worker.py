"""A worker that is warm: it starts a flow run in a tenth of the time that the stock one takes.

Prefect's own process worker starts a new Python for each run, and most of what a run takes is then
the import of Prefect and of the flow. This one keeps a server process that has imported both and
forks it. It serves the same work pool, of the type `process`, by Prefect's public worker class.

It also ends what people cancel: Prefect's class leaves that to each kind of worker.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound, ObjectNotFound
from prefect.states import Cancelled
from prefect.workers.base import BaseWorker, BaseWorkerResult
from prefect.workers.process import ProcessJobConfiguration, ProcessVariables

from headway.domain.runs.background import BackgroundRun, background_run, needless
from headway.systems.prefect.api import CANCELLED
from headway.systems.prefect.runs import NEEDLESS
from headway.worker.processes import Processes

PRELOAD = ["headway.worker.preloaded"]
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
LOOK = 2.0
"""Seconds between looks for runs that were cancelled."""
GRACE = 30.0
"""Seconds that the process of a cancelled run has to end by itself."""
UNKNOWN = 255
"""What `multiprocessing` gives as exit code where its server process died first."""


class WarmResult(BaseWorkerResult):
    """How a run's process ended."""


class WarmWorker(BaseWorker[ProcessJobConfiguration, ProcessVariables, WarmResult]):
    """Runs flows in processes that are forked from one which has imported everything.

    Of the pool's job configuration it takes `env`, `working_dir` (without one, a run works where this worker
    does, and not in an empty folder) and `stream_output`. A `command` means nothing here: there is none.
    """

    type = "process"
    job_configuration = ProcessJobConfiguration
    job_configuration_variables = ProcessVariables

    @classmethod
    def __dispatch_key__(cls) -> str | None:
        """Stay apart from Prefect's own worker of this type."""
        return "headway"

    def __init__(self, *arguments: Any, processes: Processes, ending: Ending, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._processes = processes
        self._ending = ending
        self._looked = 0.0
        self._begun: dict[str, datetime] = {}

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """End what was cancelled, and take the runs that wait; none more when this worker is to end."""
        try:
            await self._see_to_cancelled()
        finally:
            if self._ending.requested and not self._processes.alive:
                self._ending.scope.cancel()
        return [] if self._ending.requested else await super().get_and_submit_flow_runs()

    async def _submit_scheduled_flow_runs(
        self, flow_run_response: list[WorkerFlowRunResponse]
    ) -> list[FlowRun]:
        """Start the runs, but of the background runs that are late only one of each kind."""
        known = ((it.flow_run.id, _background(it.flow_run)) for it in flow_run_response)
        waiting = {run_id: it for run_id, it in known if it is not None}
        dropped = needless(waiting.values(), self._begun)
        async with anyio.create_task_group() as group:
            for it in dropped:
                group.start_soon(self._drop, it)
        gone = {it.run_id for it in dropped}
        taken = await super()._submit_scheduled_flow_runs(
            [it for it in flow_run_response if str(it.flow_run.id) not in gone]
        )
        for run in taken:
            if (mine := waiting.get(run.id)) is not None:
                self._begun[mine.scope] = max(datetime.now(UTC), mine.due)
        return taken

    async def _drop(self, run: BackgroundRun) -> None:
        """End a run that another one stands for; where that fails, the next poll tries it again."""
        state: State[Any] = Cancelled(name="Superseded", message=NEEDLESS)
        try:
            await self.client.set_flow_run_state(uuid.UUID(run.run_id), state)
        except Exception as error:  # noqa: BLE001 - a scan too many does no harm
            self._logger.warning("A late scan could not be dropped: %s: %s", type(error).__name__, error)

    async def _see_to_cancelled(self) -> None:
        """End the processes of cancelled runs, and make cancelled the runs whose processes are over.

        The server is asked, so that nothing depends on an event that came while nobody listened.
        """
        known = self._processes.all
        if not known or (time.monotonic() - self._looked < LOOK and not self._ending.requested):
            return
        self._looked = time.monotonic()
        alive = [it for it in known if it.alive]
        over = [it for it in known if not it.alive]
        for run in await self.client.read_flow_runs(flow_run_filter=_stopped({it.run_id for it in known})):
            cancelled = run.state_type in (StateType.CANCELLING, StateType.CANCELLED)
            going = [it for it in alive if it.run_id == run.id]
            for it in going:
                if cancelled and not it.told_to_end:
                    self.get_flow_run_logger(run).info("It was cancelled; its process is asked to stop")
                    self._processes.end(it, GRACE)
            # One that was asked to end and could not ask why says that it crashed.
            crashed = run.state_type == StateType.CRASHED and any(
                it.told_to_end for it in over if it.run_id == run.id
            )
            if not going and (crashed or run.state_type == StateType.CANCELLING):
                with contextlib.suppress(ObjectNotFound):
                    await self.client.set_flow_run_state(run.id, Cancelled(message=CANCELLED), force=True)
        self._processes.forget(over)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> WarmResult:
        """Fork a process for a run, and wait until it ends. Where this worker is cut off, the run goes on."""
        environment = {key: it for key, it in configuration.env.items() if it is not None}
        arguments = (str(flow_run.id), environment, configuration.working_dir, configuration.stream_output)
        process = await self._processes.start(flow_run.id, _run, arguments)
        identifier = f"{socket.gethostname()}:{process.pid}"
        if task_status is not None:
            task_status.started(identifier)
        await process.over.wait()
        # A process that a signal ended has a negative code, which Prefect explains. 255 says that the server process
        # is gone and nobody knows: then the run's own state counts, or the heartbeat that stays away. Nor is it a
        # crash where it was asked to end.
        known = process.code != UNKNOWN and not process.told_to_end
        return WarmResult(identifier=identifier, status_code=process.code if known else 0)

    async def kill_infrastructure(
        self,
        infrastructure_pid: str,
        configuration: ProcessJobConfiguration,
        grace_seconds: int = 30,
    ) -> None:
        """End the process of a run, where it is one of this worker's: a bare number may be anybody's by now."""
        host, _, pid = infrastructure_pid.rpartition(":")
        if host != socket.gethostname():
            raise InfrastructureNotAvailable(f"the run is on {host}")
        found = next((it for it in self._processes.alive if str(it.pid) == pid), None)
        if found is None:
            raise InfrastructureNotFound(f"no process {pid} of this worker")
        await found.end(grace_seconds)


def _background(run: FlowRun) -> BackgroundRun | None:
    """Return a run as a background run; None where it is none."""
    made_by = run.created_by.type if run.created_by is not None else None
    return background_run(
        str(run.id),
        str(run.deployment_id),
        run.tags,
        run.parameters,
        run.expected_start_time,
        str(made_by or ""),
    )


def _stopped(run_ids: set[uuid.UUID]) -> FlowRunFilter:
    """Match those of these runs that are to end, or have ended otherwise than they should."""
    types = [StateType.CANCELLING, StateType.CANCELLED, StateType.CRASHED]
    return FlowRunFilter.model_validate({"id": {"any_": list(run_ids)}, "state": {"type": {"any_": types}}})


def _run(
    flow_run_id: str, environment: dict[str, str], working_dir: Path | None, stream_output: bool
) -> None:
    """Be the run's process: with its environment, do what Prefect's engine does."""
    from headway.worker.preloaded import run

    os.environ.clear()
    os.environ.update(environment)
    if working_dir is not None:
        os.chdir(working_dir)
    if not stream_output:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    run(uuid.UUID(flow_run_id))


class Ending:
    """Whether the worker was asked to end, and the scope that ends it."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self.scope, self.requested = scope, False


async def serve(pool: str, name: str, limit: int | None, *, healthcheck: bool = False) -> None:
    """Work until asked to end by SIGTERM or SIGINT, and then until the runs have ended; a second signal ends them.

    One answer of the server that Prefect's worker does not expect ends its loop. That is no reason for a
    worker to end: it restarts, and the runs that it had started go on.
    """
    async with anyio.create_task_group() as group:
        processes, ending = Processes(group, PRELOAD), Ending(group.cancel_scope)
        group.start_soon(_end_on_signal, processes, ending)
        pause = FIRST_PAUSE
        while processes.alive or not ending.requested:
            began = time.monotonic()
            try:
                await processes.warm_up()
                worker = WarmWorker(
                    work_pool_name=pool, name=name or None, limit=limit, processes=processes, ending=ending
                )
                await worker.start(with_healthcheck=healthcheck)
            except* Exception as errors:  # noqa: BLE001 - whatever ended it, runs must not wait for a person
                lasted = time.monotonic() - began > LONGEST_PAUSE
                pause = FIRST_PAUSE if lasted else min(pause * 2, LONGEST_PAUSE)
                for each in _leaves(errors):
                    print(f"the worker restarts in {pause:.0f} s: {type(each).__name__}: {each}", flush=True)
            await anyio.sleep(pause)
        group.cancel_scope.cancel()
    # Only a second signal comes here while runs go on.
    for process in processes.alive:
        if process.told_to_end:
            process.process.kill()
        else:
            process.terminate()


def _leaves(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Return the errors of a group, without the groups in it."""
    found: list[BaseException] = []
    for each in errors.exceptions:
        found += _leaves(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


async def _end_on_signal(processes: Processes, ending: Ending) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            if ending.requested or not processes.alive:
                ending.scope.cancel()
                return
            print(f"waiting for {len(processes.alive)} runs to end; a second signal ends them", flush=True)
            ending.requested = True
