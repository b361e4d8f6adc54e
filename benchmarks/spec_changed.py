"""From "release it" to the Deployment's spec, to three ready pods, and back: beside kubectl doing only that.

headway resolves the digest, plans, commits, pushes and then applies; kubectl changes
the object and nothing else. Both are seen by the same bare watch.
"""

from __future__ import annotations

import os
import time

from benchmarks.measure import Comparison, tell
from benchmarks.place import Place, image, image_of, rolled_out, run


def run_rounds(place: Place, rounds: int, rows: dict[str, Comparison]) -> None:
    """Alternate kubectl and headway, forth and back."""
    from headway.flows.release import release_images
    from headway.flows.rollback import roll_back
    from headway.operations.connections import Connections
    from headway.requests import ReleaseRequest, RollbackRequest, ServiceImage

    first, second = (image(place.registry, it) for it in ("v1", "v2"))
    deployments = place.deployments()

    def through(since: float, target: str) -> float:
        return deployments.when(since, lambda it: image_of(it) == target and rolled_out(it))

    def changed(since: float, target: str) -> float:
        return deployments.when(since, lambda it: image_of(it) == target)

    with Connections() as connections:
        for number in range(rounds):
            tell(f"  round {number + 1} of {rounds}")
            # kubectl, forth and back
            began = time.perf_counter()
            run("kubectl", "-n", place.name, "set", "image", "deployment/web", f"web={second}")
            rows["changed"].theirs.append(changed(began, second))
            rows["ready"].theirs.append(through(began, second))
            began = time.perf_counter()
            run("kubectl", "-n", place.name, "rollout", "undo", "deployment/web")
            rows["back"].theirs.append(changed(began, first))
            through(began, first)
            # headway, forth and back
            began = time.perf_counter()
            # What the previous round rolled back is vetoed, so it is forced.
            request = ReleaseRequest(
                environment="staging",
                images=[ServiceImage(service="web", image="v2")],
                force=True,
                reason="again",
            )
            release_images(connections, request)
            ended = time.perf_counter() - began
            rows["changed"].ours.append(changed(began, second))
            truth = through(began, second)
            rows["ready"].ours.append(truth)
            rows["told"].ours.append(ended - truth)
            began = time.perf_counter()
            roll_back(connections, RollbackRequest(environment="staging"))
            rows["back"].ours.append(changed(began, first))
            through(began, first)
    deployments.close()


def run_all(rounds: int) -> list[Comparison]:
    """Measure on a place of its own."""
    rows = {
        "changed": Comparison(
            "release requested → spec changed, repo pushed first", "kubectl set image", "0.25 s"
        ),
        "ready": Comparison("release requested → 3 replicas ready", "kubectl set image, bare watch", "1.15"),
        "told": Comparison("pods ready → headway says “live”, outcome recorded", "–", "0.2 s"),
        "back": Comparison(
            "rollback requested → spec changed, repo updated", "kubectl rollout undo", "0.25 s"
        ),
    }
    place = Place()
    os.environ["HEADWAY_LOCAL"] = "1"
    from headway.flows.reconcile import make_equal
    from headway.operations.connections import Connections
    from headway.runtime import local

    local.listen(lambda *_: None)
    with Connections() as connections:
        make_equal(connections, "staging").check()
    run_rounds(place, rounds, rows)
    place.delete()
    return list(rows.values())
