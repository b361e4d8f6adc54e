"""flow, task and what goes with them: Prefect's own, or plain ones with the same retries.

The order of the steps is written once, in flows/. With HEADWAY_LOCAL set those
files run in this process without a Prefect server and without importing Prefect,
which takes seconds: the way to roll back when the server is down.
"""

from __future__ import annotations

import os

if os.environ.get("HEADWAY_LOCAL", "").lower() in {"1", "true", "yes"}:
    from headway.runtime.local import (
        alongside,
        announce,
        ask,
        asked_before,
        bury,
        dead_runs,
        ended_runs,
        flow,
        give_up,
        log,
        mark_notified,
        reading,
        report,
        restart,
        run_identity,
        run_page,
        side_by_side,
        supersede,
        task,
        warn,
    )
else:
    from headway.runtime.orchestrated import (
        alongside,
        announce,
        ask,
        asked_before,
        bury,
        dead_runs,
        ended_runs,
        flow,
        give_up,
        log,
        mark_notified,
        reading,
        report,
        restart,
        run_identity,
        run_page,
        side_by_side,
        supersede,
        task,
        warn,
    )

__all__ = [
    "alongside",
    "announce",
    "ask",
    "asked_before",
    "bury",
    "dead_runs",
    "ended_runs",
    "flow",
    "give_up",
    "log",
    "mark_notified",
    "reading",
    "report",
    "restart",
    "run_identity",
    "run_page",
    "side_by_side",
    "supersede",
    "task",
    "warn",
]
