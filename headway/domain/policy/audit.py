"""The audit: a line for each act that somebody asked for, allowed or not: on the board, through the API, in Slack."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from headway.domain.policy.roles import Identity
from headway.domain.text.visible import visible_line

Answer = Literal["allowed", "denied", "refused", "failed"]
LONGEST = 2000
"""Characters of one text in a line."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who asked for what, where, and what the answer was.

    `at` is an ISO time in UTC. `answer` is `denied` where the right is missing, `refused` where something else
    holds the act back, `failed` where it could not be begun. `plan` is the fingerprint of the plan that was shown.
    """

    at: str
    who: str
    way_in: str
    verb: str
    environment: str = ""
    services: tuple[str, ...] = ()
    plan: str = ""
    answer: Answer = "allowed"
    why: str = ""

    def to_line(self) -> str:
        """Return the act as one line of JSON; what people typed is cut and cannot break the line or hide in it."""
        return json.dumps(self.as_dict(), ensure_ascii=False)

    def as_dict(self) -> dict[str, Any]:
        """Return what `headway audit --output json` prints."""
        said = {
            key: visible_line(it)[:LONGEST] if isinstance(it, str) else it for key, it in asdict(self).items()
        }
        return {**said, "services": [visible_line(it)[:LONGEST] for it in self.services]}


def act_of(
    who: Identity,
    verb: str,
    now: datetime,
    *,
    environment: str = "",
    services: Iterable[str] = (),
    plan: str = "",
) -> Act:
    """Return what somebody asks for, before it is answered."""
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Act(at, who.actor or "nobody", who.way_in, verb, environment, tuple(services), plan)


def answered(act: Act, answer: Answer, why: str = "") -> Act:
    """Return an act with its answer."""
    return replace(act, answer=answer, why=why)


def read_acts(lines: Iterable[str]) -> Iterator[Act]:
    """Read what `to_line` wrote; a line that is broken, as by a full disk, is left out, and unknown keys are too."""
    known = {it.name for it in fields(Act)}
    for line in lines:
        try:
            found = json.loads(line)
            yield Act(**{k: tuple(v) if k == "services" else str(v) for k, v in found.items() if k in known})  # type: ignore[arg-type]
        except (ValueError, TypeError, AttributeError):
            continue


def chosen(
    acts: Iterable[Act], *, environment: str = "", who: str = "", verb: str = "", since: str = ""
) -> Iterator[Act]:
    """Yield the acts that are asked for; `since` is an ISO time in UTC."""
    for act in acts:
        fits = (not environment or act.environment in ("", environment)) and (not verb or act.verb == verb)
        if fits and (not who or who.casefold() in act.who.casefold()) and act.at >= since:
            yield act
