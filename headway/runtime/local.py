"""The plain ones: a flow is a function, a task is a function that is tried again.

What a person sees goes to standard error, so that a command's data stays alone
on standard output.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

from headway.domain.text.visible import visible
from headway.errors import RefusedError
from headway.runtime.retry import ATTEMPTS, tried_again

F = TypeVar("F", bound=Callable[..., Any])
_started = time.monotonic()
_listeners: list[Callable[[str, str, str], None]] = []


def listen(listener: Callable[[str, str, str], None] | None) -> None:
    """Send what flows say to `listener(kind, key, text)`, kind being `log` or `report`; with None, print it."""
    _listeners[:] = [listener] if listener else []


def log(message: str) -> None:
    """Log one line of progress."""
    if _listeners:
        _listeners[0]("log", "", message)
    else:
        print(f"{time.monotonic() - _started:7.2f}s  {visible(message)}", file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Log one line that people should not miss."""
    log(f"warning: {message}")


def report(key: str, markdown: str) -> None:
    """Show a table or a diff that tells the run's story."""
    if _listeners:
        _listeners[0]("report", key, markdown)
    else:
        print(visible(markdown), file=sys.stderr, flush=True)


def run_identity() -> tuple[datetime, str]:
    """Return the time and a name of this run that stay the same when it is tried again."""
    return datetime.now(UTC), uuid.uuid4().hex


def flow(*, name: str, run_name: Callable[[dict[str, Any]], str] | None = None) -> Callable[[F], F]:
    """Mark a function as a flow."""

    def decorate(function: F) -> F:
        return function

    return decorate


def task(*, name: str, run_name: str = "", attempts: int = ATTEMPTS, timeout: float = 0) -> Callable[[F], F]:
    """Make a function a step that is tried again after a TransientError."""
    return tried_again(name, attempts, log)


def reading(*, name: str) -> Callable[[F], F]:
    """Make a function that changes nothing a step that is tried again after a TransientError."""
    return tried_again(name, ATTEMPTS, log)


def side_by_side(step: Callable[..., Any], calls: Iterable[dict[str, Any]]) -> list[Any]:
    """Run a step once per set of arguments, all at the same time; return their results in order.

    Every call is finished before the first error, if any, is raised.
    """
    arguments = list(calls)
    if len(arguments) < 2:
        return [step(**each) for each in arguments]
    with ThreadPoolExecutor(max_workers=min(8, len(arguments))) as pool:
        futures = [pool.submit(step, **each) for each in arguments]
    return [future.result() for future in futures]


def alongside(work: Callable[..., Any], items: Iterable[Any]) -> list[Any]:
    """Call `work`, which may run steps of its own, for each item at the same time; return the results in order."""
    return side_by_side(lambda item: work(item), [{"item": item} for item in items])


def ask(number: int, app: str, environment: str, plan: str, text: str, timeout: float) -> Any:
    """Refuse: a process that ends with its terminal cannot wait for people."""
    raise RefusedError(
        f"{environment} requires an approval, which is not possible without Prefect",
        hint='start it without --local, or override it with --force --reason "…"',
    )


def asked_before() -> bool:
    """Return False: nobody can be asked without Prefect."""
    return False


def supersede(app: str, environment: str) -> list[Any]:
    """Do nothing: without Prefect nothing waits."""
    return []


def announce(notice: Any, first: Any) -> None:
    """Do nothing: without Prefect there are no events."""


def run_page() -> str:
    """Return nothing: without Prefect a run has no page."""
    return ""


def dead_runs(app: str) -> list[Any]:
    """Return nothing: without Prefect there are no runs."""
    return []


def ended_runs(app: str) -> list[Any]:
    """Return nothing: without Prefect there are no runs."""
    return []


def mark_notified(run: Any) -> None:
    """Do nothing: without Prefect there are no runs."""


def restart(run: Any, message: str) -> None:
    """Do nothing: without Prefect there are no runs."""


def bury(run: Any, message: str) -> None:
    """Do nothing: without Prefect there are no runs."""


def give_up(run: Any, message: str) -> None:
    """Do nothing: without Prefect there are no runs."""
