"""Give images to one environment: plan, commit, reconcile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headway.domain.images.reference import ImageRef, wanted_reference
from headway.domain.policy.gates import not_promoted
from headway.domain.releases.plans import Plan, plan_images
from headway.errors import UsageError
from headway.flows.carrying import Intent, carry_out, committed_before, identified
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.older_release import Keeping
from headway.operations.promotion import never_live
from headway.operations.result import Step
from headway.requests import ReleaseRequest, ServiceImage
from headway.runtime.steps import flow, side_by_side
from headway.tasks.look import fetch_head, resolve_image


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = ReleaseRequest.model_validate(parameters["request"])
    return f"{request.environment}: release {', '.join(it.service for it in request.images)}"


@flow(name="release", run_name=title)
def release(request: ReleaseRequest) -> dict[str, object]:
    """Give images to one environment, and take them back if they fail.

    The plan names exact digests, the release is one commit in the config repo,
    and it has succeeded when the pods report those digests and are ready.

    Args:
        request: What to release, where, and why.
    """
    with Connections() as connections:
        return release_images(connections, request)


def release_images(
    connections: Connections, request: ReleaseRequest, before: Iterable[Step] = ()
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
    wanted: Mapping[str, tuple[ImageRef, str]] = {
        service: (reference, why) for (service, _), reference in zip(asked, pinned, strict=True)
    }

    keeping = Keeping(connections, request)

    def make(head: str) -> Plan:
        desired = Desired(connections, connections.config(head), request.environment, head)
        return keeping.planned(
            plan_images(
                desired.config, desired.name, head, desired.indexes, connections.repo.reader(head), wanted
            )
        )

    intent = Intent(
        "release",
        request,
        request.environment,
        make,
        before=before,
        bars=lambda head, plan: not_promoted(connections.config(head), plan.environment),
        also=keeping.files,
        trailers=keeping.trailers,
        notes=lambda head, plan: [
            *never_live(connections, connections.config(head), plan.environment, plan.changes),
            *keeping.notes(head, plan),
        ],
    )
    return carry_out(connections, intent)
