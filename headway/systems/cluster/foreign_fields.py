"""Find the fields that other tools set on an object and its manifest does not have.

What looks like one may be the API server's default, which counts as the creator's. So the
server is asked, in a dry run, what the object would be without them: what comes back is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from headway.domain.objects.compare import FieldDiff
from headway.domain.objects.drift import FIXED_KINDS, HIDDEN
from headway.domain.objects.fields import Trail, at_trail, foreign_fields, trail_label, without_trails
from headway.domain.objects.identity import MANAGER
from headway.systems.cluster.client import JSON_PATCH, Cluster
from headway.systems.cluster.inspection import Item


def left_by_others(cluster: Cluster, item: Item) -> tuple[FieldDiff, ...]:
    """Return the fields that another tool set on an object and that stay there when its manifest is applied."""
    return tuple(
        FieldDiff(trail_label(trail), _shown(item, trail), f"(not in the repo; set by {manager})")
        for trail, manager in _real(cluster, item, goes=False)
    )


def removed(cluster: Cluster, item: Item) -> tuple[FieldDiff, ...]:
    """Return the fields that people, or managers that are taken over, set and that applying the manifest removes."""
    return tuple(
        FieldDiff(trail_label(trail), _shown(item, trail), None)
        for trail, _ in _real(cluster, item, goes=True)
    )


def going(cluster: Cluster, item: Item) -> frozenset[Trail]:
    """Return the paths of those fields, as managedFields has them."""
    return frozenset(trail for trail, _ in _real(cluster, item, goes=True))


def _shown(item: Item, trail: Trail) -> Any:
    secret = "Secret" in (item.id.kind, (item.live or {}).get("kind"))
    return HIDDEN if secret else at_trail(item.live, trail)


def _real(cluster: Cluster, item: Item, *, goes: bool) -> list[tuple[Trail, str]]:
    if item.live is None or item.id.kind in FIXED_KINDS:
        return []
    found = [
        (trail, manager)
        for trail, manager, will_go in foreign_fields(item.live["metadata"], item.wanted, item.claims)
        if will_go is goes and at_trail(item.live, trail) is not None
    ]
    if not found:
        return []
    after = _without(cluster, item, item.live, [trail for trail, _ in found])
    return [(trail, who) for trail, who in found if at_trail(after, trail) != at_trail(item.live, trail)]


def _without(cluster: Cluster, item: Item, live: Mapping[str, Any], trails: list[Trail]) -> Any:
    """Return what an object would be without these fields; where the server refuses to say, simply without them."""
    less = without_trails(live, trails)
    version = live["metadata"]["resourceVersion"]
    patch: list[dict[str, Any]] = [{"op": "test", "path": "/metadata/resourceVersion", "value": version}]
    for name in live:
        if name not in less:
            patch.append({"op": "remove", "path": f"/{name}"})
        elif less[name] != live[name]:
            patch.append({"op": "replace", "path": f"/{name}", "value": less[name]})
    query = {"fieldManager": MANAGER, "dryRun": "All"}
    body = json.dumps(patch).encode()
    answer = cluster.exchange("PATCH", item.path, query, body, content_type=JSON_PATCH)
    return json.loads(answer.data) if answer.status < 400 else less
