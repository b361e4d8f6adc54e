"""Background runs: scans and reconciles that a schedule or an event starts, and nobody waits for.

Such a run reads what is true when it runs. After hours without a worker there are hundreds of them, each of which
would do what the one before it did. So of several that are late one is enough, and what people ask for comes first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from headway.domain.runs.keys import ASIDE

QUEUE = "background"
"""The work queue of background runs, which comes after that of everything else."""
PEOPLE = "default"
"""The work queue of what people and CI ask for: every pool has it, and it comes first."""
LATE = timedelta(minutes=1)
"""How much older a run must be than one that has begun: the clocks of two machines differ."""
_FLOWS = frozenset({"watch", "reconcile"})
_ASKED = frozenset({"cli", "ci", "api"})
_BY_ITSELF = frozenset({"auto-scheduled", "serve"})


@dataclass(frozen=True, slots=True)
class BackgroundRun:
    """A background run: `scope` is what it scans or reconciles, `due` when it was to begin."""

    run_id: str
    scope: str
    due: datetime


def background_run(
    run_id: str,
    deployment: str,
    tags: Collection[str],
    parameters: Mapping[str, Any],
    due: datetime | None,
    made_by: str = "",
) -> BackgroundRun | None:
    """Return a run as a background run; None where a person or CI asked for it, or where it does anything else.

    `made_by` is what made it as Prefect says, such as AUTOMATION.
    """
    by_itself = bool(_BY_ITSELF & set(tags)) or made_by == "AUTOMATION"
    if due is None or not by_itself or not _FLOWS & set(tags) or _ASKED & set(tags):
        return None
    request = parameters.get("request")
    asked = {key: it for key, it in request.items() if key not in ASIDE} if isinstance(request, dict) else {}
    return BackgroundRun(run_id, f"{deployment} {json.dumps(asked, sort_keys=True, default=str)}", due)


def needless(runs: Iterable[BackgroundRun], begun: Mapping[str, datetime]) -> list[BackgroundRun]:
    """Return the runs that another one stands for: a newer one of these, or one that has begun since.

    `begun` says when a run of a scope began last.
    """
    newest: dict[str, BackgroundRun] = {}
    found: list[BackgroundRun] = []
    for run in runs:
        began = begun.get(run.scope)
        if began is not None and run.due + LATE <= began:
            found.append(run)
            continue
        other = newest.setdefault(run.scope, run)
        if other is not run:
            older, newest[run.scope] = sorted((other, run), key=lambda it: it.due)
            found.append(older)
    return found
