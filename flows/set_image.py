"""V1: change the running object, and nothing else. The one exception: everything else reconciles."""

from __future__ import annotations

import time
from typing import Any

from headway.domain.health.verdict import Verdict
from headway.domain.images.reference import ImageRef, wanted_reference
from headway.domain.policy.people import actor_of
from headway.errors import FailedError, HeadwayError, UsageError
from headway.operations.connections import Connections
from headway.operations.reports.outcome import set_image_report
from headway.operations.reports.plan import asked_by, set_image_plan
from headway.operations.result import Timed
from headway.requests import SetImageRequest
from headway.runtime.interruption import note_unfinished
from headway.runtime.steps import flow, log, report
from headway.systems.cluster.rollout import Rollout
from headway.systems.cluster.set_image import ImageSet
from headway.tasks.config_repo import fetch_head
from headway.tasks.deploy import change_image, running_image, watch_changed
from headway.tasks.scan_registry import resolve_image


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = SetImageRequest.model_validate(parameters["request"])
    return f"{request.environment or request.namespace}: set image of {request.service}"


@flow(name="set-image", run_name=title)
def set_image(request: SetImageRequest) -> dict[str, object]:
    """Change the image of a running workload, without touching the config repo.

    For teams without a config repo. If there is one, the next reconcile restores
    the image in the repo: use a release instead.

    Args:
        request: Which image to set, and where.
    """
    with Connections() as connections:
        repository, context, namespace = request.service, request.context, request.namespace
        warning = ""
        if request.environment:
            config = connections.config(fetch_head(connections))
            environment = config.environment(request.environment)
            repository = config.service(request.service).image
            context, namespace = environment.cluster.context, environment.cluster.namespace
            warning = (
                f"the next reconcile of {request.environment} takes this back; "
                f"`headway release {request.environment} {request.service}=…` makes it stay"
            )
        elif not namespace:
            raise UsageError(
                "set-image needs a place",
                hint="give --namespace (and --context), or an environment of headway.yaml",
            )
        reference: ImageRef = resolve_image(connections, wanted_reference(repository, request.image))
        found: list[ImageSet] = running_image(connections, context, namespace, reference)
        asked = asked_by(actor_of(request.actor), request.reason)
        report("plan", set_image_plan(reference, namespace, found, asked, warning))
        if not found:
            raise FailedError(
                f"no workload in namespace {namespace} runs an image of {reference.name}",
                hint=f"see what runs there: kubectl -n {namespace} get deploy -o wide",
            )
        if request.dry_run:
            return {
                "namespace": namespace,
                "image": str(reference),
                "would_change": [str(it.object) for it in found if it.old != it.new],
            }
        if warning:
            log(f"the config repo is now behind: {warning}")
        note_unfinished(
            namespace,
            f"{namespace}: the image is set, and its rollout is not watched; set-image again watches it",
        )
        try:
            _change(connections, context, namespace, reference, found, float(request.timeout))
        finally:
            note_unfinished(namespace, "")
        return {
            "namespace": namespace,
            "image": str(reference),
            "changed": [str(it.object) for it in found],
        }


def _change(
    connections: Connections,
    context: str,
    namespace: str,
    reference: ImageRef,
    found: list[ImageSet],
    timeout: float,
) -> None:
    """Set the image and watch it roll out; tell how that ended, also where it cannot be known."""
    before = ", ".join(f"`{old}`" for old in sorted({it.old for it in found}))
    steps: list[Timed] = []

    def tell(verdicts: tuple[Verdict, ...] = (), cause: str = "", advice: str = "") -> None:
        text = set_image_report(
            reference, found, verdicts, context=context, cause=cause, advice=advice, steps=steps
        )
        report("outcome", text)

    began = time.monotonic()
    try:
        changed: list[ImageSet] = change_image(connections, context, namespace, reference)
        steps.append(("set the image", time.monotonic() - began))
        for it in changed:
            log(f"{it.object}: container {it.container}: {it.old} -> {it.new}")
        rollout: Rollout = watch_changed(connections, context, changed or found, timeout)
    except HeadwayError as error:
        tell(cause=error.message, advice=f"how far it came is not known; before it was {before}")
        raise
    steps.append(("roll out", rollout.seconds))
    if rollout.done:
        for each in rollout.verdicts:
            if each.status == "applied":
                log(str(each))
        tell(rollout.verdicts)
        return
    advice = f"set-image rolls nothing back; set the old image again: {before}"
    tell(rollout.verdicts, str(rollout.cause), advice)
    raise FailedError(f"{reference} is not live: {rollout.cause}", hint=advice)
