"""What is told of a release, and who hears it: plain values, no sender and no clock of its own."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from headway.domain.model import Notify, Route
from headway.domain.windows import opening, parse_window

STATES = ("planned", "waiting", "releasing", "live", "failed", "rolled-back", "superseded", "rejected")
FINAL = ("live", "failed", "rolled-back", "superseded", "rejected")
FAILURES = ("failed", "rolled-back")


@dataclass(frozen=True, slots=True)
class Notice:
    """One state of one release. `changes` are (service, from, to); `links` (name, URL); `at` is ISO 8601 in UTC.

    `details` are lines for those who look closer; `progress` is how far a rollout is.
    """

    release: str
    app: str
    environment: str
    kind: str
    state: str
    changes: tuple[tuple[str, str, str], ...] = ()
    actor: str = ""
    reason: str = ""
    commit: str = ""
    cause: str = ""
    progress: str = ""
    seconds: float = 0.0
    automatic: bool = False
    at: str = ""
    links: tuple[tuple[str, str], ...] = ()
    details: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Write it down."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Notice:
        """Read what `to_json` wrote."""
        data = json.loads(text)
        for name in ("changes", "links"):
            data[name] = tuple(tuple(it) for it in data[name])
        return cls(**{**data, "details": tuple(data["details"])})

    @property
    def headline(self) -> str:
        """Say it in a line: `production: orders, users live in 12.3 s`."""
        names = listed([name for name, _, _ in self.changes], 5) or "the repo's state"
        words = {
            "planned": "planned",
            "waiting": "waiting for approval",
            "releasing": "rolling out" + (f": {self.progress}" if self.progress else ""),
            "live": f"live in {self.seconds:.1f} s",
            "failed": "failed",
            "rolled-back": "failed and rolled back",
            "superseded": "superseded by a newer release",
            "rejected": "not released",
        }
        what = {"promotion": "promotion of ", "rollback": "rollback of "}.get(self.kind, "")
        return f"{self.environment}: {what}{names} {words[self.state]}"


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody who hears a notice: `kind` and `address` of the way, and not before `after`."""

    kind: str
    address: str
    after: datetime

    @property
    def target(self) -> str:
        """Give its name in the outbox."""
        return f"{self.kind}:{self.address}"


def who_hears(notify: Notify | None, notice: Notice, now: datetime) -> list[Heard]:
    """Say who hears a notice: everybody whose route matches, each once, at the earliest time that any gives."""
    found: dict[str, Heard] = {}
    for route in [notify, *notify.routes] if notify is not None else []:
        if not _matches(route, notice):
            continue
        after = _after_quiet(route, notice, now)
        for kind, address in _ways(route):
            heard = Heard(kind, address, after)
            if heard.target not in found or after < found[heard.target].after:
                found[heard.target] = heard
    return list(found.values())


def _ways(route: Route) -> Iterator[tuple[str, str]]:
    if route.slack is not None:
        yield "slack", route.slack.channel
    if route.webhook is not None:
        yield "webhook", route.webhook.url
    if route.apprise is not None:
        yield "apprise", route.apprise


def _matches(route: Route, notice: Notice) -> bool:
    services = {name for name, _, _ in notice.changes}
    return (
        (not route.environments or notice.environment in route.environments)
        and (not route.services or not services or bool(services & set(route.services)))
        # Whoever hears only failures hears nothing of a release that is under way.
        and (route.only == "everything" or notice.state in FAILURES)
    )


def _after_quiet(route: Route, notice: Notice, now: datetime) -> datetime:
    """Give the end of the quiet hours for what automation does; people's releases and failures wait for nothing."""
    if not route.quiet or not notice.automatic or notice.state in FAILURES:
        return now
    quiet = opening((), [parse_window(it) for it in route.quiet], now)
    return now if quiet.open else (quiet.until or now)


def listed(names: Iterable[str], most: int) -> str:
    """Join names, and count those beyond `most`."""
    names = list(names)
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def stamp(now: datetime) -> str:
    """Write a time as notices carry it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
