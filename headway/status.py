"""What an environment should run, what it runs, and whether that is healthy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from headway.connections import Connections
from headway.desired import Desired, jobs_done
from headway.domain.config import Config
from headway.domain.history import short_tag
from headway.domain.objects import ObjectId
from headway.domain.planned import pod_spec
from headway.domain.plans import service_of
from headway.errors import HeadwayError
from headway.systems.rollout import Standing, look
from headway.waiting import waits


def environment_status(connections: Connections, config: Config, name: str, head: str) -> dict[str, Any]:
    """Compare one environment's repo and cluster, as data for a table or JSON.

    A folder that cannot be read and a cluster that cannot be asked are warnings: the rest is still shown.
    """
    last = connections.repo.last_change(name, config.environment(name).path, head)
    live = connections.repo.live(name)
    warnings: list[str] = []
    unread: list[str] = []
    try:
        desired = Desired(connections, config, name, head)
        unread = sorted({it.file for it in desired.problems})
        services = _services(connections, desired, warnings)
    except HeadwayError as error:
        services = []
        warnings.append(error.message)
    return {
        "environment": name,
        "commit": head,
        "last_change": last.commit,
        "live": live,
        "state": last.state or "not reached yet",
        "summary": _summary(last.commit, last.state, live) + _but(unread),
        "left_out": unread,
        "services": services,
        "waits": _waits(connections, config, name, head, warnings),
        "warnings": list(dict.fromkeys(warnings)),
    }


def _services(connections: Connections, desired: Desired, warnings: list[str]) -> list[dict[str, Any]]:
    warnings += [f"left out, and nothing is pruned meanwhile: {problem}" for problem in desired.problems]
    warnings += [f"warning: {doubt}" for doubt in desired.doubts]
    standings: dict[ObjectId, Standing] = {}
    try:
        cluster = connections.environment_cluster(desired.environment)
        ran = jobs_done(connections, desired)
        standings = look(cluster, desired.manifests, desired.namespace, desired.planned, ran)
    except HeadwayError as error:
        warnings.append(f"the cluster cannot be asked: {error.message}")
    config = desired.config
    return [row for each in config.services for row in _service(config, desired, each, standings)]


def _waits(connections: Connections, config: Config, name: str, head: str, warnings: list[str]) -> list[str]:
    try:
        holds = connections.holds(head)
        warnings += map(str, connections.unknown_holds(head))
        return waits(connections, config, holds, name, head, datetime.now(UTC))
    except HeadwayError as error:
        warnings.append(error.message)
        return []


def _service(
    config: Config, desired: Desired, service: str, standings: dict[ObjectId, Standing]
) -> list[dict[str, Any]]:
    rows = []
    for key, manifest in desired.by_id.items():
        spec = pod_spec(manifest.object)
        images = [str(it.get("image", "")) for it in (spec or {}).get("containers") or ()]
        mine = [image for image in images if service_of(config, image) == service]
        if not mine:
            continue
        standing = standings.get(key)
        rows.append(
            {
                "service": service,
                "object": str(key),
                "image": short_tag(mine[0]),
                "reference": mine[0],
                "running": standing.pods if standing else "?",
                "health": str(standing) if standing else "unknown",
            }
        )
    return rows


def _but(unread: list[str]) -> str:
    """Say that files are left out; nothing where none is."""
    if not unread:
        return ""
    return f", but {'a file is' if len(unread) == 1 else f'{len(unread)} files are'} left out"


def _summary(commit: str, state: str, live: str | None) -> str:
    state = "applied, not running" if state == "applied" else state
    if live == commit:
        return f"live at {commit[:9]}"
    if live is None and not state:
        return f"not deployed yet (the repo is at {commit[:9]})"
    if live is None:
        return f"{commit[:9]} is {state or 'not reached yet'}; nothing was live before"
    return f"{commit[:9]} is {state or 'not reached yet'}; {live[:9]} was live last"
