"""The one road to a cluster, which every flow that changes one ends in.

publish      plan on the newest head, commit, push
reach        make the cluster equal to the head, watch, record; take back what failed

Each step looks at what is true now. Where a run dies, the next one to travel
the road finds the same facts in Git and in the cluster and goes on from there.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping

from flows.telling import tell_entry, teller
from headway.arrival import Arrival
from headway.connections import Connections
from headway.desired import Desired
from headway.domain.history import Entry, Outcome, ReleaseRecord, derived_id, format_message
from headway.domain.links import commit_page
from headway.domain.objects import ObjectId
from headway.domain.plans import Plan, image_changes
from headway.errors import FailedError, HeadwayError, TransientError
from headway.steps import log, report
from headway.story import arrival_report, asked_by, plan_report
from headway.systems.cluster import ApiRefused
from headway.systems.config_repo import Draft, Published
from headway.systems.lease import environment_lease
from headway.systems.lock import environment_lock
from headway.vetoing import vetoed
from tasks.deploying import apply_manifests, verify_release, watch_rollout
from tasks.looking import fetch_head
from tasks.recording import publish as push_draft
from tasks.recording import record

LOCK_WAIT = 1800.0
LOOK_FOR_NEWER = 5.0
Held = Callable[[], None]
"""Raises where the environment's lease was lost."""
REVERTS = "Reverts"
"""The trailer that names the failed commit which a commit takes back."""


def publish(
    connections: Connections,
    make: Callable[[str], Plan],
    describe: Callable[[Plan], ReleaseRecord],
    release_id: str,
    also: Callable[[str, Plan], Mapping[str, bytes]] = lambda head, plan: {},
) -> Published | None:
    """Commit what `make` plans on the newest head, and `also` these files; None where that changes nothing."""

    def draft(head: str) -> Draft | None:
        plan = make(head)
        if not plan:
            return None
        written = describe(plan)
        report("plan", plan_report(plan, connections.repo.read, asked_by(written.actor, written.reason)))
        files = {**plan.files, **also(head, plan)}
        return Draft(files=files, message=format_message(written), author=written.actor)

    published = push_draft(connections, draft, release_id)
    if published is not None:
        already = " (it was there already)" if published.already else ""
        log(f"the release is commit {published.commit[:9]} of the config repo{already}")
    return published


def reach(connections: Connections, name: str, head: str | None = None) -> Arrival:
    """Make one environment equal to the branch's head, and say how that went.

    `head` saves a fetch where the caller has just pushed it.
    """
    try:
        with _one_at_a_time(connections, name, head) as (held, newest):
            arrival = _arrive(connections, name, newest, held)
    except TransientError as error:
        unfinished = f"the config repo says what {name} should be; `headway reconcile {name}` finishes it"
        raise TransientError(error.message, hint=f"{error.hint}; {unfinished}".lstrip("; ")) from None
    page = commit_page(connections.repo.url, arrival.commit, connections.settings.commit_url)
    report(f"outcome-{name}", arrival_report(arrival, page))
    return arrival


def _arrive(connections: Connections, name: str, head: str, held: Held) -> Arrival:
    desired = Desired(connections, connections.config(head), name, head)
    for problem in desired.problems:
        log(f"left out, and nothing is pruned meanwhile: {problem}")
    last = connections.repo.last_change(name, desired.environment.path, head)
    before = _live(connections, desired)
    settled = last.state == "live" and before is not None and before.tree == desired.tree
    if last.state == "failed" and _may_go_back(desired, before):
        log(f"{name}: {last.commit[:9]} failed before and was not taken back yet")
        return _take_back(connections, desired, before, last, held, last.diagnosis)

    began = time.monotonic()
    held()
    try:
        applied = apply_manifests(connections, desired)
        if settled and not applied.touched:
            return Arrival(name, last.commit, "unchanged", time.monotonic() - began, applied=applied)
        applied_in = time.monotonic() - began
        changed = frozenset(applied.touched) if settled else _changed(desired, before)
        told = not settled and not _reverts(last)
        if told:
            tell_entry(connections, desired.config, name, last, "releasing")
        progress = teller(connections, desired.config, name, last) if told else log
        newer = _newer_than(connections, desired, held)
        rollout = watch_rollout(connections, desired, changed, newer, progress)
    except ApiRefused:
        # Who may not look or write learns nothing about the release, and could not take it back either.
        raise
    except FailedError as error:
        arrival = Arrival(name, last.commit, "failed", time.monotonic() - began, diagnosis=str(error))
    else:
        arrival = Arrival.of(name, last.commit, rollout, time.monotonic() - began, applied)
        arrival.steps = [("applied in", applied_in), ("rolled out in", rollout.seconds)]
        if arrival.state == "live" and desired.environment.verify is not None and not settled:
            arrival = _verified(connections, desired, last, held, arrival, began)

    if settled:
        # What runs here was live before: there is nothing new to record, and nothing better to go back to.
        return arrival
    outcome = Outcome.now(arrival.state, arrival.seconds, last.release_id, arrival.diagnosis)
    reverted = _reverts(last)
    if not reverted:
        tell_entry(
            connections,
            desired.config,
            name,
            last,
            arrival.state,
            cause=arrival.diagnosis,
            seconds=arrival.seconds,
            verdicts=arrival.verdicts,
        )
    if arrival.state == "live" and reverted:
        # First the commit that failed, since "live" is what ends this: killed in between, it is done again.
        record(connections, name, reverted, Outcome.now("rolled-back", arrival.seconds), None)
    record(connections, name, last.commit, outcome, last.commit if arrival.state == "live" else None)
    if arrival.state == "failed" and _may_go_back(desired, before):
        return _take_back(connections, desired, before, last, held, arrival.diagnosis, arrival)
    return arrival


def _reverts(entry: Entry) -> str:
    """Give the failed commit that a commit takes back; empty where it is no take-back."""
    return dict(entry.record.trailers).get(REVERTS, "") if entry.record else ""


def _verified(
    connections: Connections, desired: Desired, last: Entry, held: Held, arrival: Arrival, began: float
) -> Arrival:
    """Let what rolled out prove itself; what does not is a failed release."""
    found = verify_release(connections, desired, last.commit, _newer_than(connections, desired, held))
    for check in found.checks:
        log(f"verified: {check.said}" if check.ok else f"not verified: {check.said}")
    rolled_out = arrival.seconds
    arrival.seconds = time.monotonic() - began
    arrival.steps.append(("verified in", arrival.seconds - rolled_out))
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
    diagnosis: str,
    failed: Arrival | None = None,
) -> Arrival:
    """Put the environment's folder back to what was live, in the repo first, then in the cluster."""
    assert before is not None
    name, began = desired.name, time.monotonic()
    held()
    good, folder = before.tree, desired.environment.path
    release_id = derived_id(last.commit, last.time)
    log(
        f"{name}: taking {last.commit[:9]} back to {before.commit[:9]}, which was live: {diagnosis.splitlines()[0]}"
    )

    def draft(head: str) -> Draft | None:
        if connections.repo.last_change(name, folder, head).commit != last.commit:
            return None
        written = ReleaseRecord(
            id=release_id,
            environment=name,
            kind="rollback",
            changes=image_changes(desired.config, desired.indexes, before.indexes),
            actor="headway",
            reason=f"{last.commit[:9]} failed: {diagnosis}",
            trailers=((REVERTS, last.commit),),
        )
        files = vetoed(
            connections, head, name, written.changes, f"{last.commit[:9]} failed: {diagnosis}", "headway"
        )
        return Draft(files=files, trees={folder: good}, message=format_message(written), author="headway")

    published = push_draft(connections, draft, release_id)
    if published is None:
        log(f"{name}: a newer change has landed meanwhile; going on with that one")
        return _arrive(connections, name, fetch_head(connections), held)
    back = _arrive(connections, name, published.head, held)
    if back.state not in {"live", "unchanged"}:
        raise FailedError(
            f"{name}: {last.commit[:9]} failed ({diagnosis}), and going back to {before.commit[:9]} "
            f"did not become live either: {back.diagnosis or back.state}",
            hint=f"the repo is back at what was live; see the cluster, then run `headway reconcile {name}`",
        )
    seconds = time.monotonic() - began
    tell_entry(connections, desired.config, name, last, "rolled-back", cause=diagnosis, seconds=seconds)
    return Arrival(
        name,
        last.commit,
        "rolled-back",
        seconds + (failed.seconds if failed else 0.0),
        applied=failed.applied if failed else None,
        verdicts=failed.verdicts if failed else (),
        diagnosis=diagnosis,
        back_to=before.commit,
    )


def _live(connections: Connections, desired: Desired) -> Desired | None:
    """What was live last, read with the configuration of the commit that is to be reached."""
    commit = connections.repo.live(desired.name)
    if commit is None:
        return None
    if commit == desired.commit:
        return desired
    try:
        return Desired(connections, desired.config, desired.name, commit)
    except HeadwayError as error:
        log(f"{desired.name}: what was live at {commit[:9]} cannot be read: {error.message}")
        return None


def _changed(desired: Desired, before: Desired | None) -> frozenset[ObjectId] | None:
    """The objects that differ from what was live; None where nothing was, so that all count."""
    if before is None:
        return None
    old = {key: manifest.object for key, manifest in before.by_id.items()}
    return frozenset(key for key, manifest in desired.by_id.items() if old.get(key) != manifest.object)


def _newer_than(connections: Connections, desired: Desired, held: Held) -> Callable[[], bool]:
    """Give a question that is true once the environment's folder has changed again on the branch.

    It raises where the environment is no longer this deploy's to change.
    """
    looked = time.monotonic()

    def newer() -> bool:
        nonlocal looked
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


@contextlib.contextmanager
def _one_at_a_time(connections: Connections, name: str, head: str | None) -> Iterator[tuple[Held, str]]:
    """Hold the environment on this machine, then on all of them; give a check that it still is held, and the head."""
    waited = False

    def on_wait(said: str = f"{name}: waiting for another deploy of it to end or to give way") -> None:
        nonlocal waited
        waited = True
        log(said)

    settings = connections.settings
    with environment_lock(settings.state, settings.config_repo(), name, wait=LOCK_WAIT, on_wait=on_wait):
        newest = fetch_head(connections) if waited or head is None else head
        place = connections.config(newest).environment(name)
        cluster = connections.environment_cluster(place)
        with environment_lease(
            cluster, place.cluster.namespace, name, settings.state, wait=LOCK_WAIT, on_wait=on_wait
        ) as lease:
            if waited:
                newest = fetch_head(connections)
            yield (lease.check if lease is not None else lambda: None), newest
