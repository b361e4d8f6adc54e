"""The log of a Prefect run as its followers see it: without Prefect's own lines, and to its end.

A run's process sends its lines in batches, every two seconds by default, so the last ones come after the
state that ends the run. The very last one is Prefect's own, and says that all the others are there.
"""

from __future__ import annotations

from typing import Any

from headway.systems.prefect.http import PrefectHttp

PAGE, OVERLAP = 200, 50
"""Lines that a server gives at once, and those looked at again: lines of several threads come out of order."""
TAIL = 3.0
"""Seconds after its end that the last lines of a run are waited for. One that was killed has no very last line."""
ERROR = "error: "
"""What the line begins with that says why a run failed; followers see it as the run's end."""
_LAST = "Finished in state"
_NOISE = (
    "Beginning flow run",
    _LAST,
    "View at ",
    "Created task run",
    "Executing ",
    "Downloading flow code",
    "Encountered exception during execution",
    "Engine execution exited",
    ERROR,
)


class RunLog:
    """What was passed on of a run's log. It is `complete` when its very last line has been read."""

    def __init__(self, api: PrefectHttp, run_id: str) -> None:
        self._api, self._run_id = api, run_id
        self._logged: set[str] = set()
        self.complete = False

    def news(self, final: str) -> list[str]:
        """Return the lines that were not given yet.

        `final` names the state that the run has ended in, or is empty. Then all of the log is looked through
        once more, for lines that came late.
        """
        entries: list[dict[str, Any]] = []
        start = 0 if final else max(0, len(self._logged) - OVERLAP)
        while True:
            found = page(self._api, self._run_id, start + len(entries))
            entries += found
            if len(found) < PAGE:
                break
        news = [it for it in entries if it["id"] not in self._logged]
        self._logged.update(it["id"] for it in news)
        self.complete = ends(entries, final)
        return lines(news)


def page(api: PrefectHttp, run_id: str, after: int) -> list[dict[str, Any]]:
    """Read a page of a run's log as the server has it, from the `after`-th entry on."""
    body = {
        "logs": {"flow_run_id": {"any_": [run_id]}},
        "sort": "TIMESTAMP_ASC",
        "offset": after,
        "limit": PAGE,
    }
    found: list[dict[str, Any]] = api.call("POST", "/logs/filter", body)
    return found


def lines(entries: list[dict[str, Any]]) -> list[str]:
    """Return what a flow and its tasks said, without Prefect's lines about its own machinery."""
    return [
        it["message"]
        for it in entries
        if it["name"] in {"prefect.flow_runs", "prefect.task_runs"} and not it["message"].startswith(_NOISE)
    ]


def ends(entries: list[dict[str, Any]], final: str) -> bool:
    """Return whether the last that a flow's logger says here is that the run has finished in that state.

    A run that waited for an approval, or was restarted, has such a line of another state for each time before.
    """
    said = [it["message"] for it in entries if it["name"] == "prefect.flow_runs"]
    return bool(said and final) and said[-1].startswith(f"{_LAST} {final}(")
