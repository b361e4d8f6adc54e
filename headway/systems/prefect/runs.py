"""The runs that a Prefect server has of one application: what goes on now, and how one of them is cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headway.domain.runs.background import LATE, BackgroundRun, background_run
from headway.domain.runs.claims import APP_TAG
from headway.errors import UsageError
from headway.systems.prefect.http import PrefectHttp

NEEDLESS = "superseded by a newer scan, which sees the same"
AT_ONCE = 50
"""How many runs the server changes in one call."""
OPEN = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"]
PAGE = 200


@dataclass(frozen=True, slots=True)
class Going:
    """A run that has not ended; `asked` is when it was to start, as ISO 8601 in UTC."""

    run_id: str
    name: str
    environment: str
    state: str
    asked: str

    def as_dict(self) -> dict[str, str]:
        """Return what `--output json` prints."""
        return {
            "run": self.run_id,
            "what": self.name,
            "environment": self.environment,
            "state": self.state,
            "asked": self.asked,
        }


def going_on(api: PrefectHttp, app: str = "") -> list[Going]:
    """Return the runs of an application, or of all, that run, wait, or should have begun; the oldest first."""
    body = {
        "flow_runs": {
            "state": {"type": {"any_": OPEN}},
            "tags": {"all_": ["headway", *([f"{APP_TAG}{app}"] if app else [])]},
            "expected_start_time": {"before_": datetime.now(UTC).isoformat()},
        },
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": PAGE,
    }
    return [_going(it) for it in api.call("POST", "/flow_runs/filter", body)]


def drop_late_runs(api: PrefectHttp, run_id: str, now: datetime) -> int:
    """End the background runs that are late, where one that begins now does what they would do.

    Return how many there were; none where that run is no background run, or is not late itself.
    """
    mine = _background(api.call("GET", f"/flow_runs/{run_id}"))
    if mine is None or now - mine.due < LATE:
        return 0
    due = {
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "expected_start_time": {"before_": (now - LATE).isoformat()},
    }
    body = {
        "flow_runs": due,
        "deployments": {"id": {"any_": [mine.scope.partition(" ")[0]]}},
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": PAGE,
    }
    late: list[BackgroundRun | None] = []
    while page := api.call("POST", "/flow_runs/filter", {**body, "offset": len(late)}):
        late += map(_background, page)
    found = [it.run_id for it in late if it is not None and it.scope == mine.scope and it.run_id != run_id]
    for at in range(0, len(found), AT_ONCE):
        some = {**due, "id": {"any_": found[at : at + AT_ONCE]}}
        state = {"type": "CANCELLED", "name": "Superseded", "message": NEEDLESS}
        api.send("POST", "/flow_runs/bulk_set_state", {"flow_runs": some, "state": state}, keyed=True)
    return len(found)


def _background(run: dict[str, Any]) -> BackgroundRun | None:
    due = datetime.fromisoformat(run["expected_start_time"] or run["created"])
    made_by = (run.get("created_by") or {}).get("type") or ""
    return background_run(
        str(run["id"]), str(run["deployment_id"]), run["tags"], run["parameters"] or {}, due, made_by
    )


def _going(run: dict[str, Any]) -> Going:
    request = (run.get("parameters") or {}).get("request") or {}
    environment = str(request.get("environment") or "") if isinstance(request, dict) else ""
    asked = datetime.fromisoformat(run["expected_start_time"] or run["created"]).astimezone(UTC)
    return Going(str(run["id"]), run["name"], environment, run["state"]["name"], asked.isoformat())


def cancel_run(api: PrefectHttp, run_id: str, message: str) -> bool:
    """Cancel a run; return whether that has ended it already, since no process had it."""
    state = {"type": "CANCELLING", "name": "Cancelling", "message": message}
    answer = api.call(
        "POST",
        f"/flow_runs/{run_id}/set_state",
        {"state": state},
        missing=(f"the server has no run {run_id}", "`headway cancel` lists what runs"),
    )
    now = (answer.get("state") or {}).get("type", "")
    if now == "CANCELLED" and (answer.get("state") or {}).get("message") != message:
        # Without a process to end, the server takes a state of its own, which does not say who cancelled it.
        said = {"type": "CANCELLED", "name": "Cancelled", "message": message}
        api.call("POST", f"/flow_runs/{run_id}/set_state", {"state": said, "force": True})
    if now not in ("CANCELLING", "CANCELLED"):
        reason = (answer.get("details") or {}).get("reason") or f"it is {str(now).lower() or 'over'}"
        raise UsageError(f"the run cannot be cancelled any more: {reason}")
    return bool(now == "CANCELLED")
