"""What the config repo says one environment should be, at one commit."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping

from headway.domain.config.reading import Config
from headway.domain.manifests.expected import containers_of, planned_digests, pod_spec
from headway.domain.manifests.index import FileIndex, Manifest, index_file
from headway.domain.objects.drift import Drift
from headway.domain.objects.identity import ObjectId, Owner, id_of
from headway.domain.objects.oneshot import already_run, runs_once
from headway.domain.objects.provenance import Provenance, Source
from headway.domain.text.addresses import repo_address
from headway.errors import FailedError, HeadwayError, Problem, UsageError
from headway.operations.connections import Connections
from headway.systems.cluster.drift import diff, remains
from headway.systems.cluster.inspection import fought_in
from headway.systems.cluster.provenance import recorded, refuse_copy

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Desired:
    """An environment at a commit: its objects, its images and the digests they must run with.

    Not a dataclass on purpose: Prefect walks into those to look for futures, and
    an environment may have thousands of objects.
    """

    __slots__ = (
        "by_id",
        "commit",
        "config",
        "doubts",
        "environment",
        "indexes",
        "manifests",
        "name",
        "owner",
        "planned",
        "problems",
        "tree",
    )

    def __init__(self, connections: Connections, config: Config, name: str, commit: str) -> None:
        self.config = config
        self.name = name
        self.environment = config.environment(name)
        self.commit = commit
        tree = connections.repo.tree(commit, self.environment.path, config.document.ignore)
        self.tree = tree.sha
        self.owner = Owner(config.app, name)
        self._read(connections.repo.index(tree))
        if not self.indexes:
            raise UsageError(
                f"environment {name} has no manifests: {self.environment.path}/ at {commit[:9]} is empty or missing",
                hint="put Kubernetes YAML there, or correct `path` in headway.yaml",
            )

    def with_files(self, files: Mapping[str, bytes]) -> Desired:
        """Give the environment as it would be with other contents of some of its files; it is no commit yet."""
        planned = copy.copy(self)
        planned._read(
            [index_file(files[it.path]).at(it.path) if it.path in files else it for it in self.indexes]
        )
        return planned

    def _read(self, indexes: list[FileIndex]) -> None:
        self.indexes = indexes
        self.manifests: list[Manifest] = [it for index in self.indexes for it in index.manifests]
        self.problems: tuple[Problem, ...] = tuple(it for index in self.indexes for it in index.problems)
        self.doubts: tuple[Problem, ...] = tuple(it for index in self.indexes for it in index.doubts)
        self.by_id: dict[ObjectId, Manifest] = {
            id_of(it.object, self.environment.cluster.namespace): it for it in self.manifests
        }
        self.planned = planned_digests(self.manifests, self.environment.cluster.namespace)

    @property
    def images(self) -> frozenset[str]:
        """The images of all containers."""
        specs = (pod_spec(it.object) or {} for it in self.manifests)
        return frozenset(str(each.get("image", "")) for spec in specs for each in containers_of(spec))

    @property
    def namespace(self) -> str:
        """The namespace of objects that name none."""
        return self.environment.cluster.namespace


def source_of(connections: Connections, desired: Desired, last: Provenance | None) -> Source:
    """Return what the config repo at hand knows of an environment that was applied as `last` says."""
    repo = connections.repo
    known = last is not None and _COMMIT.fullmatch(last.commit) is not None
    knows = known and last is not None and repo.rev_parse(last.commit) is not None
    return Source(repo_address(repo.url), knows, repo.live(desired.name) is not None)


def jobs_done(connections: Connections, desired: Desired) -> frozenset[ObjectId]:
    """Return the Jobs and the like that have run: they stand unchanged in the commit that is live."""
    commit = connections.repo.live(desired.name)
    if commit is None or not any(runs_once(it.object) for it in desired.manifests):
        return frozenset()
    try:
        live = Desired(connections, desired.config, desired.name, commit)
    except HeadwayError:
        return frozenset()
    wanted = {key: it.object for key, it in desired.by_id.items()}
    return already_run(wanted, {key: it.object for key, it in live.by_id.items()})


def fights(connections: Connections, desired: Desired) -> list[str]:
    """Say which manifests set replicas that an autoscaler of the repo or the cluster sets too, each with its place."""
    return fought_in(
        connections.environment_cluster(desired.environment), desired.manifests, desired.namespace
    )


def drift_of(connections: Connections, desired: Desired, warn: Callable[[str], None]) -> list[Drift]:
    """Return how an environment's cluster differs from the repo; `warn` hears what was not compared."""
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
    """Return what applying an environment would leave in its cluster: deletions that wait, fields of other tools."""
    return remains(
        connections.environment_cluster(desired.environment),
        desired.manifests,
        desired.namespace,
        desired.owner,
        takeover=desired.environment.takeover,
    )


def check_readable(connections: Connections, config: Config, name: str, commit: str) -> None:
    """Raise FailedError where files of an environment are left out: what they hold is neither applied nor pruned."""
    tree = connections.repo.tree(commit, config.environment(name).path, config.document.ignore)
    problems = [it for index in connections.repo.index(tree) for it in index.problems]
    if problems:
        files = len({it.file for it in problems})
        count = "a file that is" if files == 1 else f"{files} files that are"
        raise FailedError(
            "\n".join(
                [f"{name} has {count} left out, and nothing is pruned meanwhile:", *map(str, problems)]
            ),
            hint="correct them, or name what is not meant for the cluster in .headwayignore",
        )
