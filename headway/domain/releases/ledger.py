"""What the config repo remembers: its commits as a ledger, and how reaching each of them ended.

An outcome is a line of the commit's Git note: JSON, appended, never rewritten. Lines
that people add to a note are left alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from headway.domain.health.cause import NO_CAUSE, Cause
from headway.domain.releases.message import (
    ReleaseRecord,
    derived_id,
    format_message,
    is_release_id,
    new_release_id,
    oldest_commit_time,
    parse_message,
    short_tag,
)

__all__ = [
    "APPROVED",
    "RENDERED",
    "REQUEST",
    "REVERTS",
    "UNDOES",
    "UNDONE",
    "Entry",
    "Outcome",
    "ReleaseRecord",
    "derived_id",
    "format_message",
    "is_release_id",
    "new_release_id",
    "oldest_commit_time",
    "parse_message",
    "parse_note",
    "short_tag",
]


APPROVED = "Approved-By"
"""The trailer that names who approved a release; one for each of them."""
REVERTS = "Reverts"
"""The trailer that names the failed commit which a commit rolls back."""
UNDOES = "Undoes"
"""The trailer that names another commit which a rollback undoes: its SHA-1, by whom, its subject."""
UNDONE = "Undone"
"""The trailer that names a person's commit which undid a release, once holds.yaml holds that back."""
RENDERED = "Rendered-With"
"""The trailer that names a tool which rendered the environment, with its version; one for each of them."""
REQUEST = "Request"
"""The trailer that tells the request which a release's id stands for from any other."""
FIRST_YEAR, LAST_YEAR = 1970, 9000
"""A note whose time is outside of these years was written by nobody's clock; times near 9999 overflow."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How reaching a commit ended: `live`, `failed`, `rolled-back`, `superseded`.

    `at` is when that was known, `seconds` how long it took, `by` who saw it. A commit may change
    several environments, and its note is one: `environment` says which of them this is about.
    """

    state: str
    at: datetime
    seconds: float = 0.0
    release_id: str = ""
    cause: Cause = NO_CAUSE
    by: str = "headway"
    environment: str = ""

    @classmethod
    def now(cls, state: str, seconds: float, release_id: str = "", cause: Cause = NO_CAUSE) -> Outcome:
        """Make the outcome of what has just ended."""
        at = datetime.now(UTC).replace(microsecond=0)
        return cls(state, at, round(seconds, 3), release_id, cause)

    def as_dict(self) -> dict[str, object]:
        """Return what `--output json` prints, without what is empty."""
        value: dict[str, object] = {
            "state": self.state,
            "at": self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "seconds": round(self.seconds, 3),
            "release": self.release_id,
            "diagnosis": str(self.cause),
            "by": self.by,
            "environment": self.environment,
            "blames": "" if self.cause.blames else False,
        }
        return {name: each for name, each in value.items() if each != ""}

    def to_line(self) -> str:
        """Write the outcome as one line of compact JSON, the line of a note."""
        return json.dumps(self.as_dict(), separators=(",", ":"))

    @classmethod
    def from_line(cls, line: str) -> Outcome | None:
        """Read one line of a note; None where it is a person's remark or cannot be read."""
        try:
            value = json.loads(line)
            at = datetime.fromisoformat(value["at"])
            at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
            if not FIRST_YEAR <= at.year < LAST_YEAR:
                return None
            return cls(
                state=str(value["state"]),
                at=at,
                seconds=float(value.get("seconds", 0)),
                release_id=str(value.get("release", "")),
                cause=Cause(text=str(value.get("diagnosis", "")), blames=value.get("blames") is not False),
                by=str(value.get("by", "")),
                environment=str(value.get("environment", "")),
            )
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None


def parse_note(text: str) -> tuple[Outcome, ...]:
    """Read a note's outcomes, the oldest first."""
    return tuple(outcome for line in text.split("\n") if line and (outcome := Outcome.from_line(line)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit of the ledger: a release, or a person's push where `record` is None.

    `time` is when it was committed, `environments` whose folders it touched,
    `outcomes` how reaching it went, the oldest first.
    """

    commit: str
    parents: tuple[str, ...]
    author: str
    time: datetime
    subject: str
    record: ReleaseRecord | None = None
    outcomes: tuple[Outcome, ...] = ()
    environments: tuple[str, ...] = ()

    def of(self, environment: str) -> Entry:
        """Return the same with the outcomes in one environment, and those that do not say where."""
        mine = tuple([it for it in self.outcomes if it.environment in ("", environment)])
        return self if len(mine) == len(self.outcomes) else replace(self, outcomes=mine)

    def at(self, environment: str) -> Entry:
        """Return the same as a change of one environment's folder, with the outcomes there."""
        return replace(self.of(environment), environments=(environment,))

    @property
    def environment(self) -> str:
        """The environment that the release names; empty for a push."""
        return self.record.environment if self.record else ""

    @property
    def release_id(self) -> str:
        """The release's id; empty for a push."""
        return self.record.id if self.record else ""

    @property
    def kind(self) -> str:
        """Return what kind of release it is, or `push`."""
        return self.record.kind if self.record else "push"

    @property
    def actor(self) -> str:
        """Return who asked for it, or who wrote the commit."""
        return (self.record.actor if self.record else "") or self.author

    @property
    def approvers(self) -> tuple[str, ...]:
        """Return who approved it, each with the reason where one was given."""
        return tuple(value for name, value in self.record.trailers if name == APPROVED) if self.record else ()

    @property
    def tools(self) -> tuple[str, ...]:
        """Return the tools that rendered the environment for this release, with their versions."""
        return tuple(value for name, value in self.record.trailers if name == RENDERED) if self.record else ()

    @property
    def reason(self) -> str:
        """Why, in the words of who asked."""
        return self.record.reason if self.record else ""

    @property
    def reverts(self) -> str:
        """The failed commit that it rolls back; empty where it is no rollback."""
        return dict(self.record.trailers).get(REVERTS, "") if self.record else ""

    @property
    def undoes(self) -> tuple[str, ...]:
        """The other commits that it undoes, as a rollback says."""
        trailers = self.record.trailers if self.record else ()
        return tuple(value.partition(" ")[0] for name, value in trailers if name == UNDOES)

    @property
    def request(self) -> str:
        """The mark of the request that its id stands for; empty where none is recorded."""
        return dict(self.record.trailers).get(REQUEST, "") if self.record else ""

    @property
    def what(self) -> str:
        """Return what changed, in one line: services and their new tags, or the commit's subject."""
        if self.record is None or not self.record.changes:
            return self.subject
        return ", ".join(dict.fromkeys(f"{name} {short_tag(new)}" for name, _, new in self.record.changes))

    @property
    def states(self) -> tuple[str, ...]:
        """Every state it was in, the oldest first."""
        return tuple(outcome.state for outcome in self.outcomes)

    @property
    def state(self) -> str:
        """The state it ended in; empty while nothing is known."""
        return self.outcomes[-1].state if self.outcomes else ""

    @property
    def blames(self) -> bool:
        """Return whether the failure, where it failed, says anything about its images."""
        return not any(it.state == "failed" and not it.cause.blames for it in self.outcomes)

    @property
    def cause(self) -> Cause:
        """Why it failed, as far as is known."""
        return next((it.cause for it in reversed(self.outcomes) if it.cause), NO_CAUSE)

    def as_dict(self) -> dict[str, object]:
        """Return what `--output json` prints."""
        return {
            "commit": self.commit,
            "time": self.time.isoformat(),
            "environment": self.environment,
            "environments": list(self.environments),
            "kind": self.kind,
            "release": self.release_id,
            "subject": self.subject,
            "changes": [
                {"service": name, "old": old.text, "new": new.text}
                for name, old, new in (self.record.changes if self.record else ())
            ],
            "actor": self.actor,
            "author": self.author,
            "reason": self.reason,
            "approved_by": list(self.approvers),
            "state": self.state,
            "outcomes": [it.as_dict() for it in self.outcomes],
        }
