"""Many questions at once to many registries: each at its own speed, and none waits for one that hangs.

A registry is waited for as long as it answers, or asked for a pause that ends in time. One that does
neither for a few seconds is left for the next look, once others have given all they were asked for.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from headway.domain.images.reference import ImageRef
from headway.errors import FailedError, HeadwayError
from headway.systems.registry.wire import RegistryBusy

SCAN = 60.0
"""Seconds that a registry has for one scan."""
GRACE = 3.0
"""Seconds without a sign of life after which nobody who has his answers waits for a registry."""

_log = logging.getLogger("headway.registry")
K = TypeVar("K")
V = TypeVar("V")
Job = Callable[[], None]


class Crew:
    """A few threads for one registry, begun as they are needed.

    They are daemons, which those of `concurrent.futures` are not: a command does not
    stay for a registry that hangs.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size, self._name = size, name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._threads = 0

    def do(self, job: Job) -> None:
        """Have a job done, which raises nothing."""
        self._jobs.put(job)
        if self._idle.acquire(blocking=False):
            return
        with self._lock:
            if self._threads < self._size:
                self._threads += 1
                threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()

    def close(self) -> None:
        """Drop the jobs that were not begun, and let the threads end."""
        with self._lock:
            while True:
                try:
                    self._jobs.get_nowait()
                except queue.Empty:
                    break
            for _ in range(self._threads):
                self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            self._idle.release()


class Asked(Protocol):
    """What a scan sees of a registry; times are monotonic seconds."""

    @property
    def crew(self) -> Crew:
        """Its threads."""

    @property
    def last_answer(self) -> float:
        """Return when it last answered anything."""

    @property
    def closed_until(self) -> float:
        """Return when the pause that it asked for ends, or ended."""


def scan(
    wanted: Mapping[K, ImageRef],
    registries: Mapping[str, Asked],
    work: Callable[[ImageRef, float], V],
    on_done: Callable[[K, V | HeadwayError], None] = lambda key, found: None,
    seconds: float = SCAN,
) -> dict[K, V | HeadwayError]:
    """Do the same for many images, in their order, each registry by itself; an error is a result.

    `work` gets an image and the time by which it has to end (monotonic seconds).
    `on_done` gets each result as it comes, in the caller's thread.
    """
    began = time.monotonic()
    until = began + seconds
    ended: queue.SimpleQueue[tuple[K, V | HeadwayError]] = queue.SimpleQueue()
    over = threading.Event()

    def ask(key: K, image: ImageRef) -> None:
        if not over.is_set():
            ended.put((key, _outcome(work, image, until)))

    left = Counter(image.registry for image in wanted.values())
    for key, image in wanted.items():
        registries[image.registry].crew.do(partial(ask, key, image))
    found: dict[K, V | HeadwayError] = {}
    served = 0.0

    def patience() -> float:
        """Return the seconds until what is still missing is missed no longer."""
        end = until + 1
        if served:
            slow = [registries[name] for name in left]
            pauses = [it.closed_until for it in slow if it.closed_until <= until]
            end = min(end, max(served, *(it.last_answer for it in slow), *pauses) + GRACE)
        return end - time.monotonic()

    try:
        while left:
            try:
                key, result = ended.get(timeout=max(patience(), 0))
            except queue.Empty:
                if patience() > 0:
                    continue
                break
            found[key] = result
            on_done(key, result)
            name = wanted[key].registry
            left[name] -= 1
            if not left[name]:
                del left[name]
                if registries[name].last_answer >= began:
                    served = time.monotonic()
    finally:
        over.set()
    for key, image in wanted.items():
        if key not in found:
            found[key] = RegistryBusy(f"registry {image.registry} is slow; the next scan tries again")
    return found


def _outcome(work: Callable[[ImageRef, float], V], image: ImageRef, until: float) -> V | HeadwayError:
    try:
        return work(image, until)
    except HeadwayError as error:
        return error
    except Exception as error:  # noqa: BLE001 - whatever one image brings must not end the look at all others
        _log.exception("%s cannot be looked at", image)
        return FailedError(f"{image} cannot be looked at: unexpected {type(error).__name__}")
