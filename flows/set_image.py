"""V1: change the running object, and nothing else. The one exception to the one road."""

from __future__ import annotations

from typing import Any

from headway.connections import Connections
from headway.domain.images import ImageRef, wanted_reference
from headway.errors import FailedError, UsageError
from headway.requests import SetImageRequest
from headway.steps import flow, log
from tasks.deploying import change_image, watch_changed
from tasks.looking import fetch_head, resolve_image


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = SetImageRequest.model_validate(parameters["request"])
    return f"{request.environment or request.namespace}: set image of {request.service}"


@flow(name="set-image", run_name=title)
def set_image(request: SetImageRequest) -> dict[str, object]:
    """Give a running workload another image, behind the config repo's back.

    For teams without a config repo. Where there is one, the next reconcile
    brings back what the repo says; a release is the way to change that.

    Args:
        request: Which image, where.
    """
    with Connections() as connections:
        repository, context, namespace = request.service, request.context, request.namespace
        if request.environment:
            config = connections.config(fetch_head(connections))
            environment = config.environment(request.environment)
            repository = config.service(request.service).image
            context, namespace = environment.cluster.context, environment.cluster.namespace
            log(
                f"the config repo is now behind: the next reconcile of {request.environment} takes this back; "
                f"`headway release {request.environment} {request.service}=…` makes it stay"
            )
        elif not namespace:
            raise UsageError(
                "set-image needs a place",
                hint="give --namespace (and --context), or an environment of headway.yaml",
            )
        reference: ImageRef = resolve_image(connections, wanted_reference(repository, request.image))
        if request.dry_run:
            return {"namespace": namespace, "image": str(reference)}
        changed = change_image(connections, context, namespace, reference)
        if not changed:
            raise FailedError(
                f"no workload in namespace {namespace} runs an image of {reference.name}",
                hint=f"see what runs there: kubectl -n {namespace} get deploy -o wide",
            )
        for it in changed:
            log(f"{it.object}: container {it.container}: {it.old} -> {it.new}")
        rollout = watch_changed(connections, context, changed, float(request.timeout))
        if not rollout.live:
            raise FailedError(
                f"{reference} is not live: {rollout.diagnosis}",
                hint="set-image takes nothing back; set the old image again: "
                + ", ".join(sorted({it.old for it in changed})),
            )
        return {
            "namespace": namespace,
            "image": str(reference),
            "changed": [str(it.object) for it in changed],
        }
