"""Notices of releases and their recipients: plain values, no sender and no clock of its own."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from headway.domain.config.model import Notify, Route
from headway.domain.health.cause import NO_CAUSE, Cause
from headway.domain.images.reference import Image
from headway.domain.releases.message import Triple
from headway.domain.rules.windows import opening, parse_window

STATES = (
    "planned",
    "waiting",
    "releasing",
    "unfinished",
    "applied",
    "live",
    "failed",
    "rolled-back",
    "superseded",
    "rejected",
    "noticed",
)
"""`unfinished`: headway could not see or write, so nothing is known of the release yet, and a later look ends it.
`noticed` is no state of a release: people are notified of something that others did in the config repo."""
UNDER_WAY = ("planned", "waiting", "releasing", "unfinished")
SETTLED = ("applied", "live", "rolled-back", "superseded")
"""The states after which a release is not under way again. One that failed or was rejected may be restarted."""
FAILURES = ("failed", "rolled-back")
WARNINGS = (*FAILURES, "unfinished", "noticed")
"""The states for those who want failures only, too, and at any hour."""
IN_PLACE = ("slack", "commit")
"""The kinds of recipient where a later notice replaces the one before; to others it is one more message."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One state of one release. `changes` are (service, from, to); `links` (name, URL); `at` is ISO 8601 in UTC.

    `details` are lines for those who look closer; `progress` is how far a rollout is. One that `corrects`
    repeats what others may have said already: it corrects the message that is there, and adds none.
    `run` and `plan` are what waits for an approval; `buttons` says that the recipient's message has some.
    """

    release: str
    app: str
    environment: str
    kind: str
    state: str
    changes: tuple[Triple, ...] = ()
    actor: str = ""
    reason: str = ""
    commit: str = ""
    cause: Cause = NO_CAUSE
    progress: str = ""
    seconds: float = 0.0
    automatic: bool = False
    at: str = ""
    links: tuple[tuple[str, str], ...] = ()
    details: tuple[str, ...] = ()
    corrects: bool = False
    run: str = ""
    plan: str = ""
    buttons: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, the images as they are spelled."""
        plain = {it.name: getattr(self, it.name) for it in dataclasses.fields(self)}
        # What waits for nobody says nothing of it.
        plain = {name: it for name, it in plain.items() if it or name not in ("run", "plan", "buttons")}
        return {
            **plain,
            "changes": [(service, old.text, new.text) for service, old, new in self.changes],
            "cause": str(self.cause),
        }

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(self.as_dict())

    @classmethod
    def from_json(cls, text: str) -> Notice:
        """Read what `to_json` wrote, also that of a newer headway."""
        data = {key: it for key, it in json.loads(text).items() if key in cls.__slots__}
        data["changes"] = tuple((service, Image(old), Image(new)) for service, old, new in data["changes"])
        data["cause"] = Cause(text=data.get("cause", ""))
        data["links"] = tuple(map(tuple, data["links"]))
        return cls(**{**data, "details": tuple(data["details"])})

    @property
    def mark(self) -> str:
        """Return a name of this state: the same for every sender, another one where the cause differs."""
        return (
            f"{self.state}-{hashlib.sha256(str(self.cause).encode()).hexdigest()[:8]}"
            if self.cause
            else self.state
        )

    def says(self, other: Notice) -> bool:
        """Return whether it says the same; when and where it was written and how long it took is no news."""
        fields = {name: getattr(other, name) for name in ("at", "links", "seconds", "details", "corrects")}
        return dataclasses.replace(self, **fields).as_dict() == other.as_dict()

    def overtaken(self, state: str, at: str) -> bool:
        """Return whether a state with its time is as new as this one; clocks may differ by a little."""
        if self.state in UNDER_WAY and state in SETTLED:
            return True
        if self.state in SETTLED and state in UNDER_WAY:
            return False
        return (at, _rank(state)) >= (self.at, _rank(self.state))

    def without_buttons(self, at: str) -> Notice:
        """Return the same, as of a later time, for a message that is to lose its buttons."""
        if at <= self.at:
            at = stamp(datetime.fromisoformat(self.at) + timedelta(seconds=1))
        return dataclasses.replace(self, buttons=False, corrects=True, at=at)

    @property
    def headline(self) -> str:
        """Return it as a line: `production: orders, users live in 12.3 s`."""
        if self.state == "noticed":
            return f"{self.environment}: {self.reason}"
        names = listed(dict.fromkeys(name for name, _, _ in self.changes), 5) or "the repo's state"
        words = {
            "planned": "planned",
            "waiting": "waiting for approval",
            "releasing": "rolling out" + (f": {self.progress}" if self.progress else ""),
            "unfinished": "unfinished: not failed, and not known to be live",
            "applied": "applied, not running",
            "live": f"live in {self.seconds:.1f} s",
            "failed": "failed",
            # By a person, or with another release that failed: this one was live, or on its way.
            "rolled-back": "rolled back"
            if str(self.cause).startswith("rolled back ")
            else "failed and rolled back",
            "superseded": "superseded by a newer release",
            "rejected": "not released",
        }
        what = {"promotion": "promotion of ", "rollback": "rollback of "}.get(self.kind, "")
        return f"{self.environment}: {what}{names} {words[self.state]}"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is sent a notice: by which kind of message, to which address, and not before `after`."""

    kind: str
    address: str
    after: datetime
    buttons: bool = False

    @property
    def target(self) -> str:
        """Return its name in the outbox."""
        return f"{self.kind}:{self.address}"


def recipients_of(notify: Notify | None, notice: Notice, now: datetime) -> list[Recipient]:
    """Return who receives a notice: everybody whose route matches, each once, at the earliest time of any route."""
    found: dict[str, Recipient] = {}
    for route in [notify, *notify.routes] if notify is not None else []:
        if not _matches(route, notice):
            continue
        after = _after_quiet(route, notice, now)
        for kind, address in _ways(route):
            recipients = Recipient(kind, address, after, kind == "slack" and _has_buttons(notify, address))
            if recipients.target not in found or after < found[recipients.target].after:
                found[recipients.target] = recipients
    return list(found.values())


def _ways(route: Route) -> Iterator[tuple[str, str]]:
    if route.slack is not None:
        yield "slack", route.slack.channel
    if route.webhook is not None:
        yield "webhook", route.webhook.url
    if route.apprise is not None:
        yield "apprise", route.apprise


def _has_buttons(notify: Notify | None, channel: str) -> bool:
    """Return whether any route gives a channel buttons: its messages are the same for all of them."""
    routes: list[Route] = [notify, *notify.routes] if notify is not None else []
    return any(it.slack is not None and it.slack.channel == channel and it.slack.buttons for it in routes)


def _matches(route: Route, notice: Notice) -> bool:
    services = {name for name, _, _ in notice.changes}
    return (
        (not route.environments or notice.environment in route.environments)
        and (not route.services or not services or bool(services & set(route.services)))
        # Whoever wants failures only is not notified of a release that is under way.
        and (route.only == "everything" or notice.state in WARNINGS)
    )


def _after_quiet(route: Route, notice: Notice, now: datetime) -> datetime:
    """Return the end of the quiet hours for what automation does; people's releases and failures wait for nothing."""
    if not route.quiet or not notice.automatic or notice.state in WARNINGS:
        return now
    quiet = opening((), [parse_window(it) for it in route.quiet], now)
    return now if quiet.open else (quiet.until or now)


def _rank(state: str) -> int:
    return STATES.index(state) if state in STATES else -1


def listed(names: Iterable[str], most: int) -> str:
    """Join names, and count those beyond `most`."""
    names = list(names)
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def stamp(now: datetime) -> str:
    """Return a time as notices have it: ISO 8601 in UTC."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
