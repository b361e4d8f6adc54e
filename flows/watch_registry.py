"""Find new images, pick by the rules, release to every automatic environment: one commit for each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from headway.domain.config.reading import Config
from headway.domain.images.reference import ImageRef
from headway.domain.policy.backoff import LOOK_BACK, tried_again_at
from headway.domain.policy.holds import Holds
from headway.domain.releases.plans import Plan, plan_images
from headway.errors import FailedError, HeadwayError, RefusedError
from headway.flows.carrying import Intent, carry_out
from headway.flows.minding import hold_undone, mind_rewriting
from headway.operations.automation import Following, followings, ripe
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.notices import tell_held
from headway.operations.scan import Look
from headway.requests import Forcible, WatchRequest
from headway.runtime.steps import alongside, flow, log
from headway.tasks.look import fetch_head, look_for_images

ACTOR = "watch-registry"


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = WatchRequest.model_validate(parameters["request"])
    return f"{', '.join(request.environments) or 'every environment'}: watch the registry"


@flow(name="watch-registry", run_name=title)
def watch_registry(request: WatchRequest) -> dict[str, object]:
    """Release what the rules pick, to every automatic environment.

    Nothing new costs one request for each image and writes nothing. An environment
    that is promoted by itself gets what has been live long enough in the one before.

    Args:
        request: Which environments to look at.
    """
    with Connections() as connections:
        return watch_images(connections, request)


def watch_images(connections: Connections, request: WatchRequest) -> dict[str, object]:
    """Run one pass with connections that are open already."""
    head = fetch_head(connections)
    config, holds = connections.config(head), connections.holds(head)
    for service in request.services:
        config.service(service)
    found = followings(config, holds, config.chosen(*request.environments), datetime.now(UTC))
    if request.services:
        found = {name: it.only(request.services) for name, it in found.items()}
    done: dict[str, object] = {}
    errors: list[HeadwayError] = []
    watched = {name: it for name, it in found.items() if it.services and not it.source}
    if not request.dry_run:
        mind_rewriting(connections, config)
        if connections.repo.head != head:
            head = connections.repo.head
            config, holds = connections.config(head), connections.holds(head)
    looked = _look(connections, config, holds, head, watched)
    if not request.dry_run:
        for name in watched:
            hold_undone(connections, config, name, looked.undone_in(name))
    errors += dict.fromkeys([*looked.errors.values(), *looked.unread.values()])

    def release(thing: Following) -> tuple[str, object]:
        return thing.environment, _release(connections, request, thing, looked, errors)

    for it in found.values():
        for line in it.waits:
            log(line)
    done |= dict(alongside(release, [it for it in watched.values() if looked.picked(it.environment)]))
    # Promotions come after, in the order of headway.yaml, so that a whole chain can go in one pass.
    for it in found.values():
        if it.services and it.source:
            done[it.environment] = _promote(connections, request, it, errors)
    done |= {name: {"state": "nothing new"} for name in found if name not in done}
    if errors:
        said = "\n".join(dict.fromkeys(it.message for it in errors))
        raise FailedError(f"not everything could be looked at or released:\n{said}", hint=errors[0].hint)
    return done


def _look(
    connections: Connections, config: Config, holds: Holds, head: str, watched: Mapping[str, Following]
) -> Look:
    wanted = [(name, service) for name, it in watched.items() for service in it.services]
    if not wanted:
        return Look(head)
    looked: Look = look_for_images(connections, config, holds, head, wanted)
    for service, error in looked.errors.items():
        log(f"{service}: {error.message}")
    return looked


def _release(
    connections: Connections, request: WatchRequest, it: Following, looked: Look, errors: list[HeadwayError]
) -> object:
    name = it.environment

    def make(head: str) -> Plan:
        config = connections.config(head)
        now = _again(connections, it, looked, head)
        wanted = {
            service: (config.service(service).ref.pinned(picked.tag, picked.digest), picked.why)
            for service, picked in now.picked(name).items()
        }
        return _plan(connections, name, head, wanted)

    return _carry(
        connections, Intent("release", _asked(request), name, make, reason="new in the registry"), errors
    )


def _again(connections: Connections, it: Following, looked: Look, head: str) -> Look:
    """Look again where a rule, a hold or what runs has changed since; the registry's answers are known by now."""
    repo = connections.repo
    path = connections.config(head).environment(it.environment).path
    same = all(
        repo.read(head, file) == repo.read(looked.head, file) for file in ("headway.yaml", "holds.yaml")
    )
    if same and repo.tree_sha(head, path) == repo.tree_sha(looked.head, path):
        return looked
    config, holds = connections.config(head), connections.holds(head)
    now = followings(config, holds, [it.environment], datetime.now(UTC))[it.environment].only(it.services)
    return _look(connections, config, holds, head, {it.environment: now})


def _promote(
    connections: Connections, request: WatchRequest, it: Following, errors: list[HeadwayError]
) -> object:
    def make(head: str) -> Plan:
        config, holds = connections.config(head), connections.holds(head)
        now = followings(config, holds, [it.environment], datetime.now(UTC))[it.environment].only(it.services)
        found = ripe(connections, config, holds, now, head, datetime.now(UTC))
        for line in found.waits:
            log(f"{it.environment}: {line}")
        return _plan(connections, it.environment, head, found.wanted)

    asked = _asked(request)
    intent = Intent("promotion", asked, it.environment, make, reason=f"live in {it.source} long enough")
    return _carry(connections, intent, errors)


def _plan(connections: Connections, name: str, head: str, wanted: Mapping[str, tuple[ImageRef, str]]) -> Plan:
    wanted = _not_too_soon(connections, name, head, wanted)
    if not wanted:
        return Plan(name, head, ())
    desired = Desired(connections, connections.config(head), name, head)
    return plan_images(desired.config, name, head, desired.indexes, connections.repo.reader(head), wanted)


def _not_too_soon(
    connections: Connections, name: str, head: str, wanted: Mapping[str, tuple[ImageRef, str]]
) -> Mapping[str, tuple[ImageRef, str]]:
    """Leave out what failed here for lack of something, until it is time to try it again."""
    if not wanted:
        return wanted
    path = connections.config(head).environment(name).path
    again = tried_again_at(connections.repo.log(name, path=path, limit=LOOK_BACK, head=head))
    now = datetime.now(UTC)
    left = {}
    for service, (image, why) in wanted.items():
        at = again.get((service, image.digest or ""))
        if at is not None and at > now:
            log(f"{name}: {service} {image.tag} failed for lack of something; tried again at {at:%H:%M} UTC")
        else:
            left[service] = (image, why)
    return left


def _asked(request: WatchRequest) -> Forcible:
    return Forcible(actor=ACTOR, reason=request.reason, dry_run=request.dry_run)


def _carry(connections: Connections, intent: Intent, errors: list[HeadwayError]) -> object:
    """Carry one environment's release out; what goes wrong there keeps no other from going on."""
    name = intent.environment
    try:
        if not intent.plan(connections.repo.head):
            return {"state": "nothing new"}
        return carry_out(connections, intent)
    except RefusedError as error:
        log(f"{name}: {error.message}")
        return {"state": "held back", "why": error.message}
    except HeadwayError as error:
        log(error.message if error.message.startswith(name) else f"{name}: {error.message}")
        if intent.refused:
            # Looked at again with each pass: it goes out as soon as the cluster takes it.
            tell_held(connections, intent.plan(connections.repo.head), intent.kind, ACTOR, intent.refused)
            return {"state": "held back", "why": error.message}
        errors.append(error)
        return {"state": "failed", "why": error.message}
