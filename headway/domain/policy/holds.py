"""holds.yaml: locks, vetoes and overrides, one fact on each line so that Git merges them.

headway writes it in one canonical order and people may edit it. A fact is a value; to put
one in or take it out gives a new Holds, and the file is written from that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from headway.domain.config.positions import ConfigText, did_you_mean
from headway.domain.rules.picks import Veto as PickVeto
from headway.errors import ConfigError, Problem

FILE = "holds.yaml"
HEADER = (
    "# What is held back, by people and by headway: see `headway lock --help` and `headway veto --help`.\n"
)
_PLAIN = re.compile(r"[A-Za-z]|[A-Za-z][A-Za-z0-9._/:+@-]*[A-Za-z0-9]|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_WORDS_WITH_MEANING = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_DIGEST = re.compile(r"sha(256|384|512):[0-9a-f]{64,128}")


@dataclass(frozen=True, slots=True, order=True)
class Lock:
    """Nobody releases this service (empty: the whole environment) without force, until it ends by itself or by hand.

    `until` is an ISO time with its zone; empty where nothing but a person ends it.
    """

    environment: str
    service: str = ""
    by: str = field(default="", compare=False)
    at: str = field(default="", compare=False)
    why: str = field(default="", compare=False)
    until: str = field(default="", compare=False)

    @property
    def end(self) -> datetime | None:
        """When it ends by itself; None where it does not."""
        return _moment(self.until) if self.until else None

    def has_ended(self, now: datetime) -> bool:
        """Return whether it is over: it holds nothing back from its end on."""
        return (end := self.end) is not None and end <= now

    @property
    def ends(self) -> str:
        """When it ends by itself, in words that follow others: ` until 2026-11-27 17:00 UTC`; empty where never."""
        return f" until {end:%Y-%m-%d %H:%M} UTC" if (end := self.end) is not None else ""

    def __str__(self) -> str:
        """Say who locked it, until when, and why."""
        return f"locked by {self.by or 'somebody'}{self.ends}" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True, slots=True, order=True)
class Veto:
    """Automation never picks this digest here; with `and_older`, nothing older than its tag either.

    `by_choice` says that nothing failed: a person chose an older image, and `headway automate` ends it.
    """

    environment: str
    service: str
    digest: str
    tag: str = field(default="", compare=False)
    and_older: bool = field(default=False, compare=False)
    by_choice: bool = field(default=False, compare=False)
    by: str = field(default="", compare=False)
    at: str = field(default="", compare=False)
    why: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, order=True)
class Override:
    """`release: automatic` or `manual` for a service (empty: the whole environment), above headway.yaml."""

    environment: str
    service: str = ""
    release: str = field(default="manual", compare=False)
    by: str = field(default="", compare=False)
    at: str = field(default="", compare=False)
    why: str = field(default="", compare=False)


Fact = Lock | Veto | Override
F = TypeVar("F", Lock, Veto, Override)
_KINDS: dict[str, type[Lock] | type[Veto] | type[Override]] = {
    "locks": Lock,
    "vetoes": Veto,
    "overrides": Override,
}


def stamp(now: datetime) -> str:
    """Write a time as facts have it."""
    return f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class Holds:
    """Everything that is held back; facts are in order and each stands once."""

    locks: tuple[Lock, ...] = ()
    vetoes: tuple[Veto, ...] = ()
    overrides: tuple[Override, ...] = ()

    def put(self, facts: Iterable[Fact]) -> Holds:
        """Return these holds with facts put in; one about the same thing is replaced."""
        new = self
        for fact in facts:
            name = next(key for key, kind in _KINDS.items() if isinstance(fact, kind))
            kept = [it for it in getattr(new, name) if it != fact]
            new = replace(new, **{name: tuple(sorted([*kept, fact]))})
        return new

    def take(self, facts: Iterable[Fact]) -> Holds:
        """Return these holds without the facts."""
        gone = list(facts)
        return Holds(
            tuple(it for it in self.locks if it not in gone),
            tuple(it for it in self.vetoes if it not in gone),
            tuple(it for it in self.overrides if it not in gone),
        )

    def at(self, now: datetime) -> Holds:
        """Return what is held back at a time: all but the locks that have ended by then."""
        return replace(self, locks=tuple(it for it in self.locks if not it.has_ended(now)))

    def lock_on(self, environment: str, service: str) -> Lock | None:
        """Return the lock that holds a service here: its own, or the environment's; also one that has ended."""
        return next(
            (it for it in self.locks if it.environment == environment and it.service in ("", service)), None
        )

    def vetoes_on(self, environment: str, service: str) -> tuple[Veto, ...]:
        """Return a service's vetoes here."""
        return tuple(it for it in self.vetoes if (it.environment, it.service) == (environment, service))

    def choices_on(self, environment: str, service: str = "") -> tuple[Veto, ...]:
        """Return what waits for something newer since a person chose an older image: a service's, or all here."""
        return tuple(
            it
            for it in self.vetoes
            if it.by_choice and it.environment == environment and service in ("", it.service)
        )

    def vetoes_for_pick(self, environment: str, service: str) -> tuple[PickVeto, ...]:
        """Return a service's vetoes here as a pick takes them."""
        return tuple(
            PickVeto(it.digest, it.tag, it.and_older, it.why, _moment(it.at))
            for it in self.vetoes_on(environment, service)
        )

    def override_on(self, environment: str, service: str) -> Override | None:
        """Return the override for a service here: its own before the environment's."""
        found = [it for it in self.overrides if it.environment == environment and it.service in ("", service)]
        return max(found, key=lambda it: it.service, default=None)

    def write(self) -> bytes:
        """Write the file, in canonical order; what was read and not changed is written the same."""
        lines = [HEADER]
        for name in _KINDS:
            facts = sorted(getattr(self, name))
            if facts:
                lines += [f"{name}:\n", *(f"- {_flow(fact)}\n" for fact in facts)]
        return "".join(lines).encode()


def _moment(text: str) -> datetime | None:
    """Read a fact's time; None where a person wrote none, or something else."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _has_zone(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None and _moment(text) is not None
    except ValueError:
        return False


def _flow(fact: Fact) -> str:
    values = ((it.name, getattr(fact, it.name)) for it in fields(fact))
    return (
        "{"
        + ", ".join(f"{name}: {_scalar(value)}" for name, value in values if value not in ("", False))
        + "}"
    )


def _scalar(value: Any) -> str:
    if value is True:
        return "true"
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_WITH_MEANING:
        return text
    return (
        json.dumps(text, ensure_ascii=False)
        .replace("\x85", "\\x85")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


def read_holds(data: bytes | None) -> Holds:
    """Read a holds.yaml; a missing or empty one holds nothing back.

    Raises ConfigError with everything that is wrong in it: a hold that cannot be read must
    not be passed over. Facts about an environment or a service that is gone stay, unused.
    """
    if data is None or not _has_content(data):
        return Holds()
    text = ConfigText(data, FILE, "a map with locks, vetoes and overrides is expected")
    problems: list[Problem] = []
    found: dict[str, list[Any]] = {name: [] for name in _KINDS}
    for name, items in text.value.items():
        if name not in _KINDS:
            problems.append(text.problem((name,), f"unknown key {name}{did_you_mean(str(name), _KINDS)}"))
        elif items is not None and not isinstance(items, list):
            problems.append(text.problem((name,), f"{name}: a list is expected", value=True))
        else:
            for place, item in enumerate(items or ()):
                fact = _fact(text, (name, place), _KINDS[name], item, problems)
                if fact is not None:
                    found[name].append(fact)
    if problems:
        raise ConfigError(
            problems, hint=f"correct {FILE}; headway does not release past a hold it cannot read"
        )
    return Holds().put(it for facts in found.values() for it in facts)


def unknown_names(
    data: bytes | None, environments: Collection[str], services: Collection[str]
) -> list[Problem]:
    """Return the places of facts about an environment or a service that headway.yaml does not have.

    They hold nothing back. Perhaps what they are about is gone, perhaps somebody has mistyped it.
    """
    if data is None or not _has_content(data):
        return []
    text = ConfigText(data, FILE, "a map with locks, vetoes and overrides is expected")
    found: list[Problem] = []
    for kind, items in text.value.items():
        for place, item in enumerate(items if isinstance(items, list) else ()):
            for key, known in (("environment", environments), ("service", services)):
                name = item.get(key) if isinstance(item, dict) else None
                if name and name not in known:
                    said = f"headway.yaml has no {key} {name}, so this holds nothing back"
                    found.append(
                        text.problem((kind, place, key), said + did_you_mean(str(name), known), value=True)
                    )
    return found


def _has_content(data: bytes) -> bool:
    return any(line.strip() and not line.lstrip().startswith(b"#") for line in data.splitlines())


def _fact(
    text: ConfigText, path: tuple[str | int, ...], kind: type[Any], item: Any, problems: list[Problem]
) -> Any:
    if not isinstance(item, dict):
        problems.append(text.problem(path, "a map is expected", value=True))
        return None
    known = [it.name for it in fields(kind)]
    before = len(problems)
    values: dict[str, Any] = {}
    for key, value in item.items():
        if key not in known:
            problems.append(text.problem((*path, key), f"unknown key {key}{did_you_mean(str(key), known)}"))
        elif key in ("and_older", "by_choice"):
            if not isinstance(value, bool):
                problems.append(text.problem((*path, key), f"{key}: true or false is expected", value=True))
            values[key] = value
        elif isinstance(value, (dict, list)) or value is None:
            problems.append(text.problem((*path, key), f"{key}: text is expected", value=True))
        else:
            values[key] = stamp(value) if isinstance(value, datetime) else str(value)
            if key == "until" and not _has_zone(values[key]):
                said = "until: a time with its zone is expected, such as 2026-11-27T17:00:00Z"
                problems.append(text.problem((*path, key), said, value=True))
    needed = {
        Lock: ("environment",),
        Veto: ("environment", "service", "digest"),
        Override: ("environment", "release"),
    }
    for key in needed[kind]:
        if not values.get(key) and key not in item:
            problems.append(text.problem(path, f"{key} is missing"))
    if kind is Veto and "digest" in values and not _DIGEST.fullmatch(values["digest"]):
        problems.append(text.problem((*path, "digest"), "digest: sha256:… is expected", value=True))
    if kind is Override and values.get("release", "manual") not in ("automatic", "manual"):
        problems.append(
            text.problem((*path, "release"), "release: automatic or manual is expected", value=True)
        )
    return kind(**values) if len(problems) == before else None
