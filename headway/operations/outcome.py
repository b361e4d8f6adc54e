"""What a run that made an environment equal to a commit says at its end, also where it broke off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from headway.domain.images.reference import Image
from headway.domain.releases.endline import end_line, versions
from headway.domain.releases.links import commit_page
from headway.domain.releases.next_step import Step, next_step
from headway.domain.releases.plans import images_of
from headway.errors import HeadwayError, LostLease, TransientError, UsageError, explained
from headway.operations.connections import Connections
from headway.operations.notices.unfinished import notify_unfinished
from headway.operations.reconciliation import Reconciliation
from headway.operations.recording import only_unrecorded
from headway.operations.reports.outcome import result_report, unfinished_report
from headway.operations.result import Result, Timed
from headway.runtime.steps import log, report, run_page


def report_result(
    connections: Connections, work: Reconciliation, before: Sequence[Timed], was: str | None
) -> Result:
    """Put a result on the run's page and return it with its versions; `was` is the commit that was live before."""
    result = work.ended()
    recorded = connections.repo.entry(result.commit).record
    changes = recorded.changes if recorded else ()
    context = work.desired.environment.cluster.context
    text = result_report(result, _pages(connections), before=before, changes=changes, context=context)
    report(f"outcome-{result.environment}", text)
    result = replace(result, versions=tuple(_versions(connections, result, was)))
    if run_page():
        # Without a run's page the command says it itself.
        log(end_line(result.as_dict()))
    return result


def unfinished(
    connections: Connections,
    name: str,
    problem: Exception,
    before: Sequence[Timed],
    work: Reconciliation | None,
) -> HeadwayError:
    """Report and notify that an environment's last change is unfinished; return the error that says so.

    What stopped it says nothing about the release: the next reconcile finishes it.
    """
    error = explained(problem)
    if isinstance(error, TransientError) and work is not None and next_step(work.facts) is Step.RECORD:
        only_unrecorded(work.result, error)
    if not isinstance(error, UsageError | LostLease):
        finishes = f"`headway reconcile {name}`"
        if finishes not in error.hint:
            error.hint = f"{error.hint}; the release is unfinished; {finishes} finishes it".lstrip("; ")
    if not isinstance(error, LostLease):
        notify_unfinished(connections, name, error)
    failed = _failures(work)
    now = _standing(connections, name)
    report(
        f"outcome-{name}",
        unfinished_report(name, error, _pages(connections), before=before, now=now, failed=failed),
    )
    return error


def _failures(work: Reconciliation | None) -> list[Result]:
    """Return the failure that was to be rolled back when a run broke off."""
    if work is None:
        return []
    if work.restored is not None:
        return [work.restored.failed]
    return [work.result] if work.result.state == "failed" and work.facts.rolls_back else []


def _versions(connections: Connections, result: Result, was: str | None) -> list[dict[str, str]]:
    """Return the services' versions at the commit that was applied, and at the one that was live before."""

    def at(commit: str) -> Mapping[str, tuple[Image, ...]]:
        snapshot = connections.at(commit)
        return images_of(snapshot.config, snapshot.environment(result.environment).indexes)

    try:
        now = at(result.commit)
    except HeadwayError:
        return []
    try:
        return versions(now, at(was) if was is not None else None)
    except HeadwayError:
        return versions(now)


def _pages(connections: Connections) -> Callable[[str], str]:
    return lambda commit: commit_page(connections.repo.url, commit, connections.settings.commit_url)


def _standing(connections: Connections, name: str) -> str:
    """Return what the config repo knows of an environment; nothing where it cannot be asked."""
    repo = connections.repo
    try:
        snapshot = connections.at(repo.head)
        last = repo.last_change(name, snapshot.place(name), snapshot.commit)
        live = repo.live(name)
    except HeadwayError:
        return ""
    state = f"its recorded outcome is {last.state}" if last.state else "no outcome of it is recorded yet"
    before = f"what was live last is {live[:9]}" if live else "nothing was live before"
    return f"{name} should be as {last.commit[:9]} says, and {state}; {before}"
