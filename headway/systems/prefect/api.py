"""The Prefect server's HTTP API, as far as a command needs it: start a run and follow it.

Prefect itself is not imported, which would take longer than most runs.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headway.domain.runs.background import PEOPLE, QUEUE
from headway.errors import TransientError, UsageError
from headway.systems.prefect.http import PrefectHttp
from headway.systems.prefect.run_log import PAGE, TAIL, RunLog, ends, lines, page

ASKING = ("release", "promote", "deliver")
"""The flows that may ask for an approval."""
RESTARTED = ("release", "promote", "rollback", "deliver", "build-images")
"""The flows whose dead runs are restarted: the repo says what came after them. Others have a schedule, or a person."""
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
AGAIN = "AwaitingRetry"
"""The state in which a run that is restarted waits for a worker."""
CANCELLED = (
    "it was cancelled, and its process has ended. What it had committed to the config repo stays: "
    "the next reconcile brings it to the cluster, and `headway rollback` takes it back"
)
"""What it means for a run that somebody has cancelled it."""
NEW = {"type": "PENDING", "name": "Pending", "message": ""}
"""The state of a run that has none yet."""
POLL = 0.5
QUESTION = 5.0
"""Seconds that a run may take from its suspension to its question."""
PATIENCE = 120.0
"""Seconds that a followed run's server may be away."""
Guard = Callable[[str, Mapping[str, Any]], None]
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a flow run ended: Prefect's state type, its name and its message."""

    run_id: str
    kind: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class DeadRun:
    """A run whose process ended before the run did; times are aware, `attempts` counts its starts.

    `cancelled` says that somebody had cancelled it by then, so that it is not to restart.
    """

    run_id: str
    name: str
    flow: str
    parameters: dict[str, Any]
    asked: datetime
    attempts: int
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits for an approval; `asked` is when it was to start, as ISO 8601 in UTC.

    `release_id` is the one that it was given, and `actor` who asked, where they were.
    """

    run_id: str
    name: str
    app: str
    environment: str
    asked: str
    keys: dict[str, str]
    release_id: str = ""
    actor: str = ""


class PrefectApi(PrefectHttp):
    """Starts runs, follows them, and answers those that wait."""

    def check(self) -> str:
        """Return the server's version; raise where it cannot be reached or used."""
        return str(self.call("GET", "/admin/version"))

    def start(
        self,
        flow: str,
        deployment: str,
        parameters: dict[str, Any],
        key: str,
        tags: list[str],
        guard: Guard,
    ) -> str:
        """Start a run and return its id; the same key gives the same run."""
        return self.started(flow, deployment, parameters, key, tags, guard)[0]

    def started(
        self,
        flow: str,
        deployment: str,
        parameters: dict[str, Any],
        key: str,
        tags: list[str],
        guard: Guard,
    ) -> tuple[str, bool]:
        """Start a run and return its id, and whether it is a new one; without a key it is.

        `guard` is given the deployment's name and what the server tells of it, and raises where it is not ours.
        """
        found = self.call(
            "GET",
            f"/deployments/name/{flow}/{deployment}",
            missing=(
                f"the Prefect server has no deployment {flow}/{deployment}",
                "`python -m headway.deployments.sync` makes them, one for each environment" + self.instead,
            ),
        )
        guard(f"{flow}/{deployment}", found)
        # Always a key, since the call is sent again where the server was busy or lost.
        body = {"parameters": parameters, "idempotency_key": key or uuid.uuid4().hex, "tags": tags}
        if found.get("work_queue_name") == QUEUE and set(tags) & {"cli", "ci", "api", "board"}:
            # Somebody waits for it, so it does not stand behind background runs.
            body["work_queue_name"] = PEOPLE
        answer = self.send("POST", f"/deployments/{found['id']}/create_flow_run", body, keyed=True)
        return str(answer.json()["id"]), answer.status_code == 201

    def log_after(self, run_id: str, tag: str, after: int) -> dict[str, Any] | None:
        """Return how a run with a tag goes, and its log lines from the `after`-th on; None where there is none.

        It is `complete` when the run has ended and its very last line is among these, whether they are shown or not.
        """
        run = self.find(f"/flow_runs/{run_id}") if _UUID.fullmatch(run_id) else None
        if run is None or tag not in run["tags"]:
            return None
        entries, state = page(self, run_id, after), run["state"] or NEW
        final = state["name"] if state["type"] in FINAL else ""
        complete = len(entries) < PAGE and ends(entries, final)
        return {
            "run": run_id,
            "title": run["name"],
            "state": state["type"],
            "name": state["name"],
            "message": state["message"] or "",
            "log": lines(entries),
            "next": after + len(entries),
            "complete": complete,
            # How it ended, with the last words of the container that failed.
            "reports": [
                {"key": it["key"], "text": it["data"] or ""}
                for it in (self._reports(run_id) if final else ())
                if "outcome" in (it["key"] or "")
            ],
        }

    def waiting(self, app: str = "", environment: str = "") -> list[Waiting]:
        """Return the runs that wait for an approval, the oldest first; of one app and environment or of all."""
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
        for run in self.call("POST", "/flow_runs/filter", body):
            tags = dict(it.partition(":")[::2] for it in run["tags"])
            if "app" not in tags or "environment" not in tags:
                continue
            keys = (run["state"].get("state_details") or {}).get("run_input_keyset") or {}
            asked = datetime.fromisoformat(run["expected_start_time"] or run["created"])
            at = asked.astimezone(UTC).isoformat()
            request = (run.get("parameters") or {}).get("request") or {}
            own, actor = (str(request.get(it) or "") for it in ("release_id", "actor"))
            found.append(
                Waiting(str(run["id"]), run["name"], tags["app"], tags["environment"], at, keys, own, actor)
            )
        return sorted(found, key=lambda it: it.asked)

    def tag(self, run_id: str, tags: list[str]) -> None:
        """Set a run's tags."""
        self.call("PATCH", f"/flow_runs/{run_id}", {"tags": tags})

    def question(self, waiting: Waiting) -> tuple[str, str]:
        """Return what a waiting run asks about: the plan's fingerprint, and the plan in Markdown.

        Prefect suspends a run first and writes down its question after that; it is waited for. Where the run
        died in between both are empty, and the server takes no answer.
        """
        until = time.monotonic() + QUESTION
        while (schema := self._input(waiting, "schema")) is None and time.monotonic() < until:
            time.sleep(0.1)
        text = self._input(waiting, "description")
        schema = json.loads(schema) if isinstance(schema, str) else schema or {}
        plan = (schema.get("properties") or {}).get("plan") or {}
        return str(plan.get("default", "")), str(text or "")

    def _input(self, waiting: Waiting, name: str) -> Any:
        """Read a part of a question; None where it is not written yet."""
        return self.find(f"/flow_runs/{waiting.run_id}/input/{waiting.keys.get(name) or 'none'}")

    def resume(self, run_id: str, answer: dict[str, Any]) -> None:
        """Answer a waiting run's question; raise UsageError where the server does not take the answer."""
        gone = f"the run {run_id} does not wait for an approval any more"
        found = self.call("POST", f"/flow_runs/{run_id}/resume", {"run_input": answer}, missing=(gone, ""))
        # A refused answer comes with 200 too; only the body says so.
        if isinstance(found, dict) and found.get("status") not in (None, "ACCEPT"):
            reason = (found.get("details") or {}).get("reason") or "it does not wait for an approval any more"
            raise UsageError(f"the Prefect server does not take the answer: {reason}")

    def supersede(self, run_id: str, message: str) -> bool:
        """End a run that waits, and say why; return False where it was answered meanwhile."""
        state = {"type": "CANCELLED", "name": "Superseded", "message": message}
        return self._move(run_id, "PAUSED", state)

    def bury(self, run_id: str, message: str, name: str = "Superseded") -> bool:
        """End a run that crashed for good; return False where somebody else has seen to it by now."""
        state = {"type": "CANCELLED", "name": name, "message": message}
        return self._move(run_id, "CRASHED", state)

    def give_up(self, run_id: str, message: str) -> bool:
        """Call a run that crashed failed; return False where somebody else has seen to it by now."""
        return self._move(run_id, "CRASHED", {"type": "FAILED", "name": "Failed", "message": message})

    def cancelled(self, run_id: str) -> bool:
        """Return whether somebody has cancelled a run."""
        return self.call("GET", f"/flow_runs/{run_id}")["state"]["type"] in ("CANCELLING", "CANCELLED")

    def restart(self, run_id: str, message: str) -> bool:
        """Restart a run that crashed; return False where somebody else has seen to it by now."""
        return self._move(run_id, "CRASHED", {"type": "SCHEDULED", "name": AGAIN, "message": message})

    def _move(self, run_id: str, since: str, state: dict[str, str]) -> bool:
        """Set a run's state where it is still of the type that it was seen in."""
        if self.call("GET", f"/flow_runs/{run_id}")["state"]["type"] != since:
            return False
        self.call("POST", f"/flow_runs/{run_id}/set_state", {"state": state, "force": True})
        return True

    def dead(self, since: datetime, until: datetime, app: str) -> list[DeadRun]:
        """Return the runs of headway's that crashed in a span of time: of an application, and of none."""
        body = {
            "flow_runs": {
                "state": {"type": {"any_": ["CRASHED"]}},
                "tags": {"all_": ["headway"]},
                "end_time": {"after_": since.isoformat(), "before_": until.isoformat()},
            },
            "flows": {"name": {"any_": list(RESTARTED)}},
            "sort": "END_TIME_DESC",
            "limit": 50,
        }
        runs = [
            it
            for it in self.call("POST", "/flow_runs/filter", body)
            if f"app:{app}" in it["tags"] or not any(tag.startswith("app:") for tag in it["tags"])
        ]
        names = {it["flow_id"]: "" for it in runs}
        for flow_id in names:
            names[flow_id] = str(self.call("GET", f"/flows/{flow_id}")["name"])
        return [
            DeadRun(
                str(it["id"]),
                it["name"],
                names[it["flow_id"]],
                (it["parameters"] or {}).get("request") or {},
                datetime.fromisoformat(it["expected_start_time"] or it["created"]).astimezone(UTC),
                *self._starts(str(it["id"])),
            )
            for it in runs
        ]

    def _starts(self, run_id: str) -> tuple[int, bool]:
        """Count how often a run was to start, and say whether it was cancelled since the last time.

        Prefect's own count leaves out what died before it ran.
        """
        states = self.call("GET", f"/flow_run_states/?flow_run_id={run_id}")
        again = [number for number, it in enumerate(states) if it["name"] == AGAIN]
        since = states[again[-1] :] if again else states
        return 1 + len(again), any(it["type"] == "CANCELLING" for it in since)

    def follow(self, run_id: str, tell: Callable[[str, str, str], None]) -> Ended:
        """Pass on a run's log lines and reports as they come, until it has ended and none is left."""
        log, reported, waiting = RunLog(self, run_id), set[str](), ""
        ended: Ended | None = None
        ended_at = 0.0
        away_since: float | None = None
        while True:
            try:
                state = self.call("GET", f"/flow_runs/{run_id}")["state"] or NEW
                if state["type"] not in FINAL:
                    ended = None
                elif ended is None:
                    ended = Ended(run_id, state["type"], state["name"], state["message"] or "")
                    ended_at = time.monotonic()
                for line in log.news(ended.name if ended else ""):
                    tell("log", "", line)
                for artifact in self._reports(run_id):
                    if artifact["id"] not in reported:
                        reported.add(artifact["id"])
                        tell("report", artifact["key"] or "", artifact["data"] or "")
                away_since = None
            except TransientError as error:
                # A server that is restarted while a run goes on is no reason to lose sight of the run.
                if away_since is None:
                    away_since = time.monotonic()
                    tell("log", "", f"{error.message}; the run goes on, looking again")
                if ended is None and time.monotonic() - away_since > PATIENCE:
                    raise
            else:
                if ended is None and state["type"] != "RUNNING" and state["name"] != waiting:
                    waiting = state["name"]
                    said = (
                        "it waits for an approval: `headway approve`, or Resume on its page in the Prefect UI"
                    )
                    does = "ends" if state["type"] == "CANCELLING" else "takes"
                    late = f"the run is {waiting.lower()}; a worker {does} it in some seconds"
                    tell("log", "", said if state["type"] == "PAUSED" else late)
            if ended is not None and (log.complete or time.monotonic() - ended_at > TAIL):
                return ended
            time.sleep(POLL)

    def _reports(self, run_id: str) -> list[dict[str, Any]]:
        body = {"artifacts": {"flow_run_id": {"any_": [run_id]}, "type": {"any_": ["markdown"]}}, "limit": 50}
        found: list[dict[str, Any]] = self.call("POST", "/artifacts/filter", body)
        return sorted(found, key=lambda it: str(it["created"]))
