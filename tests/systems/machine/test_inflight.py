"""A request that hangs is told of; one that is answered is not."""

from __future__ import annotations

import contextvars
import queue
import threading

from headway.systems.machine.inflight import InFlight


def test_a_request_that_hangs_is_reported_again_and_again() -> None:
    """Whoever waits for the command sees what it waits for."""
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    watching = InFlight(first=0.01, again=0.01)
    watching.tell(told.put)
    with watching.request("get /apis/example.com/v1/gadgets"):
        for _ in range(2):
            assert "still waiting for the API server: get /apis/example.com/v1/gadgets" in told.get(
                timeout=30
            )


def test_requests_that_hang_together_are_one_line() -> None:
    """A server that is away does not fill the log."""
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    watching = InFlight(first=0.01, again=3600)
    watching.tell(told.put)
    with watching.request("get /a"), watching.request("get /b"):
        said = told.get(timeout=30)
        # Both may be late by the first look, or one after the other.
        assert said.endswith("and 1 more") or "get /" in told.get(timeout=30)


def test_the_line_belongs_to_the_run_that_waits() -> None:
    """A log that knows its run by the context is written to in that context."""
    run = contextvars.ContextVar("run", default="none")
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    watching = InFlight(first=0.01, again=3600)
    run.set("a release")
    watching.tell(lambda line: told.put(run.get()))
    with watching.request("get /a"):
        assert told.get(timeout=30) == "a release"


def test_what_is_closed_keeps_no_thread() -> None:
    """A command that is over leaves nothing of it behind, also where a request still hangs."""
    watching, before = InFlight(), set(threading.enumerate())
    watching.tell(lambda line: None)
    with watching.request("get /a"):
        (thread,) = set(threading.enumerate()) - before
        watching.close()
        thread.join(30)
        assert not thread.is_alive()
