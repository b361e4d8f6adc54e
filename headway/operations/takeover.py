"""`headway adopt`: take over an environment's objects from another tool, once, without changing what they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headway.operations.connections import Connections
from headway.operations.deployment_lock import deployment_lock
from headway.systems.cluster.takeover import Foreign, foreign_objects, take_over


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is to be taken over in an environment."""

    environment: str
    objects: tuple[Foreign, ...]

    @property
    def trackers(self) -> list[str]:
        """The objects of other tools that deploy these, which would change or delete them again."""
        return sorted({it.tracked for it in self.objects if it.tracked})

    def as_dict(self) -> dict[str, Any]:
        """Return what `--output json` prints."""
        return {"environment": self.environment, "objects": [it.as_dict() for it in self.objects]}


def adoption_of(connections: Connections, name: str) -> Adoption:
    """Return what others hold of an environment's objects, and change nothing."""
    desired = connections.at(connections.repo.fetch()).environment(name)
    cluster = connections.environment_cluster(desired.environment)
    found = foreign_objects(cluster, desired.manifests, desired.namespace, desired.owner)
    return Adoption(name, tuple(found))


def adopt(connections: Connections, name: str) -> int:
    """Take these objects over while nobody else deploys there; return how many."""
    from headway.runtime.steps import log

    with deployment_lock(connections, name, None, connections.repo.fetch) as (held, head):
        desired = connections.at(head).environment(name)
        cluster = connections.environment_cluster(desired.environment).fenced(held)
        return len(take_over(cluster, desired.manifests, desired.namespace, desired.owner, log))
