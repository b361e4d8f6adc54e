"""Find new images, pick by the rules, release to every automatic environment: one commit for each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from headway.errors import FailedError, HeadwayError, RefusedError
from headway.flows.release import execute
from headway.operations.automation import AutomaticServices, automatic_services
from headway.operations.connections import Connections
from headway.operations.notices.plans import notify_held
from headway.operations.proposal import Proposal, Propose, identified, propose_eligible, propose_picked
from headway.operations.release import Release
from headway.operations.scan.result import Scan
from headway.operations.snapshot import Snapshot
from headway.requests import Forcible, WatchRequest
from headway.runtime.steps import alongside, flow, log
from headway.tasks.config_repo import fetch_head, hold_rewritten, hold_undone
from headway.tasks.deploy import rehearse
from headway.tasks.scan_registry import scan_registries

ACTOR = "watch-registry"


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = WatchRequest.model_validate(parameters["request"])
    return f"{', '.join(request.environments) or 'every environment'}: watch the registry"


@flow(name="watch-registry", run_name=title)
def watch_registry(request: WatchRequest) -> dict[str, object]:
    """Scan the registries, and release what the rules pick to every automatic environment.

    If there is nothing new, this costs one request for each image and writes
    nothing. An automatic environment with `promote_from` gets the images that
    have been live there for its soak time.

    Args:
        request: Which environments and services to scan for.
    """
    with Connections() as connections:
        return watch_images(connections, request)


def watch_images(connections: Connections, request: WatchRequest) -> dict[str, object]:
    """Run one pass with connections that are open already."""
    snapshot = connections.at(fetch_head(connections))
    for service in request.services:
        snapshot.config.service(service)
    if not request.dry_run:
        hold_rewritten(connections, snapshot)
        snapshot = connections.at(connections.repo.head)
    names = snapshot.config.chosen(*request.environments)
    found = automatic_services(snapshot, names, datetime.now(UTC))
    if request.services:
        found = {name: it.only(request.services) for name, it in found.items()}
    watched = {name: it for name, it in found.items() if it.services and not it.source}
    scanned = _scan(connections, snapshot, watched)
    if not request.dry_run:
        for name in watched:
            if undone := scanned.undone_in(name):
                hold_undone(connections, snapshot.config, name, undone)
    for it in found.values():
        for line in it.waits:
            log(line)
    release = partial(_release, connections, request, scanned)
    done: dict[str, object] = dict(
        alongside(release, [it for it in watched.values() if scanned.picked(it.environment)])
    )
    # Promotions come after, in the order of headway.yaml, so that a whole chain can go in one pass.
    for it in found.values():
        if it.services and it.source:
            done[it.environment] = _promote(connections, request, it)
    errors = [*scanned.errors.values(), *scanned.unread.values()]
    errors += [it for it in done.values() if isinstance(it, HeadwayError)]
    if errors:
        said = "\n".join(dict.fromkeys(it.message for it in errors))
        raise FailedError(f"not everything could be looked at or released:\n{said}", hint=errors[0].hint)
    return {name: done.get(name, {"state": "nothing new"}) for name in found}


def _scan(connections: Connections, snapshot: Snapshot, watched: Mapping[str, AutomaticServices]) -> Scan:
    wanted = [(name, service) for name, it in watched.items() for service in it.services]
    if not wanted:
        return Scan(snapshot.commit)
    scanned: Scan = scan_registries(connections, snapshot, wanted)
    for service, error in scanned.errors.items():
        log(f"{service}: {error.message}")
    return scanned


def _release(
    connections: Connections, request: WatchRequest, scanned: Scan, automatic: AutomaticServices
) -> tuple[str, object | HeadwayError]:
    """Release what was picked for one environment."""

    def propose(snapshot: Snapshot) -> Proposal:
        now = _scan_again(connections, automatic, scanned, snapshot)
        return propose_picked(connections, automatic.environment, now, snapshot, request.reason)

    return automatic.environment, _execute(connections, request, automatic.environment, propose)


def _scan_again(connections: Connections, it: AutomaticServices, scanned: Scan, snapshot: Snapshot) -> Scan:
    """Look again where a rule, a hold or what runs has changed since; the registry's answers are known by now."""
    if scanned.still_true(connections.at(scanned.commit), snapshot, it.environment):
        return scanned
    found = automatic_services(snapshot, [it.environment], datetime.now(UTC))
    return _scan(connections, snapshot, {it.environment: found[it.environment].only(it.services)})


def _promote(connections: Connections, request: WatchRequest, it: AutomaticServices) -> object | HeadwayError:
    """Promote what has been live long enough in the environment before."""

    def propose(snapshot: Snapshot) -> Proposal:
        return propose_eligible(connections, it, snapshot, request.reason)

    return _execute(connections, request, it.environment, propose)


def _execute(
    connections: Connections, request: WatchRequest, name: str, propose: Propose
) -> object | HeadwayError:
    """Run one environment's release; return its error, since it must not stop the other environments."""
    asked = Forcible(actor=ACTOR, reason=request.reason, dry_run=request.dry_run)
    proposed = None
    try:
        proposed = Release(connections, identified(asked, name), propose, rehearse)
        if not proposed.first.plan:
            return {"state": "nothing new"}
        return execute(proposed)
    except RefusedError as error:
        log(f"{name}: {error.message}")
        return {"state": "held back", "why": error.message}
    except HeadwayError as error:
        log(error.message if error.message.startswith(name) else f"{name}: {error.message}")
        if proposed is not None and proposed.refusal:
            # Looked at again with each pass: it goes out as soon as the cluster takes it.
            first = proposed.first
            notify_held(connections, first.snapshot, first.plan, first.kind, ACTOR, proposed.refusal)
            return {"state": "held back", "why": error.message}
        return error
