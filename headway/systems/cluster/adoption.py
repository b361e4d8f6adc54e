"""Take over what others made, because somebody asked for it: objects get the environment's labels.

From then on applying treats them as the environment's own. Nothing else of them is changed here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from headway.domain.objects.identity import MANAGER, ObjectId, Owner
from headway.systems.cluster.client import MERGE_PATCH, Cluster
from headway.systems.cluster.inspection import Item, inspect
from headway.systems.machine.parallel import each

if TYPE_CHECKING:
    from headway.domain.manifests.index import Manifest


def adopt(
    cluster: Cluster, manifests: Iterable[Manifest], namespace: str, owner: Owner
) -> list[tuple[ObjectId, str]]:
    """Mark the manifests' objects that others made as the environment's; return each, and who made it.

    Raises RefusedError as `inspect` does: what is another environment's stays there.
    """
    theirs = [it for it in inspect(cluster, manifests, namespace, owner).items if it.made_by]
    patch = json.dumps({"metadata": {"labels": owner.labels_at(namespace)}}).encode()

    def mark(item: Item) -> None:
        cluster.send("PATCH", item.path, {"fieldManager": MANAGER}, patch, content_type=MERGE_PATCH)

    each(mark, theirs)
    return [(it.id, it.made_by) for it in theirs]
