"""What the config repo says one environment should be, at one commit."""

from __future__ import annotations

from headway.connections import Connections
from headway.domain.config import Config
from headway.domain.manifests import Manifest
from headway.domain.objects import ObjectId, Owner, id_of
from headway.domain.planned import planned_digests
from headway.errors import Problem, UsageError


class Desired:
    """An environment at a commit: its objects, its images and the digests they must run with.

    Not a dataclass on purpose: Prefect walks into those to look for futures, and
    an environment may have thousands of objects.
    """

    __slots__ = (
        "by_id",
        "commit",
        "config",
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
        tree = connections.repo.tree(commit, self.environment.path)
        self.tree = tree.sha
        self.indexes = connections.repo.index(tree)
        self.manifests: list[Manifest] = [it for index in self.indexes for it in index.manifests]
        self.problems: tuple[Problem, ...] = tuple(it for index in self.indexes for it in index.problems)
        self.by_id: dict[ObjectId, Manifest] = {
            id_of(it.object, self.environment.cluster.namespace): it for it in self.manifests
        }
        self.owner = Owner(config.app, name)
        self.planned = planned_digests(self.manifests, self.environment.cluster.namespace)
        if not self.indexes:
            raise UsageError(
                f"environment {name} has no manifests: {self.environment.path}/ at {commit[:9]} is empty or missing",
                hint="put Kubernetes YAML there, or correct `path` in headway.yaml",
            )

    @property
    def namespace(self) -> str:
        """The namespace of objects that name none."""
        return self.environment.cluster.namespace
