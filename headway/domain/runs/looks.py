"""Runs that only say "look now": of several that should have begun by now, one is enough.

A look reads what is true when it runs. After hours without a worker there are hundreds of them, each of which
would do what the one before it did; what people ask for must not wait for that.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from headway.domain.runs.keys import ASIDE

QUEUE = "looks"
"""The work queue of looks, which comes after that of everything else."""
PEOPLE = "default"
"""The work queue of what people and CI ask for: every pool has it, and it comes first."""
LATE = timedelta(minutes=1)
"""How much older a look must be than one that has begun: the clocks of two machines differ."""
_FLOWS = frozenset({"watch", "reconcile"})
_ASKED = frozenset({"cli", "ci", "api"})
_BY_ITSELF = frozenset({"auto-scheduled", "serve"})


@dataclass(frozen=True, slots=True)
class Look:
    """A run that looks: what it looks at, and when it was to begin."""

    run_id: str
    scope: str
    due: datetime


def look_of(
    run_id: str,
    deployment: str,
    tags: Collection[str],
    parameters: Mapping[str, Any],
    due: datetime | None,
    made_by: str = "",
) -> Look | None:
    """Return a run as a look; None where a person or CI asked for it, or where it does more than look.

    `made_by` is what made it as Prefect says, such as AUTOMATION.
    """
    by_itself = bool(_BY_ITSELF & set(tags)) or made_by == "AUTOMATION"
    if due is None or not by_itself or not _FLOWS & set(tags) or _ASKED & set(tags):
        return None
    request = parameters.get("request")
    asked = {key: it for key, it in request.items() if key not in ASIDE} if isinstance(request, dict) else {}
    return Look(run_id, f"{deployment} {json.dumps(asked, sort_keys=True, default=str)}", due)


def needless(looks: Iterable[Look], begun: Mapping[str, datetime]) -> list[Look]:
    """Return the looks that another one stands for: a newer one of these, or one that has begun since.

    `begun` says when a look of a scope began last.
    """
    newest: dict[str, Look] = {}
    found: list[Look] = []
    for look in looks:
        began = begun.get(look.scope)
        if began is not None and look.due + LATE <= began:
            found.append(look)
            continue
        other = newest.setdefault(look.scope, look)
        if other is not look:
            older, newest[look.scope] = sorted((other, look), key=lambda it: it.due)
            found.append(older)
    return found
