"""Do the same to many things at once, and let all of them end before an error is raised."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

THREADS = 16


def each(
    work: Callable[[T], R],
    things: Iterable[T],
    threads: int = THREADS,
    on_done: Callable[[R], None] | None = None,
) -> list[R]:
    """Call `work` for every thing, `threads` at a time; return the results in order.

    `on_done` gets each result as it comes, in the caller's thread. The first error,
    if any, is raised when every call has ended.
    """
    todo = list(things)
    tell = on_done or (lambda result: None)
    if len(todo) < 2:
        results = [work(thing) for thing in todo]
        for result in results:
            tell(result)
        return results
    with ThreadPoolExecutor(max_workers=min(threads, len(todo))) as pool:
        futures = [pool.submit(work, thing) for thing in todo]
        if on_done is not None:
            for future in as_completed(futures):
                if future.exception() is None:
                    tell(future.result())
    return [future.result() for future in futures]
