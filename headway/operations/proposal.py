"""What a release, a promotion or a rollback proposes on one commit of the config repo."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from headway.domain.config.reading import Environment
from headway.domain.images.reference import ImageRef
from headway.domain.policy.backoff import LOOK_BACK, tried_again_at
from headway.domain.policy.gates import Blocked, not_promoted
from headway.domain.policy.people import actor_of
from headway.domain.releases.ledger import Entry, new_release_id
from headway.domain.releases.ledger_filter import services_of
from headway.domain.releases.plans import Plan, plan_as_it_was, plan_images
from headway.errors import UsageError
from headway.operations.automation import AutomaticServices, automatic_services, eligible
from headway.operations.connections import Connections
from headway.operations.image_places import checked, places, plan_pinned
from headway.operations.live_images import Live
from headway.operations.older_release import held_back
from headway.operations.promotion import kept_out, never_live, not_running, promoted
from headway.operations.pushes import services_pushed
from headway.operations.scan.result import Scan
from headway.operations.snapshot import Snapshot
from headway.operations.superseded import lines, named
from headway.operations.vetoes import vetoed
from headway.requests import Forcible, PromoteRequest, ReleaseRequest, RollbackRequest
from headway.runtime.steps import log, run_identity

NAMED = 20
"""So many commits that a rollback undoes are named in its own."""
Wanted = Mapping[str, tuple[ImageRef, str]]
"""For each service the pinned image that it should run, and why."""
R = TypeVar("R", bound=Forcible)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan, and what belongs to it; `snapshot` is the config repo that all of it was worked out from.

    `files` are further files of its commit, `trailers` what the commit says besides. `blocked` is what holds
    back a release of this kind, besides the gates that all have; `notes` is what people should know before it
    is done. `undo` marks a rollback, which waits for no window and asks for no approval.
    """

    kind: str
    snapshot: Snapshot
    plan: Plan
    reason: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    trailers: tuple[tuple[str, str], ...] = ()
    blocked: tuple[Blocked, ...] = ()
    notes: tuple[str, ...] = ()
    undo: bool = False

    @property
    def environment(self) -> str:
        """The environment that it changes."""
        return self.plan.environment

    @property
    def base(self) -> str:
        """The commit of the config repo that it was worked out from."""
        return self.snapshot.commit

    @property
    def rules(self) -> Environment:
        """Return what headway.yaml says of the environment."""
        return self.snapshot.rules(self.environment)


Propose = Callable[[Snapshot], Proposal]
"""Works the proposal out on the config repo as it stands; it is asked again on each newer head."""


def identified(request: R, environment: str) -> R:
    """Return a request with its release's id: the caller's own, or one that a restarted run gives it again."""
    if request.release_id:
        return request
    started, run = run_identity()
    # One run may release to several environments, and each is a release of its own.
    return request.model_copy(update={"release_id": new_release_id(started, f"{run} {environment}")})


def same_request(entry: Entry, request: Forcible) -> None:
    """Refuse a release's id that stands for another request: what is there is not what is asked for."""
    if entry.request and request.mark and entry.request != request.mark:
        raise UsageError(
            f"the release id {request.release_id} stands for another request already: {entry.what} "
            f"in {entry.environment} ({entry.commit[:9]})",
            hint="give each request an id of its own; only a repeated call has the id of the first",
        )


def plan_wanted(snapshot: Snapshot, environment: str, wanted: Wanted, pin_in: str = "") -> Plan:
    """Return the plan that gives services of an environment new images, having seen what it changes in renderings.

    `pin_in` is a file that gets a place for those that cannot be changed where they stand.
    """
    if pin_in:
        plan = plan_pinned(snapshot, environment, wanted, pin_in)
    else:
        found = places(snapshot, environment)
        plan = plan_images(snapshot.config, environment, snapshot.commit, found, snapshot.text, wanted)
    return checked(snapshot.environment(environment), plan)


def propose_release(
    connections: Connections, request: ReleaseRequest, wanted: Wanted, snapshot: Snapshot
) -> Proposal:
    """Return the proposal that gives services the images that a person asks for."""
    name, config = request.environment, snapshot.config
    plan = plan_wanted(snapshot, name, wanted, request.pin_in)
    held = held_back(connections, snapshot, request, plan)
    return Proposal(
        "release",
        snapshot,
        plan,
        request.reason,
        files=held.files,
        trailers=held.trailers,
        blocked=tuple(not_promoted(config, name)),
        notes=(
            *never_live(connections.repo, snapshot, name, plan.changes),
            *(f"{it}; automation and promotions follow it" for it in kept_out(config, name, plan.changes)),
            *held.notes,
        ),
    )


def propose_promotion(request: PromoteRequest, source: str, live: Live, snapshot: Snapshot) -> Proposal:
    """Return the proposal that gives an environment what is live in another."""
    name, config = request.environment, snapshot.config
    wanted, absent = promoted(snapshot.environment(name), live, request.services)
    if absent:
        log(f"left out, since {name} has no manifest of it: {', '.join(absent)}")
    plan = plan_wanted(snapshot, name, wanted)
    return Proposal(
        "promotion",
        snapshot,
        plan,
        request.reason or f"live in {source} at {live.commit[:9]}",
        trailers=(("Promoted-From", f"{source} {live.commit}"),),
        blocked=(
            *not_promoted(config, name, source),
            *kept_out(config, name, plan.changes),
            *not_running(live, name, plan.changes),
        ),
    )


def propose_rollback(
    connections: Connections, request: RollbackRequest, target: str, snapshot: Snapshot
) -> Proposal:
    """Return the proposal that restores the images of an earlier commit, and vetoes those that go."""
    name, head = request.environment, snapshot.commit
    past = snapshot.past(name, target)
    why = f"as it was at {target[:9]}"
    plan = plan_as_it_was(
        snapshot.config,
        name,
        head,
        places(snapshot, name),
        past.indexes,
        snapshot.text,
        request.services,
        why,
        partial(connections.repo.read, target),
    )
    plan = checked(snapshot.environment(name), plan)
    cause = f"rolled back: {request.reason}" if request.reason else "rolled back"
    others = undone_by(connections, target, snapshot, plan)
    proposal = Proposal(
        "rollback",
        snapshot,
        plan,
        request.reason or f"back to {target[:9]}",
        trailers=named(others),
        notes=(
            *(f"this goes with it: {line}" for line in lines(others)),
            *_other_tools(connections.repo.entry(target).tools, snapshot.environment(name).tools, target),
        ),
        undo=True,
    )
    if not plan:
        return proposal
    files = vetoed(connections, head, name, plan.triples, cause, actor_of(request.actor))
    return replace(proposal, files=files)


def _other_tools(then: Collection[str], now: Collection[str], target: str) -> Iterator[str]:
    """Yield that tools of other versions rendered the state that comes back: the same sources may say other objects."""
    if then and set(then) - set(now):
        was, is_ = ", ".join(then), ", ".join(now) or "no tool"
        yield f"{target[:9]} was rendered with {was}, and is rendered with {is_} now"


def undone_by(connections: Connections, target: str, snapshot: Snapshot, plan: Plan) -> list[Entry]:
    """Return the commits since the target whose images go, the newest first; what the plan leaves stays unnamed."""
    name, services = plan.environment, {it.service for it in plan.changes}
    if not services:
        return []
    commits = connections.repo.commits_between(target, snapshot.commit, snapshot.place(name))
    found = [it.at(name) for it in commits]
    return [
        it
        for it in found
        if it.environment in ("", name)
        and services & (services_of(it) if it.record else services_pushed(snapshot, it))
    ][:NAMED]


def propose_picked(
    connections: Connections, environment: str, found: Scan, snapshot: Snapshot, reason: str
) -> Proposal:
    """Return the proposal that gives an environment what the rules pick from the registry."""
    wanted = {
        service: (snapshot.config.service(service).ref.pinned(picked.tag, picked.digest), picked.why)
        for service, picked in found.picked(environment).items()
    }
    plan = _not_too_soon(connections, environment, snapshot, wanted)
    return Proposal("release", snapshot, plan, reason or "new in the registry")


def propose_eligible(
    connections: Connections, it: AutomaticServices, snapshot: Snapshot, reason: str
) -> Proposal:
    """Return the proposal that gives an environment what has been live long enough in the one before."""
    now = datetime.now(UTC)
    services = automatic_services(snapshot, [it.environment], now)[it.environment].only(it.services)
    found = eligible(connections, snapshot, services, now)
    for line in found.waits:
        log(f"{it.environment}: {line}")
    plan = _not_too_soon(connections, it.environment, snapshot, found.wanted)
    return Proposal("promotion", snapshot, plan, reason or f"live in {it.source} long enough")


def _not_too_soon(connections: Connections, name: str, snapshot: Snapshot, wanted: Wanted) -> Plan:
    """Return the plan without what failed here for lack of something, until it is time to try that again."""
    if not wanted:
        return Plan(name, snapshot.commit, ())
    path = snapshot.place(name)
    again = tried_again_at(connections.repo.log(name, path=path, limit=LOOK_BACK, head=snapshot.commit))
    now = datetime.now(UTC)
    left = {}
    for service, (image, why) in wanted.items():
        at = again.get((service, image.digest or ""))
        if at is not None and at > now:
            log(f"{name}: {service} {image.tag} failed for lack of something; tried again at {at:%H:%M} UTC")
        else:
            left[service] = (image, why)
    return plan_wanted(snapshot, name, left) if left else Plan(name, snapshot.commit, ())
