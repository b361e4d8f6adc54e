"""The runs of an application that go on at a Prefect server, with the last line of each one's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headway.systems.prefect.api import PrefectApi
from headway.systems.prefect.run_log import lines

MOST = 50
"""So many runs are looked at; an application has few at a time."""
NEWEST = 10
"""So many of the newest lines of a log are read, since some of them are Prefect's own."""


@dataclass(frozen=True, slots=True)
class GoingOn:
    """A run that has begun and not ended; `services` are those that were asked for, empty where all were."""

    run_id: str
    name: str
    environment: str
    began: datetime
    line: str
    services: tuple[str, ...]


def going_on(api: PrefectApi, app: str) -> list[GoingOn]:
    """Return the runs that go on, of an application's environments, the oldest first."""
    body = {
        "flow_runs": {
            "state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}},
            "tags": {"all_": ["headway"]},
        },
        "sort": "START_TIME_ASC",
        "limit": MOST,
    }
    found: list[GoingOn] = []
    for run in api.call("POST", "/flow_runs/filter", body):
        tags = [it.partition(":") for it in run["tags"]]
        apps = {value for kind, _, value in tags if kind == "app"}
        request: dict[str, Any] = (run.get("parameters") or {}).get("request") or {}
        environment = str(request.get("environment") or "")
        if not environment or (apps and app not in apps):
            continue
        named = [*(request.get("services") or ()), *(it.get("service") for it in request.get("images") or ())]
        began = datetime.fromisoformat(run["start_time"] or run["created"])
        services = tuple(str(it) for it in named if it)
        found.append(
            GoingOn(str(run["id"]), run["name"], environment, began, _last_line(api, run["id"]), services)
        )
    return found


def _last_line(api: PrefectApi, run_id: str) -> str:
    body = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_DESC", "limit": NEWEST}
    entries = api.call("POST", "/logs/filter", body)
    return next(iter(lines(entries)), "")
