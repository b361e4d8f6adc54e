"""What is done to a cluster, and what is asked of it, for one environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headway.domain.health.kinds import rules_of
from headway.domain.images.reference import Image, ImageRef
from headway.domain.objects.identity import ObjectId
from headway.domain.objects.provenance import Provenance, applied_from
from headway.domain.releases.rehearsal import Rehearsal, touched
from headway.operations.comparison import drift_of, jobs_done, source_of
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.runtime.steps import log
from headway.systems.cluster.adoption import adopt
from headway.systems.cluster.apply import Applied, apply
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.drift import Drift
from headway.systems.cluster.proof import Proof, prove
from headway.systems.cluster.provenance import record, recorded, refuse_copy
from headway.systems.cluster.rehearsal import rehearse_all
from headway.systems.cluster.rollout import Rollout, watch, watch_workloads
from headway.systems.cluster.set_image import ImageSet, set_image
from headway.systems.cluster.verify import Verification, verify


def compare(connections: Connections, desired: Desired) -> list[Drift]:
    """Return what applying an environment would change, and change nothing."""
    return drift_of(connections, desired, log)


def adopt_objects(connections: Connections, desired: Desired) -> None:
    """Mark objects that others made, and the environment itself, as this config repo's."""
    cluster = _cluster(connections, desired)
    for identity, made_by in adopt(cluster, desired.manifests, desired.namespace, desired.owner):
        log(f"taken over: {identity}, made by {made_by}")
    last = recorded(cluster, desired.namespace, desired.owner)
    source = source_of(connections, desired, last)
    if last is not None and not applied_from(last, source):
        record(cluster, desired.namespace, desired.owner, Provenance(source.repo, desired.commit))
        log(f"{desired.owner} was applied from {last.repo}, and is {source.repo}'s from now on")


def rehearse(
    connections: Connections, desired: Desired, files: Mapping[str, bytes], whole: bool
) -> Rehearsal:
    """Try on the cluster what an environment would be with these files; `whole`: also look what would be pruned."""
    planned = desired.with_files(files)
    cluster = _cluster(connections, planned)
    last = recorded(cluster, planned.namespace, planned.owner)
    refuse_copy(last, source_of(connections, desired, last), planned.owner, planned.namespace)
    return rehearse_all(
        cluster,
        planned.manifests,
        planned.namespace,
        planned.owner,
        of_release=touched(desired.objects, planned.objects),
        takeover=planned.environment.takeover,
        ran=jobs_done(connections, planned) if last is not None else frozenset(),
        prune=whole and not planned.problems,
    )


def apply_manifests(connections: Connections, desired: Desired, held: Callable[[], None]) -> Applied:
    """Make the cluster's objects equal to the manifests.

    Nothing is pruned while a file does not parse: what it holds is not known. Nothing is done
    where the environment was applied from another config repo, and nothing once `held` raises.
    """
    cluster = _cluster(connections, desired).fenced(held)
    last = recorded(cluster, desired.namespace, desired.owner)
    source = source_of(connections, desired, last)
    refuse_copy(last, source, desired.owner, desired.namespace)
    done = apply(
        cluster,
        desired.manifests,
        desired.namespace,
        desired.owner,
        prune=not desired.problems,
        takeover=desired.environment.takeover,
        # In a namespace that was recreated nothing has run yet.
        ran=jobs_done(connections, desired) if last is not None else frozenset(),
        on_progress=log,
    )
    if last is None or last.repo != source.repo or done.touched:
        record(cluster, desired.namespace, desired.owner, Provenance(source.repo, desired.commit))
    return done


def watch_rollout(
    connections: Connections,
    desired: Desired,
    changed: frozenset[ObjectId] | None,
    held: Callable[[], None],
    stop: Callable[[], bool],
    progress: Callable[[str], None] = log,
) -> Rollout:
    """Follow the workloads until each is live, or one has certainly failed."""
    return watch(
        _cluster(connections, desired).fenced(held),
        desired.manifests,
        desired.namespace,
        desired.planned,
        changed=changed,
        timeout=desired.environment.timeout.total_seconds(),
        stop=stop,
        on_progress=progress,
        rules=rules_of(desired.config.document),
        ran=jobs_done(connections, desired),
        engines=desired.engines,
    )


def verify_release(
    connections: Connections,
    desired: Desired,
    commit: str,
    held: Callable[[], None],
    stop: Callable[[], bool],
) -> Verification:
    """Ask what `verify` in headway.yaml says must be true after a rollout."""
    rule = desired.environment.verify
    assert rule is not None
    return verify(
        rule,
        _cluster(connections, desired).fenced(held),
        desired.namespace,
        job=connections.repo.read(desired.commit, rule.job) if rule.job else None,
        environment=desired.name,
        key=commit,
        prometheus=connections.settings.prometheus,
        stop=stop,
        on_progress=log,
    )


def prove_equality(connections: Connections, desired: Desired) -> Proof:
    """Compare every object with the cluster's, and every pod's digest with the plan."""
    cluster = _cluster(connections, desired)
    return prove(
        cluster,
        desired.manifests,
        desired.namespace,
        desired.owner,
        desired.planned,
        takeover=desired.environment.takeover,
    )


def running_image(connections: Connections, context: str, namespace: str, image: ImageRef) -> list[ImageSet]:
    """Return which running containers would get the image, and change nothing."""
    return set_image(connections.cluster(context), namespace, _runs(image), str(image), dry_run=True)


def change_image(connections: Connections, context: str, namespace: str, image: ImageRef) -> list[ImageSet]:
    """Return every running container of the image's repository the image, and say which they are."""
    return set_image(connections.cluster(context), namespace, _runs(image), str(image))


def watch_changed(connections: Connections, context: str, changed: list[ImageSet], timeout: float) -> Rollout:
    """Follow the workloads whose image was set."""
    planned = {
        each.object: {it.container: it.new.partition("@")[2] for it in changed if it.object == each.object}
        for each in changed
    }
    return watch_workloads(connections.cluster(context), planned, planned, timeout=timeout, on_progress=log)


def _runs(image: ImageRef) -> Callable[[str], bool]:
    """Return a test of whether a container's image is of this image's repository."""

    def runs_it(value: str) -> bool:
        found = Image(value).ref
        return found is not None and found.same_repository(image)

    return runs_it


def _cluster(connections: Connections, desired: Desired) -> Cluster:
    """Return an environment's cluster; a request to it that hangs is told in this task's log."""
    cluster = connections.environment_cluster(desired.environment)
    cluster.in_flight.tell(log)
    return cluster
