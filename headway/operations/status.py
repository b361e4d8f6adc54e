"""What an environment should run, what it runs, and whether that is healthy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from headway.domain.health.kinds import rules_of
from headway.domain.images.reference import Image
from headway.domain.manifests.expected import pod_spec
from headway.domain.objects.drift import Drift
from headway.domain.objects.identity import ObjectId
from headway.domain.releases.ledger import short_tag
from headway.domain.releases.plans import service_of
from headway.errors import HeadwayError
from headway.operations.blocked import waits
from headway.operations.comparison import drift_of, jobs_done, remains_of
from headway.operations.connections import Connections
from headway.operations.desired import Desired
from headway.operations.older_push import going_on, older_push
from headway.operations.snapshot import Snapshot
from headway.systems.cluster.rollout import Standing, look

NOT_DEPLOYED = "not deployed yet"


def environment_status(
    connections: Connections,
    snapshot: Snapshot,
    name: str,
    tell: Callable[[str], None],
    *,
    compare: bool = False,
) -> dict[str, Any]:
    """Compare one environment's repo and cluster, as data for a table or JSON.

    A folder that cannot be read and a cluster that cannot be asked are warnings: the rest is still shown.
    `wrong` says what is not as it should be; `compare` looks for drift too, which asks the cluster for each object.
    `tell` is given a line at once where the cluster keeps us waiting, or where something cannot be compared.
    """
    last = connections.repo.last_change(name, snapshot.place(name), snapshot.commit)
    live = connections.repo.live(name)
    found = _Findings(live is None and not last.state, tell)
    if live != last.commit:
        found.wrong.append(_summary(last.commit, last.state, live))
    unread: list[str] = []
    try:
        desired = snapshot.environment(name)
        unread = sorted({it.file for it in desired.problems})
        found.wrong += [f"{it} is left out" for it in unread]
        services = _services(connections, desired, found, compare)
    except HeadwayError as error:
        services = []
        found.warnings.append(error.message)
        found.wrong.append(error.message)
    warnings, pushed = found.warnings, _older_push(connections, snapshot, name, found)
    return {
        "environment": name,
        "commit": snapshot.commit,
        "last_change": last.commit,
        "live": live,
        "state": last.state or (NOT_DEPLOYED if found.fresh else "not reconciled yet"),
        "summary": _summary(last.commit, last.state, live) + _but(unread),
        "left_out": unread,
        "wrong": list(dict.fromkeys(found.wrong)),
        "services": services,
        "waits": _waits(connections, snapshot, name, warnings),
        "older_push": pushed,
        "stuck": [{"object": str(it.object), "waits": str(it.fields[0].live)} for it in found.stuck],
        "fields_of_others": {str(it.object): len(it.fields) for it in found.kept},
        "warnings": list(dict.fromkeys(warnings)),
    }


@dataclass(slots=True)
class _Findings:
    """What one look at an environment found beside its services; `fresh` says that nothing was deployed yet."""

    fresh: bool
    tell: Callable[[str], None]
    warnings: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stuck: list[Drift] = field(default_factory=list)
    kept: list[Drift] = field(default_factory=list)

    def remain(self, drifts: list[Drift]) -> None:
        """Note what stays in the cluster as it is: deletions that do not end, and fields of other tools."""
        self.stuck = [it for it in drifts if it.action == "deleting"]
        self.kept = [it for it in drifts if it.action == "keep"]


def _services(
    connections: Connections, desired: Desired, found: _Findings, compare: bool
) -> list[dict[str, Any]]:
    found.warnings += [
        f"left out, and nothing is pruned meanwhile: {problem}" for problem in desired.problems
    ]
    found.warnings += [f"warning: {doubt}" for doubt in desired.doubts]
    standings: dict[ObjectId, Standing] = {}
    try:
        cluster = connections.environment_cluster(desired.environment)
        cluster.in_flight.tell(found.tell)
        ran = jobs_done(connections, desired)
        rules = rules_of(desired.config.document)
        standings = look(
            cluster, desired.manifests, desired.namespace, desired.planned, ran, desired.named, rules
        )
        if compare and (drifts := drift_of(connections, desired, found.tell)):
            count = "an object is" if len(drifts) == 1 else f"{len(drifts)} objects are"
            found.wrong.append(f"{count} not as in the repo; `headway diff {desired.name}` shows it")
            found.remain(drifts)
        elif not compare and not found.fresh:
            _remains(connections, desired, found)
    except HeadwayError as error:
        found.warnings.append(f"the cluster cannot be asked: {error.message}")
        found.wrong.append(f"the cluster cannot be asked: {error.message}")
        # Of kinds that have no pods nobody looked whether they are there.
        standings = {key: it for key, it in standings.items() if it.wanted}
    if not found.fresh:
        # Where nothing was deployed yet, that is said already, and once.
        sick = {key: it for key, it in standings.items() if it.verdict.status != "live"}
        found.wrong += [f"{key} is {it}" for key, it in sick.items() if it.verdict.put_off != "idle"]
    images = desired.images_by_object
    return [
        row for each in desired.config.services for row in _service(desired, each, images, standings, found)
    ]


def _remains(connections: Connections, desired: Desired, found: _Findings) -> None:
    try:
        found.remain(remains_of(connections, desired))
    except HeadwayError as error:
        found.warnings.append(f"what stays in the cluster beside the repo is not known: {error.message}")


def _older_push(connections: Connections, snapshot: Snapshot, name: str, found: _Findings) -> str:
    """Return that a push which reverts images is not applied, and how to go on; empty where none is."""
    try:
        said = older_push(connections.repo, snapshot, name, found.warnings.append)
    except HeadwayError as error:
        found.warnings.append(error.message)
        return ""
    if not said:
        return ""
    found.wrong.append(f"a push reverts images, and is not applied: {said}")
    return f"a push reverts images, and is not applied: {said}; {going_on(name)}"


def _waits(connections: Connections, snapshot: Snapshot, name: str, warnings: list[str]) -> list[str]:
    try:
        warnings += map(str, snapshot.unknown_holds)
        return waits(connections, snapshot, name, datetime.now(UTC))
    except HeadwayError as error:
        warnings.append(error.message)
        return []


def _service(
    desired: Desired,
    service: str,
    images_by_object: Mapping[ObjectId, list[Image]],
    standings: dict[ObjectId, Standing],
    found: _Findings,
) -> list[dict[str, Any]]:
    rows = []
    for key, images in images_by_object.items():
        mine = [image for image in images if service_of(desired.config, image) == service]
        if not mine:
            continue
        standing = standings.get(key)
        # What an operator makes of a field is not known, and a ConfigMap runs nothing.
        is_field = pod_spec(desired.by_id[key].object) is None and (standing is None or not standing.wanted)
        # Of kinds that have no pods of their own nobody looked whether they are there.
        missing = (
            found.fresh
            and standing is not None
            and (standing.verdict.cause.code == "NotFound" or not (standing.wanted or is_field))
        )
        unseen = "-" if is_field else "unknown"
        rows.append(
            {
                "service": service,
                "object": str(key),
                "image": ", ".join(dict.fromkeys(map(short_tag, mine))),
                "reference": mine[0].text,
                "running": "-" if missing or is_field else standing.pods if standing else "?",
                "health": NOT_DEPLOYED if missing else str(standing) if standing else unseen,
            }
        )
    return rows


def _but(unread: list[str]) -> str:
    """Return that files are left out; empty where none is."""
    if not unread:
        return ""
    return f", but {'a file is' if len(unread) == 1 else f'{len(unread)} files are'} left out"


def _summary(commit: str, state: str, live: str | None) -> str:
    state = "applied, not running" if state == "applied" else state
    if live == commit:
        return f"live at {commit[:9]}"
    if live is None and not state:
        return f"{NOT_DEPLOYED} (the repo is at {commit[:9]})"
    if live is None:
        return f"{commit[:9]} is {state or 'not reconciled yet'}; nothing was live before"
    return f"{commit[:9]} is {state or 'not reconciled yet'}; {live[:9]} was live last"
