"""How an environment's cluster stands beside what the config repo says of it. It only looks."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

from headway.domain.objects.drift import Drift
from headway.domain.objects.identity import ObjectId
from headway.domain.objects.oneshot import already_run, runs_once
from headway.domain.objects.provenance import Provenance, Source, source_name
from headway.errors import FailedError, HeadwayError
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.snapshot import Snapshot
from headway.systems.cluster.drift import diff, remains
from headway.systems.cluster.inspection import fought_in
from headway.systems.cluster.provenance import recorded, refuse_copy
from headway.systems.git.config_repo import ConfigRepo

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def source_of(connections: Connections, desired: Desired, last: Provenance | None) -> Source:
    """Return what the config repo at hand knows of an environment that was applied as `last` says."""
    repo = connections.repo
    known = last is not None and _COMMIT.fullmatch(last.commit) is not None
    knows = known and last is not None and repo.rev_parse(last.commit) is not None
    return Source(source_name(repo.url, repo.home.folder), knows, repo.live(desired.name) is not None)


def jobs_done(connections: Connections, desired: Desired) -> frozenset[ObjectId]:
    """Return the Jobs and the like that have run: they stand unchanged in the commit that is live."""
    commit = connections.repo.live(desired.name)
    if commit is None or not any(runs_once(it.object) for it in desired.manifests):
        return frozenset()
    try:
        live = desired.past(commit)
    except HeadwayError:
        return frozenset()
    wanted = {key: it.object for key, it in desired.by_id.items()}
    return already_run(wanted, {key: it.object for key, it in live.by_id.items()})


def fights(connections: Connections, desired: Desired) -> list[str]:
    """Return which manifests set replicas that an autoscaler sets too, each with its line."""
    return fought_in(
        connections.environment_cluster(desired.environment), desired.manifests, desired.namespace
    )


def drift_of(connections: Connections, desired: Desired, warn: Callable[[str], None]) -> list[Drift]:
    """Return how an environment's cluster differs from the repo; `warn` is called with what was not compared."""
    cluster = connections.environment_cluster(desired.environment)
    cluster.in_flight.tell(warn)
    last = recorded(cluster, desired.namespace, desired.owner)
    refuse_copy(last, source_of(connections, desired, last), desired.owner, desired.namespace)
    for line in fights(connections, desired):
        warn(line)
    return diff(
        cluster,
        desired.manifests,
        desired.namespace,
        desired.owner,
        warn,
        takeover=desired.environment.takeover,
        ran=jobs_done(connections, desired) if last is not None else frozenset(),
    )


def remains_of(connections: Connections, desired: Desired) -> list[Drift]:
    """Return what applying an environment would leave in its cluster: deletions that wait, fields of other tools.

    Deletions are looked for among the kinds that the repo has now, had when it was live, or had before its last
    change; `drift_of` searches all kinds.
    """
    return remains(
        connections.environment_cluster(desired.environment),
        desired.manifests,
        desired.namespace,
        desired.owner,
        _kinds(connections.repo, desired),
        takeover=desired.environment.takeover,
    )


def _kinds(repo: ConfigRepo, desired: Desired) -> set[tuple[str, str]]:
    last = repo.last_change(desired.name, desired.environment.path, desired.commit)
    found = set(desired.by_id)
    for commit in {*last.parents, repo.live(desired.name) or last.commit} - {last.commit}:
        # A state that cannot be read, or had no such environment, adds no kinds.
        with contextlib.suppress(HeadwayError):
            found |= desired.past(commit).by_id.keys()
    return {(it.group, it.kind) for it in found}


def check_readable(snapshot: Snapshot, name: str) -> None:
    """Raise FailedError where files of an environment are left out: what they hold is neither applied nor pruned."""
    problems = snapshot.problems(name)
    if problems:
        files = len({it.file for it in problems})
        count = "a file that is" if files == 1 else f"{files} files that are"
        raise FailedError(
            "\n".join(
                [f"{name} has {count} left out, and nothing is pruned meanwhile:", *map(str, problems)]
            ),
            hint="correct them, or name what is not meant for the cluster in .headwayignore",
        )
