"""Processes that are forked from a warm one: started, waited for, and ended.

They belong to no worker, which may restart while they go on, and each is waited for at one place. Once
one is over it keeps nothing open, however many there were. This knows nothing of Prefect.
"""

from __future__ import annotations

import multiprocessing
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread


@dataclass(eq=False)
class RunProcess:
    """The process of a run; `code` is how it ended, negative where a signal ended it."""

    run_id: uuid.UUID
    pid: int
    process: BaseProcess
    over: anyio.Event = field(default_factory=anyio.Event)
    code: int = 0
    told_to_end: bool = False

    @property
    def alive(self) -> bool:
        """Return whether it goes on, as far as is known here."""
        return not self.over.is_set()

    def terminate(self) -> None:
        """Ask it once to end, by SIGTERM: a second one would end what it does at its end."""
        if self.alive and not self.told_to_end:
            self.told_to_end = True
            self.process.terminate()

    async def end(self, grace: float) -> None:
        """Ask it to end, end it by SIGKILL after `grace` seconds, and wait until it is over."""
        self.terminate()
        with anyio.move_on_after(grace):
            await self.over.wait()
        if self.alive:
            self.process.kill()
        await self.over.wait()


class Processes:
    """Forks processes and waits for them in a task group; `all` are those that nobody has forgotten yet."""

    def __init__(self, group: anyio.abc.TaskGroup, preload: Sequence[str]) -> None:
        self.all: list[RunProcess] = []
        self._group = group
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))
        # `start` looks by itself which processes have ended, and of two that look at once one reads nothing.
        self._one = anyio.Lock()

    @property
    def alive(self) -> list[RunProcess]:
        """Those that go on."""
        return [it for it in self.all if it.alive]

    async def warm_up(self) -> None:
        """Start the process that all are forked from, and wait until it has imported everything."""

        def first() -> None:
            process = self._context.Process(target=_nothing)
            process.start()
            process.join()
            process.close()

        await anyio.to_thread.run_sync(first)

    async def start(
        self, run_id: uuid.UUID, target: Callable[..., None], arguments: Sequence[Any]
    ) -> RunProcess:
        """Fork a process for a run."""
        process = self._context.Process(target=target, args=tuple(arguments), name=f"run-{run_id}")
        # A worker that is cut off just now must not lose what it has started.
        with anyio.CancelScope(shield=True):
            async with self._one:
                await anyio.to_thread.run_sync(process.start)
        assert process.pid is not None
        started = RunProcess(run_id, process.pid, process)
        self.all.append(started)
        self._group.start_soon(self._wait, started)
        return started

    def end(self, process: RunProcess, grace: float) -> None:
        """Have a process end, without waiting for it."""
        process.terminate()
        self._group.start_soon(process.end, grace)

    def forget(self, processes: Sequence[RunProcess]) -> None:
        """Forget processes that are over, once their runs were seen to."""
        self.all = [it for it in self.all if it not in processes]

    async def _wait(self, started: RunProcess) -> None:
        """Wait for a process without a thread of its own: its sentinel becomes readable."""
        process = started.process
        await anyio.wait_readable(process.sentinel)
        async with self._one:
            process.join()
            started.code = process.exitcode or 0
            # A process object keeps two descriptors open until it is closed.
            process.close()
        started.over.set()


def _nothing() -> None:
    """Be the first process, for which the server process starts and imports."""
