"""The buttons of a release's message. They carry names, and no authority: whoever presses is asked for theirs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from headway.domain.notifications.notices import Notice

ACTIONS = "headway"
"""The name of the block that the buttons stand in."""
APPROVE, REJECT, PLAN, ROLL_BACK = "approve", "reject", "plan", "rollback"
CONFIRM, CHOOSE = "confirm", "choose"
PREFIX = "headway_"
VALUE = 2000
"""Characters that a button may carry (Slack, Block Kit)."""
_OF = {
    "waiting": (APPROVE, REJECT, PLAN),
    **dict.fromkeys(("live", "applied", "failed", "unfinished"), (ROLL_BACK,)),
}
_WORDS = {APPROVE: "Approve", REJECT: "Reject", PLAN: "Show plan", ROLL_BACK: "Roll back…"}
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_FIELDS = {
    "app": _NAME,
    "environment": _NAME,
    "verb": re.compile(r"promote|rollback"),
    "run": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "plan": re.compile(r"[0-9a-f]{12}"),
    "commit": re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}"),
    "to": re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}"),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a button is about: names of an environment, a run, a plan, a commit. It is looked up when it is pressed."""

    app: str = ""
    environment: str = ""
    services: tuple[str, ...] = ()
    verb: str = ""
    run: str = ""
    plan: str = ""
    commit: str = ""
    to: str = ""

    def to_value(self) -> str:
        """Return it as a button carries it."""
        fields = {name: it for name in _FIELDS if (it := getattr(self, name))}
        return json.dumps({**fields, **({"services": self.services} if self.services else {})})

    @classmethod
    def from_value(cls, text: str) -> Subject | None:
        """Read what `to_value` wrote; None where it is anything else."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(data, dict) or not data.keys() <= {*_FIELDS, "services"}:
            return None
        services = data.pop("services", [])
        if not isinstance(services, list) or not all(_fits(_NAME, it) for it in services):
            return None
        if not all(_fits(_FIELDS[name], it) for name, it in data.items()):
            return None
        return cls(**data, services=tuple(services))


NOTHING = Subject()


def buttons(notice: Notice) -> list[dict[str, Any]]:
    """Return the buttons of a release in its state; none where it is over, or where they would be about nothing."""
    subject = Subject(notice.app, notice.environment, run=notice.run, plan=notice.plan, commit=notice.commit)
    about = notice.run and notice.plan if notice.state == "waiting" else notice.commit
    return [button(it, _WORDS[it], subject) for it in _OF.get(notice.state, ())] if about else []


def button(kind: str, word: str, subject: Subject) -> dict[str, Any]:
    """Return one button. Answers to a plan are asked about once more, by Slack itself."""
    found: dict[str, Any] = {
        "type": "button",
        "action_id": PREFIX + kind,
        "text": {"type": "plain_text", "text": word},
        "value": subject.to_value(),
    }
    if kind in (APPROVE, CONFIRM):
        found["style"] = "primary"
    if kind == REJECT:
        found["style"] = "danger"
    if kind in (APPROVE, REJECT):
        found["confirm"] = {
            "title": _plain(f"{word}?"),
            "text": _plain(f"{word} plan {subject.plan} for {subject.environment}."),
            "confirm": _plain(word),
            "deny": _plain("Cancel"),
        }
    return found


def _plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def _fits(pattern: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None
