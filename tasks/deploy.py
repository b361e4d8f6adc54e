"""Steps that touch a cluster: each is tried again as a whole after an error that may be over in a moment."""

from __future__ import annotations

from headway.operations import deployment
from headway.operations.connections import Connections
from headway.operations.deployment_lock import Held
from headway.operations.reconciliation import Reconciliation
from headway.runtime.steps import reading, task

compare = task(name="compare with the cluster", run_name="compare {desired.name} with the cluster")(
    deployment.compare
)
adopt_objects = task(name="take over objects", run_name="take over what {desired.name} finds in the cluster")(
    deployment.adopt_objects
)
rehearse = task(name="rehearse on the cluster", run_name="rehearse on {desired.name}", attempts=2)(
    deployment.rehearse
)
apply_manifests = task(name="apply to the cluster", run_name="apply {desired.name} to the cluster")(
    deployment.apply_manifests
)
watch_rollout = task(name="watch the rollout", run_name="watch {desired.name} roll out")(
    deployment.watch_rollout
)
prove_equality = task(name="prove equality", run_name="prove that {desired.name} equals the repo")(
    deployment.prove_equality
)
running_image = task(
    name="look what would change", run_name="look what runs {image.repository} in {namespace}"
)(deployment.running_image)
change_image = task(name="set the image", run_name="set {image} in {namespace}")(deployment.change_image)
watch_changed = task(name="watch the rollout", run_name="watch the changed workloads roll out")(
    deployment.watch_changed
)


@reading(name="look at the environment")
def look(connections: Connections, name: str, head: str, held: Held) -> Reconciliation:
    """Read what an environment should be at a commit, and what is known of it."""
    return Reconciliation(connections, name, head, held)


@task(name="apply to the cluster", run_name="apply {work.name} to the cluster")
def apply(work: Reconciliation) -> Reconciliation:
    """Make the cluster's objects equal to the manifests."""
    return work.apply()


@task(name="watch the rollout", run_name="watch {work.name} roll out")
def watch(work: Reconciliation) -> Reconciliation:
    """Follow the rollout until each workload is live, or one has certainly failed."""
    return work.watch()


@task(name="verify the release", run_name="verify {work.name}")
def verify(work: Reconciliation) -> Reconciliation:
    """Ask what `verify` in headway.yaml says must be true after a rollout."""
    return work.verify()
