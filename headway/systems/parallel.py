"""Do the same to many things at once, and let all of them end before an error is raised."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

THREADS = 16


def each(work: Callable[[T], R], things: Iterable[T], threads: int = THREADS) -> list[R]:
    """Call `work` for every thing, `threads` at a time; give the results in order.

    The first error, if any, is raised when every call has ended.
    """
    todo = list(things)
    if len(todo) < 2:
        return [work(thing) for thing in todo]
    with ThreadPoolExecutor(max_workers=min(threads, len(todo))) as pool:
        futures = [pool.submit(work, thing) for thing in todo]
    return [future.result() for future in futures]
