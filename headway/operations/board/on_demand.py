"""What the drawer asks for by itself once it is open: the diff to the candidate, and the pods with their log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from headway.domain.board.facts import Candidate
from headway.domain.board.pods import WorkloadPods
from headway.domain.images.reference import ImageRef
from headway.domain.objects.secrecy import is_secret, without_values
from headway.domain.releases.ledger import short_tag
from headway.errors import HeadwayError
from headway.operations.board.clusters import services_by_object
from headway.operations.connections import Connections
from headway.operations.live_images import live_in
from headway.operations.promotion import promoted
from headway.operations.proposal import plan_wanted
from headway.operations.reports.plan import plan_diff
from headway.operations.snapshot import Snapshot

WORKLOADS = 4
"""So many workloads of a service are looked at."""
WIDEST = 400
"""Where a line of a diff is cut."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a release of the candidate would change in the config repo; `why` says why that is nothing."""

    old: str = ""
    new: str = ""
    lines: tuple[str, ...] = ()
    why: str = ""


def difference(
    connections: Connections, snapshot: Snapshot, name: str, service: str, candidate: Candidate | None
) -> Difference:
    """Return the diff of the config repo's files from what an environment has to what it would get next.

    That is what is live in the environment before it, or else the newest image that the service's rule takes.
    """
    source = snapshot.rules(name).promote_from
    if source:
        live = live_in(connections.repo, snapshot, source, [service])
        if service not in live.images:
            return Difference(why=live.refused.get(service, f"{source} does not run it"))
        wanted, _ = promoted(snapshot.environment(name), live, [])
    elif candidate is None or not candidate.image:
        why = candidate.why if candidate is not None else "the registry was not asked yet"
        return Difference(why=why or "its rule takes nothing newer")
    else:
        wanted = {service: (ImageRef.parse(candidate.image), candidate.why)}
    plan = plan_wanted(snapshot, name, wanted)
    if not plan:
        return Difference(why=f"{name} has this already" + (f", as {source}" if source else ""))
    lines = (_cut(it) for it in plan_diff(plan, connections.repo.read, {}))
    change = plan.changes[0]
    return Difference(short_tag(change.old), short_tag(change.new), tuple(lines))


def pods(connections: Connections, snapshot: Snapshot, name: str, service: str) -> list[WorkloadPods]:
    """Return the pods of a service's workloads as the cluster has them now, with events and the end of a log.

    The values of Secrets that the config repo has are taken out of what programs and the cluster wrote.
    """
    from headway.systems.cluster.pod_reading import pods_of

    desired = snapshot.environment(name)
    mine = [key for key, services in services_by_object(desired).items() if service in services]
    cluster = connections.environment_cluster(desired.environment)
    secrets = [it.object for it in desired.manifests if is_secret(it.object)]
    found = [_without(pods_of(cluster, key), secrets) for key in sorted(mine)[:WORKLOADS]]
    left = len(mine) - len(found)
    return [*found, *([WorkloadPods(f"and {left} more workloads")] if left > 0 else [])]


def _without(found: WorkloadPods, secrets: Iterable[Mapping[str, Any]]) -> WorkloadPods:
    known = list(secrets)
    if not known:
        return found
    shown = tuple(
        replace(
            it,
            pod=replace(it.pod, message=without_values([it.pod.message], known)[0]),
            events=without_values(it.events, known),
            log=without_values(it.log, known),
        )
        for it in found.pods
    )
    return replace(found, pods=shown)


def _cut(line: str) -> str:
    return line if len(line) <= WIDEST else f"{line[:WIDEST]}…"


def said(error: HeadwayError) -> str:
    """Return an error with what to do next, in one line."""
    return f"{error.message}; {error.hint}" if error.hint else error.message
