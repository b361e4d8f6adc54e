"""The one road to a cluster, which every flow that changes one ends in.

publish      plan on the newest head, commit, push
reach        make the cluster equal to the head, watch, record; take back what failed

Each step looks at what is true now. Where a run dies, the next one to travel
the road finds the same facts in Git and in the cluster and goes on from there.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping

from headway.domain.objects.identity import ObjectId
from headway.domain.releases.endline import end_line, versions
from headway.domain.releases.ledger import REVERTS, Entry, ReleaseRecord, derived_id, format_message
from headway.domain.releases.links import commit_page
from headway.domain.releases.plans import image_changes, images_of
from headway.errors import (
    HeadwayError,
    LostLease,
    RejectedError,
    TransientError,
    UsageError,
    explained,
)
from headway.flows.minding import mind_left_out, mind_older
from headway.flows.turn import Held, one_at_a_time
from headway.flows.undoing import left_the_branch, lines, named, undone_with
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.notices import tell_entry, tell_unreached, teller
from headway.operations.recording import record_end
from headway.operations.refused_push import refuse_older_push
from headway.operations.reports.outcome import arrival_report, unfinished_report
from headway.operations.result import Arrival, Step
from headway.operations.vetoes import blamed, names_an_image, vetoed
from headway.runtime.leaving import leaves
from headway.runtime.steps import log, report, run_page
from headway.systems.cluster.apply import Rejected
from headway.systems.git.config_repo import Draft
from headway.tasks.config_repo import publish as push_draft
from headway.tasks.deploy import apply_manifests, verify_release, watch_rollout
from headway.tasks.look import fetch_head

LOOK_FOR_NEWER = 5.0


def reach(
    connections: Connections,
    name: str,
    head: str | None = None,
    before: Iterable[Step] = (),
    forced: str = "",
) -> Arrival:
    """Make one environment equal to the branch's head, and say how that went.

    `head` saves a fetch where the caller has just pushed it; `before` is what took time until here.
    `forced` is the reason to apply a push too that takes an image back.
    """
    try:
        return _reach(connections, name, head, before, forced)
    finally:
        leaves(name, "")


def _reach(
    connections: Connections, name: str, head: str | None, before: Iterable[Step], forced: str
) -> Arrival:
    began, steps = time.monotonic(), list(before)
    failed: list[Arrival] = []
    try:
        with one_at_a_time(connections, name, head) as (held, newest):
            steps.append(("wait for its turn", time.monotonic() - began))
            was = connections.repo.live(name)
            refuse_older_push(connections, name, newest, forced)
            arrival = _arrive(connections, name, newest, held, failed)
            context = connections.config(newest).environment(name).cluster.context
    except Exception as problem:
        error = explained(problem)
        if not isinstance(error, UsageError | LostLease):
            finishes = f"`headway reconcile {name}`"
            if finishes not in error.hint:
                error.hint = f"{error.hint}; the release is unfinished; {finishes} finishes it".lstrip("; ")
        if not isinstance(error, LostLease):
            tell_unreached(connections, name, error)
        _report_unfinished(connections, name, error, steps, failed)
        if error is problem:
            raise
        raise error from problem
    record = connections.repo.entry(arrival.commit).record
    changes = record.changes if record else ()
    text = arrival_report(arrival, _pages(connections), before=steps, changes=changes, context=context)
    report(f"outcome-{name}", text)
    arrival.versions = _versions(connections, arrival, was)
    if run_page():
        # Without a run's page the command says it itself.
        log(end_line(arrival.as_dict()))
    return arrival


def _versions(connections: Connections, arrival: Arrival, was: str | None) -> list[dict[str, str]]:
    """Return the services' versions at a commit that was arrived at, and at the one that was live before."""

    def at(commit: str) -> Mapping[str, tuple[str, ...]]:
        config = connections.config(commit)
        return images_of(config, Desired(connections, config, arrival.environment, commit).indexes)

    try:
        now = at(arrival.commit)
    except HeadwayError:
        return []
    try:
        return versions(now, at(was) if was is not None else None)
    except HeadwayError:
        return versions(now)


def _report_unfinished(
    connections: Connections, name: str, error: HeadwayError, steps: list[Step], failed: list[Arrival]
) -> None:
    now = _standing(connections, name)
    text = unfinished_report(name, error, _pages(connections), before=steps, now=now, failed=failed[-1:])
    report(f"outcome-{name}", text)


def _pages(connections: Connections) -> Callable[[str], str]:
    return lambda commit: commit_page(connections.repo.url, commit, connections.settings.commit_url)


def _standing(connections: Connections, name: str) -> str:
    """Say what the config repo knows of an environment; nothing where it cannot be asked."""
    repo = connections.repo
    try:
        path = connections.config(repo.head).environment(name).path
        last, live = repo.last_change(name, path), repo.live(name)
    except HeadwayError:
        return ""
    state = f"its recorded outcome is {last.state}" if last.state else "no outcome of it is recorded yet"
    before = f"what was live last is {live[:9]}" if live else "nothing was live before"
    return f"{name} should be as {last.commit[:9]} says, and {state}; {before}"


def _arrive(connections: Connections, name: str, head: str, held: Held, failures: list[Arrival]) -> Arrival:
    """Travel the road with the environment in hand; what fails on the way is put into `failures`, too."""
    desired = Desired(connections, connections.config(head), name, head)
    for problem in desired.problems:
        log(f"left out, and nothing is pruned meanwhile: {problem}")
    for doubt in desired.doubts:
        log(f"warning: {doubt}")
    mind_left_out(connections, desired)
    last = connections.repo.last_change(name, desired.environment.path, head)
    before = _live(connections, desired)
    settled = last.state == "live" and before is not None and before.tree == desired.tree
    if last.state == "failed" and _may_go_back(desired, before):
        # A note says so, and whoever may push notes need not be one who may push the branch: so it is seen again.
        log(
            f"{name}: {last.commit[:9]} failed before and was not rolled back yet; looking whether it still fails"
        )

    steps: list[Step] = []
    began = time.monotonic()
    held()
    leaves(
        name,
        f"{name}: commit {last.commit[:9]} is being applied, and its outcome is not recorded; "
        f"`headway reconcile {name}` finishes it",
    )
    try:
        applied = apply_manifests(connections, desired, held)
        if settled and not applied.touched:
            return Arrival(name, last.commit, "unchanged", time.monotonic() - began, applied=applied)
        steps.append(("apply", time.monotonic() - began))
        touched = frozenset(applied.touched)
        changed = (
            touched if settled else _changed(desired, _since(connections, desired, before, last), touched)
        )
        told = not settled and not last.reverts and last.state not in ("failed", "applied")
        if told:
            mind_older(connections, desired, before, last)
            tell_entry(connections, desired.config, name, last, "releasing")
        progress = teller(connections, desired.config, name, last) if told else log
        newer = _newer_than(connections, desired, held)
        rollout = watch_rollout(connections, desired, changed, held, newer, progress)
    except RejectedError as error:
        # The one error that is a verdict. Whoever could not see or write knows nothing of the release.
        seconds = time.monotonic() - began
        steps.append(("roll out" if steps else "apply", seconds - sum(took for _, took in steps)))
        untouched = isinstance(error, Rejected) and not error.changed
        arrival = Arrival(
            name, last.commit, "failed", seconds, diagnosis=str(error), steps=steps, untouched=untouched
        )
        arrival.refused, arrival.blames = error.objects, names_an_image(desired, error.objects)
    else:
        steps.append(("roll out", rollout.seconds))
        ran = before.images if before is not None else frozenset[str]()
        arrival = Arrival.of(name, last.commit, rollout, time.monotonic() - began, applied, steps, ran)
        if arrival.state == "live" and desired.environment.verify is not None and not settled:
            arrival = _verified(connections, desired, last, held, arrival, began)

    if settled:
        # What runs here was live before: there is nothing new to record, and nothing better to go back to.
        return arrival
    if arrival.state == last.state and arrival.state in ("failed", "applied"):
        # Everybody knows already. It stays as it is (`on_failure: keep`, still paused), or its rollback was cut off.
        if arrival.state == "applied" or not _may_go_back(desired, before):
            return arrival
        failures.append(arrival)
        return _take_back(connections, desired, before, last, held, arrival, failures)
    if arrival.state in ("live", "applied") and left_the_branch(connections, last):
        log(f"{name}: {last.commit[:9]} is no longer on the branch: its history was rewritten meanwhile")
        refuse_older_push(connections, name, connections.repo.head)
        return _arrive(connections, name, connections.repo.head, held, failures)
    # Before anybody is notified of it, too.
    held()
    going_back = arrival.state == "failed" and _may_go_back(desired, before)
    record_end(connections, desired, before, last, arrival, held, going_back=going_back)
    if going_back:
        failures.append(arrival)
        return _take_back(connections, desired, before, last, held, arrival, failures)
    return arrival


def _verified(
    connections: Connections, desired: Desired, last: Entry, held: Held, arrival: Arrival, began: float
) -> Arrival:
    """Let what rolled out prove itself; what does not is a failed release."""
    newer = _newer_than(connections, desired, held)
    found = verify_release(connections, desired, last.commit, held, newer)
    for check in found.checks:
        log(f"verified: {check.said}" if check.ok else f"not verified: {check.said}")
    rolled_out = arrival.seconds
    arrival.seconds = time.monotonic() - began
    arrival.steps.append(("verify", arrival.seconds - rolled_out))
    if found.superseded:
        arrival.state = "superseded"
    elif not found.ok:
        arrival.state, arrival.diagnosis = "failed", f"verification: {found.diagnosis}"
    return arrival


def _may_go_back(desired: Desired, before: Desired | None) -> bool:
    return desired.environment.on_failure == "rollback" and before is not None and before.tree != desired.tree


def _take_back(
    connections: Connections,
    desired: Desired,
    before: Desired | None,
    last: Entry,
    held: Held,
    failed: Arrival,
    failures: list[Arrival],
) -> Arrival:
    """Put the environment's folder back to what was live, in the repo first, then in the cluster."""
    assert before is not None
    name, began = desired.name, time.monotonic()
    held()
    leaves(
        name,
        f"{name}: commit {last.commit[:9]} failed and is not rolled back yet; `headway reconcile {name}` rolls it back",
    )
    good, folder = before.tree, desired.environment.path
    release_id, diagnosis = derived_id(last.commit, last.time), failed.diagnosis
    holds: Mapping[str, bytes] = {}
    cause = diagnosis.partition("\n")[0]
    log(f"{name}: taking {last.commit[:9]} back to {before.commit[:9]}, which was live: {cause}")
    others = undone_with(connections, desired, before, last)
    for line in lines(others):
        log(f"{name}: this goes with it: {line}")

    def draft(head: str) -> Draft | None:
        nonlocal holds
        held()
        if connections.repo.last_change(name, folder, head).commit != last.commit:
            return None
        written = ReleaseRecord(
            id=release_id,
            environment=name,
            kind="rollback",
            changes=image_changes(desired.config, desired.indexes, before.indexes),
            actor="headway",
            reason=f"{last.commit[:9]} failed: {diagnosis}",
            trailers=((REVERTS, last.commit), *named(others)),
        )
        guilty = (
            blamed(desired, last, written.changes, failed.verdicts, failed.refused) if failed.blames else []
        )
        why = f"{last.commit[:9]} failed: {diagnosis}"
        holds = vetoed(connections, head, name, guilty, why, "headway")
        return Draft(files=holds, trees={folder: good}, message=format_message(written), author="headway")

    published = push_draft(connections, draft, release_id)
    if published is None:
        log(f"{name}: a newer change has landed meanwhile; going on with that one")
        newest = fetch_head(connections)
        refuse_older_push(connections, name, newest)
        return _arrive(connections, name, newest, held, failures)
    back = _arrive(connections, name, published.head, held, failures)
    seconds = time.monotonic() - began
    ended = failed.taken_back(before.commit, published.commit, back, seconds, vetoed=bool(holds))
    ended.undone = lines(others)
    return ended


def _live(connections: Connections, desired: Desired) -> Desired | None:
    """What was live last, read with the configuration of the commit that is to be reached."""
    if stray := connections.repo.stray_live(desired.name):
        log(
            f"warning: {desired.name}: refs/headway/{desired.name}/live names {stray[:9]}, which is no commit of "
            f"{connections.repo.branch}, so it is not believed: the branch was rewritten, or somebody else wrote it"
        )
    commit = connections.repo.live(desired.name)
    return _at(connections, desired, commit) if commit is not None else None


def _at(connections: Connections, desired: Desired, commit: str) -> Desired | None:
    """The environment as another commit has it; None where that cannot be read."""
    if commit == desired.commit:
        return desired
    try:
        return Desired(connections, desired.config, desired.name, commit)
    except HeadwayError as error:
        log(f"{desired.name}: what it was at {commit[:9]} cannot be read: {error.message}")
        return None


def _since(connections: Connections, desired: Desired, before: Desired | None, last: Entry) -> Desired | None:
    """What the cluster may still be: what was live, or, on the way back, what failed."""
    failed = last.reverts
    return _at(connections, desired, failed) if failed else before


def _changed(
    desired: Desired, since: Desired | None, touched: frozenset[ObjectId]
) -> frozenset[ObjectId] | None:
    """The objects that differ or were touched by now; None where nothing is known to compare with, so that all count.

    Both, since one that was put right was not what it should be, and a run that is begun anew touches nothing.
    """
    if since is None:
        return None
    old = {key: manifest.object for key, manifest in since.by_id.items()}
    return touched | {key for key, manifest in desired.by_id.items() if old.get(key) != manifest.object}


def _newer_than(connections: Connections, desired: Desired, held: Held) -> Callable[[], bool]:
    """Give a question that is true once the environment's folder has changed again on the branch.

    It raises where the environment is no longer this deploy's to change.
    """
    looked = time.monotonic()

    def newer() -> bool:
        nonlocal looked
        # Who cannot ask writes nothing either; whether the cluster is seen, the rollout finds out by itself.
        with contextlib.suppress(TransientError):
            held()
        if time.monotonic() - looked > LOOK_FOR_NEWER:
            looked = time.monotonic()
            with contextlib.suppress(TransientError):
                connections.repo.fetch()
        head = connections.repo.head
        return head != desired.commit and (
            connections.repo.tree_sha(head, desired.environment.path) != desired.tree
        )

    return newer
