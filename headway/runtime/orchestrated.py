"""Prefect's flow and task, with headway's retries, names and artifacts.

The only module that imports Prefect.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import json
import logging
import re
import signal
import threading
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar, cast, get_type_hints

import prefect
from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.exceptions import Abort, MissingContextError, Pause, TerminationSignal
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import ConfigDict, Field

from headway.domain.notifications.notices import Notice
from headway.domain.runs.background import LATE
from headway.domain.runs.claims import apps_in
from headway.domain.runs.endings import state_name
from headway.domain.text.visible import visible, visible_line
from headway.errors import HeadwayError, TransientError, explained
from headway.runtime.interruption import unfinished
from headway.runtime.retry import ATTEMPTS, FIRST, GROWTH, JITTER, LONGEST, tried_again
from headway.systems.prefect import ended as prefect_ended
from headway.systems.prefect.api import DeadRun, PrefectApi, Waiting
from headway.systems.prefect.ended import EndedRun
from headway.systems.prefect.run_log import ERROR
from headway.systems.prefect.runs import drop_late_runs

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")
BACKGROUND = ("watch-registry", "reconcile")
"""The flows that read what is true, and do what is missing."""
DEAD_SINCE, DEAD_FOR = timedelta(hours=6), timedelta(seconds=4)
CUT_OFF_SINCE = timedelta(days=3)
"""Runs that were cut off are looked for as far back: a weekend without a worker."""
_RUNNER: Any = ThreadPoolTaskRunner(max_workers=8)


def _without_traceback(record: logging.LogRecord) -> bool:
    """Take the traceback from what Prefect logs of a task whose error explains itself; others keep theirs."""
    if record.exc_info and isinstance(record.exc_info[1], HeadwayError):
        record.exc_info = record.exc_text = None
    return True


logging.getLogger("prefect.task_runs").addFilter(_without_traceback)


def log(message: str) -> None:
    """Log one line of progress."""
    message = visible(message)
    try:
        get_run_logger().info("%s", message)
    except MissingContextError:
        print(message, flush=True)


def warn(message: str) -> None:
    """Log one line that people should not miss."""
    try:
        get_run_logger().warning("%s", message)
    except MissingContextError:
        print(f"warning: {message}", flush=True)


def report(key: str, markdown: str) -> None:
    """Put a table or a diff on the run's page, as an artifact; no run fails where its server does not take it.

    The server writes artifacts of one key one after the other, so a key that all runs shared would hold all of them up.
    """
    # Several applications may share a server, and each has a `staging`.
    key = f"{app}-{key}" if (app := _app()) else key
    try:
        create_markdown_artifact(
            visible(markdown), key=re.sub(r"[^a-z0-9-]+", "-", key.lower()), description=key
        )
    except Exception as error:  # noqa: BLE001 - what a run does counts for more than what its page shows
        why, _, _ = str(error).partition("\n")
        log(f"{key} could not be put on the run's page: {type(error).__name__}: {why}")


def _app() -> str:
    """Return the application that this run's deployment is of; empty where it names none."""
    return next(iter(apps_in(runtime.flow_run.tags or ())), "")


def run_identity() -> tuple[datetime, str]:
    """Return the time and a name of this run that stay the same when it is tried again."""
    started = runtime.flow_run.scheduled_start_time or datetime.now(UTC)
    return started, str(runtime.flow_run.id)


def flow(*, name: str, run_name: Callable[[dict[str, Any]], str] | None = None) -> Callable[[F], F]:
    """Make a function a Prefect flow whose runs say what they do."""

    def title() -> str:
        assert run_name is not None
        said = visible_line(run_name(dict(runtime.flow_run.parameters)))
        return f"{app}: {said}" if (app := _app()) else said

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if name in BACKGROUND:
                _stand_for_late_ones()
            try:
                return function(*args, **kwargs)
            except Exception as problem:  # noqa: BLE001 - each error is the run's state; a traceback would only bury it
                error = explained(problem)
                if error is not problem:
                    get_run_logger().debug("what was not foreseen", exc_info=problem)
                get_run_logger().error("%s", visible(f"{ERROR}{error}"))
                return Failed(name=state_name(error), message=visible(str(error)))
            except TerminationSignal:
                for it in unfinished():
                    log(f"it was ended in the middle: {it}")
                # Ended by whoever carries out that it was cancelled, and says so: then it did not crash.
                if _cancelled():
                    raise Abort("it was cancelled") from None
                raise

        # Prefect reads the types where the wrapper stands, where their names mean nothing.
        guarded.__annotations__ = get_type_hints(function)
        vars(guarded)["__signature__"] = inspect.signature(function, eval_str=True)
        del guarded.__wrapped__
        made: Any = prefect.flow(
            name=name,
            flow_run_name=title if run_name else None,
            task_runner=_RUNNER,
            log_prints=False,
        )(guarded)
        return cast("F", made)

    return decorate


def _stand_for_late_ones() -> None:
    """End the background runs that are late as this one is: it sees what they would."""
    started, run = run_identity()
    if datetime.now(UTC) - started < LATE:
        return
    try:
        with _api() as api:
            dropped = drop_late_runs(api, run, datetime.now(UTC))
    except HeadwayError as error:
        warn(f"late scans could not be dropped: {error.message}")
        return
    if dropped:
        log(f"{dropped} late scans are superseded by this one")


def _cancelled() -> bool:
    try:
        with _api() as api:
            return api.cancelled(str(runtime.flow_run.id))
    except HeadwayError:
        return False


def _is_transient(task: Any, run: Any, state: Any) -> bool:
    try:
        state.result()
    except TransientError:
        return True
    except BaseException:  # noqa: BLE001 - the question is only whether to try again; Prefect raises it
        return False
    return False


def task(*, name: str, run_name: str = "", attempts: int = ATTEMPTS, timeout: float = 0) -> Callable[[F], F]:
    """Make a function a Prefect task that is tried again after a TransientError."""

    def decorate(function: F) -> F:
        made: Any = prefect.task(
            name=name,
            task_run_name=run_name or None,
            retries=attempts - 1,
            retry_delay_seconds=[min(FIRST * GROWTH**n, LONGEST) for n in range(attempts - 1)] or None,
            retry_jitter_factor=JITTER,
            retry_condition_fn=_is_transient,
            timeout_seconds=timeout or None,
            cache_policy=NO_CACHE,
        )(function)
        return cast("F", made)

    return decorate


def reading(*, name: str) -> Callable[[F], F]:
    """Make a function that changes nothing a step that is tried again, and no task of the run: each costs its time."""
    return tried_again(name, ATTEMPTS, log)


def side_by_side(step: Any, calls: Iterable[dict[str, Any]]) -> list[Any]:
    """Run a task once per set of arguments, all at the same time; return their results in order.

    Every call is finished before the first error, if any, is raised.
    """
    arguments = list(calls)
    if len(arguments) < 2:
        return [step(**each) for each in arguments]
    futures = [step.submit(**each) for each in arguments]
    for future in futures:
        future.wait()
    return [future.result() for future in futures]


def alongside(work: Callable[..., Any], items: Iterable[Any]) -> list[Any]:
    """Call `work`, which may run tasks of its own, for each item at the same time; return the results in order."""
    todo = list(items)
    if len(todo) < 2:
        return [work(each) for each in todo]
    with ThreadPoolExecutor(max_workers=min(8, len(todo))) as pool:
        # A thread begins without the flow run that its tasks belong to, so each gets a copy of this one's.
        futures = [pool.submit(contextvars.copy_context().run, functools.partial(work, it)) for it in todo]
    return [future.result() for future in futures]


class Approval(RunInput):
    """The form that a waiting release shows."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    decision: Literal["approve", "reject"]
    """Approve or reject this plan."""
    by: str = Field(min_length=1, max_length=200)
    """Your name or address; it is recorded with the release."""
    reason: str = ""
    """Why, where there is something to say."""
    plan: str = ""
    """The plan that this answer is for. Leave it as it is."""
    proof: str = ""
    """Leave this empty. The board fills it in, to show that it knows who approves."""


def ask(number: int, app: str, environment: str, plan: str, text: str, timeout: float) -> Approval:
    """Suspend the run until somebody answers; its process ends meanwhile, and nothing is held.

    The run restarts when the answer is there, and the same question then gives that answer.
    """
    tags = {*(runtime.flow_run.tags or ()), f"app:{app}", f"environment:{environment}"}
    with _api() as api:
        api.tag(str(runtime.flow_run.id), sorted(tags))
    form = Approval.with_initial_data(description=text, plan=plan)
    try:
        answer: Approval = suspend_flow_run(
            wait_for_input=form, timeout=int(timeout), key=f"approval-{number}"
        )
    except Pause:
        # From here on the run waits without its process. A worker that is ended now must not make it a crash.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise
    return answer


def asked_before() -> bool:
    """Return whether this run has asked somebody already, so that it goes on after an answer."""
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    return bool(run is not None and run.empirical_policy.pause_keys)


def supersede(app: str, environment: str) -> list[Waiting]:
    """End the runs that wait for an approval in an environment and were asked for before this one; return them."""
    mine = str(runtime.flow_run.id)
    ended: list[Waiting] = []
    with _api() as api:
        for waiting in api.waiting(app, environment):
            if waiting.run_id != mine and waiting.asked < _asked_at():
                if not api.supersede(waiting.run_id, f"superseded by the newer run {runtime.flow_run.name}"):
                    continue
                log(f"superseded the run {waiting.name}, which waited for an approval")
                ended.append(waiting)
    return ended


def announce(notice: Notice, first: Callable[[Notice], bool]) -> None:
    """Emit a Prefect event for a release's state, for automations that users make; once, where `first` says so.

    Its id is the same for everyone who emits it, so that the server knows it again for some minutes.
    """
    if not first(notice):
        return
    data = json.loads(notice.to_json())
    changes = tuple(map(tuple, data["changes"]))
    identity = (notice.app, notice.environment, notice.release, notice.mark, changes)
    emit_event(
        event=f"headway.release.{notice.state}",
        resource={
            "prefect.resource.id": f"headway.release.{notice.release}",
            "prefect.resource.name": notice.headline,
            "headway.app": notice.app,
            "headway.environment": notice.environment,
        },
        payload={key: it for key, it in data.items() if key not in ("links", "details", "corrects")},
        id=uuid.uuid5(uuid.NAMESPACE_URL, f"headway:{identity}"),
    )


def run_page() -> str:
    """Return the address of this run's page in the Prefect UI."""
    return str(runtime.flow_run.ui_url or "")


def dead_runs(app: str) -> list[DeadRun]:
    """Return the runs that died lately, and long enough ago for everybody to have reported it."""
    now = datetime.now(UTC)
    with _api() as api:
        return _patiently(lambda: api.dead(now - DEAD_SINCE, now - DEAD_FOR, app))


def ended_runs(app: str) -> list[EndedRun]:
    """Return the runs that released something and were cut off lately, of which nobody was notified yet."""
    with _api() as api:
        return _patiently(lambda: prefect_ended.ended_runs(api, datetime.now(UTC) - CUT_OFF_SINCE, app))


def mark_notified(run: EndedRun) -> None:
    """Note that people were notified of how a run ended."""
    with _api() as api:
        _patiently(lambda: prefect_ended.mark_notified(api, run))


def restart(run: DeadRun, message: str) -> None:
    """Restart a dead run."""
    with _api() as api:
        _patiently(lambda: api.restart(run.run_id, message))


def bury(run: DeadRun, message: str) -> None:
    """End a dead run for good."""
    with _api() as api:
        _patiently(lambda: api.bury(run.run_id, message, "Cancelled" if run.cancelled else "Superseded"))


def give_up(run: DeadRun, message: str) -> None:
    """Call a dead run failed, for good."""
    with _api() as api:
        _patiently(lambda: api.give_up(run.run_id, message))


def _patiently(call: Callable[[], R]) -> R:
    """Ask again where the server is busy: nobody else looks after the dead for the next ten minutes."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return call()
        except TransientError as error:
            if attempt == ATTEMPTS:
                raise
            log(f"{error.message}; asking again")
    raise AssertionError("unreachable")


def _api() -> PrefectApi:
    return PrefectApi(str(prefect.settings.PREFECT_API_URL.value() or ""))


def _asked_at() -> str:
    started = runtime.flow_run.scheduled_start_time or datetime.now(UTC)
    return started.astimezone(UTC).isoformat()
