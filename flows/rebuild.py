"""An empty cluster becomes the whole application again, and the equality is proven."""

from __future__ import annotations

import time
from typing import Any

from headway.domain.images.reference import ImageRef
from headway.domain.releases.plans import images_of
from headway.errors import FailedError, TransientError
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.reports.plan import proof_report
from headway.operations.targets import rebuild_revision
from headway.requests import RebuildRequest
from headway.runtime.steps import flow, log, report, side_by_side
from headway.tasks.config_repo import fetch_head
from headway.tasks.deploy import apply_manifests, prove_equality, watch_rollout
from headway.tasks.scan_registry import missing_images


def title(parameters: dict[str, Any]) -> str:
    """Name a run after what it does."""
    request = RebuildRequest.model_validate(parameters["request"])
    return f"{', '.join(request.environments) or 'every environment'}: rebuild"


@flow(name="rebuild", run_name=title)
def rebuild(request: RebuildRequest) -> dict[str, object]:
    """Restore environments from the config repo, and prove that they match it.

    Namespaces and CRDs come first, then configuration, then workloads. At the
    end, every object in the cluster and the digest of every pod is compared
    with the repo.

    Args:
        request: Which environments to restore, and from which revision of the config repo.
    """
    began = time.monotonic()
    with Connections() as connections:
        config = connections.config(fetch_head(connections))
        names = config.chosen(*request.environments)
        everything = []
        for name in names:
            commit = rebuild_revision(connections.repo, name, request.revision)
            everything.append(connections.at(commit).environment(name))
            log(f"{name}: {len(everything[-1].manifests)} objects at {commit[:9]}")

        missing = _missing(connections, everything)
        if request.dry_run:
            return {"environments": names, "missing_images": sorted(map(str, missing))}

        arguments = [{"connections": connections, "desired": each} for each in everything]
        # It goes to clusters that hold nothing yet, so it waits for nobody's turn and holds no lease.
        free = {"held": lambda: None}
        side_by_side(apply_manifests, [{**each, **free} for each in arguments])
        watching = [{**each, **free, "changed": None, "stop": lambda: False} for each in arguments]
        rollouts = side_by_side(watch_rollout, watching)
        proofs = side_by_side(prove_equality, arguments)

    seconds = time.monotonic() - began
    report("proof", proof_report(names, proofs, seconds))
    wrong = [
        f"{name}: {rollout.cause if not rollout.done else proof.summary}"
        for name, rollout, proof in zip(names, rollouts, proofs, strict=True)
        if not (rollout.done and proof.equal)
    ]
    if wrong:
        raise FailedError(
            "the rebuild is not complete:\n" + "\n".join(wrong),
            hint="correct the cause and run `headway rebuild` again: it goes on where this one ended",
        )
    kept = [f"{name}: {proof.summary}" for name, proof in zip(names, proofs, strict=True) if proof.kept]
    log(
        "\n".join([f"rebuilt and proven {'to be as follows' if kept else 'equal'} in {seconds:.1f} s", *kept])
    )
    return {"environments": names, "seconds": round(seconds, 3), "equal": not kept}


def _missing(connections: Connections, everything: list[Desired]) -> list[ImageRef]:
    found = {
        image
        for desired in everything
        for images in images_of(desired.config, desired.indexes).values()
        for image in images
    }
    try:
        missing: list[ImageRef] = missing_images(
            connections, [it.ref for it in sorted(found, key=str) if it.ref is not None]
        )
    except TransientError as error:
        # What stands here is to be rebuilt all the same, and the pods say what they cannot pull.
        log(f"could not look whether the images are still there: {error.message}")
        return []
    for reference in missing:
        log(f"the registry no longer has {reference}: pods that need it will not start")
    if not missing:
        log(f"the registry has all {len(found)} images")
    return missing
