"""Give images to one environment: plan, commit, reconcile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headway.domain.images.reference import wanted_reference
from headway.errors import FailedError, UsageError
from headway.flows.reconcile import make_equal
from headway.operations.connections import Connections
from headway.operations.proposal import Proposal, identified, propose_release, same_request
from headway.operations.release import Release
from headway.operations.result import Timed
from headway.operations.snapshot import Snapshot
from headway.requests import Forcible, ReleaseRequest, ServiceImage
from headway.runtime.steps import flow, log, side_by_side
from headway.tasks.config_repo import fetch_head, publish
from headway.tasks.deploy import rehearse
from headway.tasks.scan_registry import resolve_image


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = ReleaseRequest.model_validate(parameters["request"])
    return f"{request.environment}: release {', '.join(it.service for it in request.images)}"


@flow(name="release", run_name=title)
def release(request: ReleaseRequest) -> dict[str, object]:
    """Release images to one environment, and roll them back if they fail.

    The plan names exact digests, and the release is one commit in the config
    repo. It has succeeded when the pods report those digests and are ready.

    Args:
        request: What to release, where and why.
    """
    with Connections() as connections:
        return release_images(connections, request)


def release_images(
    connections: Connections, request: ReleaseRequest, before: Iterable[Timed] = ()
) -> dict[str, object]:
    """Run the steps of a release with connections that are open already; `before` is what took time until here."""
    config = connections.config(fetch_head(connections))
    config.environment(request.environment)
    asked = [
        (it.service, wanted_reference(config.service(it.service).image, it.image)) for it in request.images
    ]
    if len(asked) != len(dict(asked)):
        raise UsageError("a service is named twice", hint="give one image for each service")
    # However an image was spelled, it is the same request.
    images = [ServiceImage(service=service, image=str(reference)) for service, reference in asked]
    request = identified(request.model_copy(update={"images": images}), request.environment)
    if (done := committed_before(connections, request, request.environment)) is not None:
        return done
    pinned = side_by_side(
        resolve_image, [{"connections": connections, "reference": reference} for _, reference in asked]
    )
    why = request.reason or "asked for"
    wanted = {service: (image, why) for (service, _), image in zip(asked, pinned, strict=True)}

    def propose(snapshot: Snapshot) -> Proposal:
        return propose_release(connections, request, wanted, snapshot)

    return execute(Release(connections, request, propose, rehearse), before)


def committed_before(
    connections: Connections, request: Forcible, environment: str
) -> dict[str, object] | None:
    """Finish a release whose commit is there already, as a restarted run does; None where there is none.

    What was decided before the commit, such as the target of a rollback, is not decided again.
    """
    repo = connections.repo
    found = repo.find_release(request.release_id)
    if found is None or request.dry_run:
        return None
    entry = repo.entry(found)
    if entry.environment != environment:
        raise UsageError(
            f"the release {request.release_id} is one of {entry.environment} already ({found[:9]})",
            hint=f"give the release to {environment} an id of its own",
        )
    same_request(entry, request)
    log(f"{environment}: this release is commit {found[:9]} already; finishing it")
    result = make_equal(connections, environment)
    ended = repo.entry(found).of(environment)
    if result.commit != found and ended.state in ("failed", "rolled-back"):
        back = " and was rolled back" if ended.state == "rolled-back" else ""
        raise FailedError(
            f"{environment}: {found[:9]} failed{back}: {ended.cause}",
            hint=f"`headway history {environment}` says what is live now",
        )
    return result.check().as_dict()


def execute(proposed: Release, before: Iterable[Timed] = ()) -> dict[str, object]:
    """Check a proposal, have it approved, commit it and reconcile; return how it ended. A dry run only shows it."""
    request = proposed.request
    if request.dry_run:
        return proposed.preview()
    with proposed.ends_with_notice():
        proposed.check()
        proposed.approve()
        proposed.prepare()
        head = proposed.committed(publish(proposed.connections, proposed.propose_commit, request.release_id))
    steps = [*before, *proposed.steps]
    past = request.reason if request.force else ""
    return make_equal(proposed.connections, proposed.name, head, steps, past).check().as_dict()
