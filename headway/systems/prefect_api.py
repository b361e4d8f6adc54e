"""The Prefect server's HTTP API, as far as a command needs it: start a run and follow it.

Prefect itself is not imported, which would take longer than most runs.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import httpx

from headway.errors import FailedError, TransientError, UsageError

ASKING = ("release", "promote", "deliver")
"""The flows that may ask for an approval."""
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
POLL = 0.5
OVERLAP = 50
_NOISE = (
    "Beginning flow run",
    "Finished in state",
    "View at ",
    "Created task run",
    "Executing ",
    "Downloading flow code",
    "Encountered exception during execution",
    "error: ",
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a flow run ended: Prefect's state type, its name and its message."""

    run_id: str
    kind: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits for an approval; `asked` is when it was to start, as ISO 8601 in UTC."""

    run_id: str
    name: str
    app: str
    environment: str
    asked: str
    keys: dict[str, str]


class PrefectApi:
    """A client for one Prefect server. Credentials come from Prefect's own variables."""

    def __init__(self, url: str) -> None:
        if not url:
            raise UsageError(
                "no Prefect server is set",
                hint="set PREFECT_API_URL, or add --local to run in this process without Prefect",
            )
        self.url = url
        headers = {}
        auth: tuple[str, str] | None = None
        if key := os.environ.get("PREFECT_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        elif login := os.environ.get("PREFECT_API_AUTH_STRING"):
            name, _, password = login.partition(":")
            auth = (name, password)
        self._client = httpx.Client(base_url=url, headers=headers, auth=auth, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def check(self) -> str:
        """Give the server's version; raise where it cannot be reached or used."""
        return str(self._call("GET", "/admin/version"))

    def start(self, flow: str, deployment: str, parameters: dict[str, Any], key: str, tags: list[str]) -> str:
        """Start a run and give its id; the same key gives the same run."""
        found = self._call(
            "GET",
            f"/deployments/name/{flow}/{deployment}",
            missing=(
                f"the Prefect server has no deployment {flow}/{deployment}",
                "deploy headway's flows with `prefect deploy --all`, or add --local to run without Prefect",
            ),
        )
        run = self._call(
            "POST",
            f"/deployments/{found['id']}/create_flow_run",
            {"parameters": parameters, "idempotency_key": key, "tags": tags},
        )
        return str(run["id"])

    def waiting(self, app: str = "", environment: str = "") -> list[Waiting]:
        """List the runs that wait for an approval, the oldest first; of one app and environment or of all."""
        wanted = [f"{kind}:{name}" for kind, name in (("app", app), ("environment", environment)) if name]
        body = {
            "flow_runs": {
                "state": {"type": {"any_": ["PAUSED"]}},
                **({"tags": {"all_": wanted}} if wanted else {}),
            },
            "flows": {"name": {"any_": list(ASKING)}},
            "limit": 200,
        }
        found: list[Waiting] = []
        for run in self._call("POST", "/flow_runs/filter", body):
            tags = dict(it.partition(":")[::2] for it in run["tags"])
            if "app" not in tags or "environment" not in tags:
                continue
            keys = (run["state"].get("state_details") or {}).get("run_input_keyset") or {}
            asked = datetime.fromisoformat(run["expected_start_time"] or run["created"])
            at = asked.astimezone(UTC).isoformat()
            found.append(Waiting(str(run["id"]), run["name"], tags["app"], tags["environment"], at, keys))
        return sorted(found, key=lambda it: it.asked)

    def tag(self, run_id: str, tags: list[str]) -> None:
        """Set a run's tags."""
        self._call("PATCH", f"/flow_runs/{run_id}", {"tags": tags})

    def question(self, waiting: Waiting) -> tuple[str, str]:
        """Give what a waiting run asks about: the plan's fingerprint, and the plan in Markdown."""
        schema = self._input(waiting, "schema")
        text = self._input(waiting, "description")
        schema = schema if isinstance(schema, dict) else {}
        plan = (schema.get("properties") or {}).get("plan") or {}
        return str(plan.get("default", "")), str(text or "")

    def _input(self, waiting: Waiting, name: str) -> Any:
        key = waiting.keys.get(name)
        if not key:
            return None
        found = self._call("GET", f"/flow_runs/{waiting.run_id}/input/{key}", missing=("", ""))
        return json.loads(found) if isinstance(found, str) and name == "schema" else found

    def resume(self, run_id: str, answer: dict[str, Any]) -> None:
        """Answer a waiting run's question; raise UsageError where the server does not take the answer."""
        gone = f"the run {run_id} does not wait for an approval any more"
        found = self._call("POST", f"/flow_runs/{run_id}/resume", {"run_input": answer}, missing=(gone, ""))
        # A refused answer comes with 200 too; only the body says so.
        if isinstance(found, dict) and found.get("status") not in (None, "ACCEPT"):
            reason = (found.get("details") or {}).get("reason") or "it does not wait for an approval any more"
            raise UsageError(f"the Prefect server does not take the answer: {reason}")

    def cancel(self, run_id: str, message: str) -> None:
        """End a run that waits, and say why."""
        state = {"type": "CANCELLED", "name": "Superseded", "message": message}
        self._call("POST", f"/flow_runs/{run_id}/set_state", {"state": state, "force": True})

    def follow(self, run_id: str, tell: Callable[[str, str, str], None]) -> Ended:
        """Tell a run's log lines and reports as they come, until it ends."""
        told: set[str] = set()
        waiting = ""
        while True:
            run = self._call("GET", f"/flow_runs/{run_id}")
            for entry in self._logs(run_id, len(told)):
                if entry["id"] not in told:
                    told.add(entry["id"])
                    if not _is_own_noise(entry):
                        tell("log", "", entry["message"])
            for artifact in self._reports(run_id):
                if artifact["id"] not in told:
                    told.add(artifact["id"])
                    tell("report", artifact["key"] or "", artifact["data"] or "")
            state = run["state"] or {"type": "PENDING", "name": "Pending", "message": ""}
            if state["type"] in FINAL:
                return Ended(run_id, state["type"], state["name"], state["message"] or "")
            if state["type"] != "RUNNING" and state["name"] != waiting:
                waiting = state["name"]
                said = "it waits for an approval: `headway approve`, or Resume on its page in the Prefect UI"
                late = f"the run is {waiting.lower()}; a worker takes it in some seconds"
                tell("log", "", said if state["type"] == "PAUSED" else late)
            time.sleep(POLL)

    def _logs(self, run_id: str, told: int) -> list[dict[str, Any]]:
        body = {
            "logs": {"flow_run_id": {"any_": [run_id]}},
            "sort": "TIMESTAMP_ASC",
            # Lines of several threads may come late and out of order; the last ones are looked at again.
            "offset": max(0, told - OVERLAP),
            "limit": 200,
        }
        found: list[dict[str, Any]] = self._call("POST", "/logs/filter", body)
        return found

    def _reports(self, run_id: str) -> list[dict[str, Any]]:
        body = {"artifacts": {"flow_run_id": {"any_": [run_id]}, "type": {"any_": ["markdown"]}}, "limit": 50}
        found: list[dict[str, Any]] = self._call("POST", "/artifacts/filter", body)
        return sorted(found, key=lambda it: str(it["created"]))

    def _call(
        self, method: str, path: str, body: object = None, missing: tuple[str, str] | None = None
    ) -> Any:
        pause = 0.2
        for attempt in range(6):
            try:
                response = self._client.request(method, path, json=body)
            except httpx.HTTPError as error:
                raise TransientError(
                    f"the Prefect server at {self.url} does not answer: {type(error).__name__}",
                    hint="is it running? `headway doctor` checks; --local works without it",
                ) from None
            if response.status_code != 503 or attempt == 5:
                break
            # A SQLite server answers 503 at once while another run is being written.
            time.sleep(pause)
            pause *= 2
        if response.status_code == 404 and missing:
            raise UsageError(missing[0], hint=missing[1])
        if response.status_code in (401, 403):
            raise FailedError(
                f"the Prefect server at {self.url} refuses the login",
                hint="set PREFECT_API_AUTH_STRING or PREFECT_API_KEY",
            )
        if response.status_code in (409, 422):
            raise UsageError(f"the Prefect server refuses the request: {_detail(response)}")
        if response.status_code >= 500:
            raise TransientError(f"the Prefect server at {self.url} answers {response.status_code}")
        if response.is_error:
            raise FailedError(f"the Prefect server answers {response.status_code}: {_detail(response)}")
        return response.json() if response.content else None


def _is_own_noise(entry: dict[str, Any]) -> bool:
    """Tell Prefect's lines about its own machinery from what a flow says."""
    return entry["name"] not in {"prefect.flow_runs", "prefect.task_runs"} or entry["message"].startswith(
        _NOISE
    )


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json().get("detail", response.text))[:1000]
    except ValueError:
        return response.text[:1000]
