"""Runs that ended without being able to say so: cancelled, or out of time while they waited for an approval.

Who looks after one leaves a tag on it, so that everybody knows that people were notified.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headway.domain.runs.claims import apps_in
from headway.domain.runs.endings import NEVER_ANSWERED
from headway.systems.prefect.api import ASKING, DeadRun, PrefectApi

NOTIFIED = "notified"
"""The tag of a run whose end people were notified of."""
WATCH = "watch-registry"
RELEASING = (*ASKING, "rollback")
"""The flows that release something to one environment; a watch run does to several."""
TIMED_OUT = "timed out waiting for approval"
BY = "cancelled by "
"""How `headway cancel` begins to say who cancelled a run."""
PAGE = 200


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that ended; `state` is what that makes of its release, `cause` says why, `tags` are the run's own.

    One that `failed` by itself has most likely said so, and only an error that nobody foresaw kept it from that.
    """

    run: DeadRun
    state: str
    cause: str
    ended: datetime
    tags: tuple[str, ...]
    failed: bool = False


def ended_runs(api: PrefectApi, since: datetime, app: str) -> list[EndedRun]:
    """Return the runs that released something, ended since a time without an outcome, and are not marked as notified.

    Releases that died are left out, since they are restarted; watch runs are not, and the next one does the same.
    """
    found = [
        (it, why)
        # Apart, since watch runs fail often, and would leave no room on the page.
        for flows, kinds in ((RELEASING, ["CANCELLED", "FAILED"]), ([WATCH], ["CANCELLED", "CRASHED"]))
        for it in api.call("POST", "/flow_runs/filter", _filter(since, flows, kinds))
        if NOTIFIED not in it["tags"] and app in (apps_in(it["tags"]) or [app]) and (why := _why(it))
    ]
    names = {it["flow_id"]: "" for it, _ in found}
    for flow_id in names:
        names[flow_id] = str(api.call("GET", f"/flows/{flow_id}")["name"])
    return [_ended(api, it, names[it["flow_id"]], why) for it, why in found]


def _filter(since: datetime, flows: Iterable[str], kinds: list[str]) -> dict[str, Any]:
    return {
        "flow_runs": {
            "state": {"type": {"any_": kinds}},
            "tags": {"all_": ["headway"]},
            "end_time": {"after_": since.isoformat()},
            # One that never began has notified nobody of anything.
            "start_time": {"is_null_": False},
        },
        "flows": {"name": {"any_": list(flows)}},
        "sort": "END_TIME_DESC",
        "limit": PAGE,
    }


def mark_notified(api: PrefectApi, run: EndedRun) -> None:
    """Note on a run that people were notified of its end."""
    api.tag(run.run.run_id, sorted({*run.tags, NOTIFIED}))


def _why(run: dict[str, Any]) -> str:
    """Return why a run was cut off, as far as its last state tells; empty where it ended by itself."""
    state = run["state"]
    if state["type"] == "CANCELLED":
        # Whoever superseded it has notified.
        return "" if state["name"] == "Superseded" else "cancelled in Prefect"
    if state["type"] == "CRASHED":
        return "its process died; the next scan of the registry releases what is newest"
    said, _, _ = (state["message"] or "its run failed").partition("\n")
    return TIMED_OUT if NEVER_ANSWERED in said else said


def _ended(api: PrefectApi, run: dict[str, Any], flow: str, why: str) -> EndedRun:
    run_id = str(run["id"])
    if run["state"]["type"] == "CANCELLED":
        # The last state is its worker's, which says only that its process has ended.
        states = api.call("GET", f"/flow_run_states/?flow_run_id={run_id}")
        said = [it.get("message") or "" for it in states]
        why = next((it for it in reversed(said) if it.startswith(BY)), why)
    asked = datetime.fromisoformat(run["expected_start_time"] or run["created"]).astimezone(UTC)
    dead = DeadRun(run_id, run["name"], flow, (run["parameters"] or {}).get("request") or {}, asked, 1)
    ended = datetime.fromisoformat(run["end_time"]).astimezone(UTC)
    state = "superseded" if run["state"]["type"] == "CRASHED" else "rejected"
    failed = run["state"]["type"] == "FAILED" and why != TIMED_OUT
    return EndedRun(dead, state, why, ended, tuple(run["tags"]), failed)
