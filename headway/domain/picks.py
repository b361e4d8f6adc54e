"""Picks: which tag of a repository automation would release now, and why each other one not.

Desired state comes from the repo's files and the registry alone, never from which event
came last; so it does not flap, and a lost event costs time but no truth.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from headway.domain.images import ImageRef
from headway.domain.tagrules import Position, Refused, TagRule


class Ranking:
    """The tags of one repository under one rule: those that can be ordered, and why the others cannot."""

    __slots__ = ("groups", "keys", "refused", "rule")

    def __init__(self, rule: TagRule, tags: Iterable[str], position: Position) -> None:
        self.rule = rule
        self.refused: dict[str, str] = {}
        self.keys: dict[str, Any] = {}
        groups: dict[Any, list[str]] = {}
        for tag in tags:
            key = rule.ranked(tag, position)
            if isinstance(key, Refused):
                self.refused[tag] = str(key)
            else:
                self.keys[tag] = key
                groups.setdefault(key, []).append(tag)
        self.groups = groups

    def newest_first(self) -> Iterator[tuple[Any, list[str]]]:
        """Give keys with their tags, the newest first; only as many are put in order as are asked for."""
        first = max(self.groups, default=None)
        if first is None:
            return
        yield first, self.groups[first]
        rest = sorted((key for key in self.groups if key != first), reverse=True)
        for key in rest:
            yield key, self.groups[key]

    def place_of(self, tag: str, position: Position) -> Any:
        """Give a tag's key, also where the registry no longer has it; Refused where it cannot be ordered."""
        if tag in self.keys:
            return self.keys[tag]
        if not tag:
            return Refused("has no tag")
        found = self.rule.taken(tag)
        if self.rule.order == "exact":
            return 0
        return self.rule.key(tag, {} if isinstance(found, Refused) else found, position)


@dataclass(frozen=True, slots=True)
class Veto:
    """A digest that automation never picks; with `and_older` nothing older than its tag either.

    `at` is when it was taken back, where that is known.
    """

    digest: str
    tag: str = ""
    and_older: bool = False
    why: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a tag means: its digest, and the platforms it has, where the rule asks for one."""

    digest: str
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picked:
    """What to release, and why."""

    tag: str
    digest: str
    why: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing to release, and why. `waits` says that a person has to do something first."""

    why: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """The digests of these tags must be looked up before the question can be answered."""

    tags: tuple[str, ...]


@dataclass(slots=True)
class Question:
    """What runs now, what is vetoed, and what is known of tags; `facts` grows as Needs are answered."""

    ranking: Ranking
    current: ImageRef | None
    vetoes: Collection[Veto] = ()
    position: Position = field(default=lambda text: Refused("cannot be ordered"))
    facts: Mapping[str, Known | Refused] = field(default_factory=dict)


def choose(question: Question) -> Picked | Nothing | Need:
    """Say which tag to release, that there is nothing to release, or what must be looked up first."""
    ranking, rule, current = question.ranking, question.ranking.rule, question.current
    if not ranking.groups:
        return Nothing(f"no tag of {len(ranking.refused)} can be released: none {_what_is_wanted(rule)}")
    floor, floor_words = _floor(question)
    if isinstance(floor, Refused):
        return Nothing(f"{floor_words} {floor}", waits=True)
    passed_over = ""
    for key, tags in ranking.newest_first():
        if floor is not None and key < floor:
            break
        runs = current is not None and current.tag in tags
        if runs and not rule.mutable:
            return Nothing(passed_over or "the newest runs already")
        if floor is not None and key == floor and not runs:
            # Equal to what runs or to what was taken back: two names of one version are no reason to move.
            break
        known = {tag: question.facts.get(tag) for tag in tags}
        if missing := tuple(tag for tag, found in known.items() if found is None):
            return Need(missing)
        fit = {tag: found for tag in tags if isinstance(found := known[tag], Known)}
        if runs and current is not None and any(it.digest == current.digest for it in fit.values()):
            return Nothing(passed_over or "the newest runs already")
        allowed = {tag: it for tag, it in fit.items() if refusal(question, tag, it) is None}
        if allowed:
            tag, facts = max(allowed.items(), key=lambda it: (it[1].digest, it[0]))
            why = (
                f"newest by {rule.order} of {len(ranking.keys)} tags"
                if rule.order != "exact"
                else "it has moved"
            )
            return Picked(tag, facts.digest, why + (f"; {passed_over}" if passed_over else ""))
        reason = next((refusal(question, tag, it) for tag, it in fit.items()), None) or str(known[tags[0]])
        passed_over = passed_over or f"{tags[0]} {reason}"
    return Nothing(passed_over or f"nothing is newer than {floor_words}")


def refusal(question: Question, tag: str, facts: Known) -> str | None:
    """Say why a tag that can be ordered is not picked: vetoed, or not for the platform."""
    for veto in question.vetoes:
        if veto.digest == facts.digest:
            return f"is vetoed{f': {veto.why}' if veto.why else ''}"
    platform = question.ranking.rule.platform
    if platform and not any(it == platform or it.startswith(f"{platform}/") for it in facts.platforms):
        return f"has no image for {platform}, only {', '.join(facts.platforms) or 'unknown ones'}"
    return None


def _floor(question: Question) -> tuple[Any, str]:
    """Give the key that automation never goes below, and what it comes from; Refused where that is not known."""
    ranking, rule = question.ranking, question.ranking.rule
    if rule.order == "exact":
        return None, ""
    bounds: list[tuple[Any, str]] = []
    if question.current is not None:
        tag = question.current.tag or ""
        key = ranking.place_of(tag, question.position)
        if isinstance(key, Refused):
            way_out = "release one by hand and automation goes on from there"
            return Refused(f"{key}; {way_out}"), f"what runs ({tag or question.current.digest or 'no tag'})"
        bounds.append((key, "what runs"))
    for veto in question.vetoes:
        if veto.and_older:
            key, words = _taken_back(question, veto)
            if isinstance(key, Refused):
                return key, words
            bounds.append((key, words))
    if rule.floor:
        key = ranking.place_of(rule.floor, question.position)
        if isinstance(key, Refused):
            return Refused(f"{key}; correct it in headway.yaml"), f"the floor {rule.floor}"
        # The floor itself may be released, what runs is not released again.
        if all(key > bound for bound, _ in bounds):
            return _JustBelow(key), f"the floor {rule.floor}"
    return max(bounds, key=lambda it: it[0], default=(None, ""))


def _taken_back(question: Question, veto: Veto) -> tuple[Any, str]:
    """Give the place of what was taken back, also where the registry or the branch no longer has it."""
    ranking, name = question.ranking, veto.tag or veto.digest[: len("sha256:") + 12]
    key = ranking.place_of(veto.tag, question.position)
    if not isinstance(key, Refused):
        return key, f"{name}, which was taken back"
    if ranking.rule.order == "created" and veto.at is not None:
        # It is older than the moment at which it was taken back, and so is all that is older than it.
        return veto.at, f"{name}, which was taken back at {veto.at:%Y-%m-%d %H:%M} UTC and {key}"
    return Refused(f"{key}; `headway unveto` lets automation go on"), f"{name}, which was taken back,"


class _JustBelow:
    """Compares as the place right before a key."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return hash(self.key)

    def __gt__(self, other: Any) -> bool:
        return bool(other < self.key)


def _what_is_wanted(rule: TagRule) -> str:
    return f"matches {rule.words}" + (f" with an order by {rule.order}" if rule.order != "exact" else "")


@dataclass(frozen=True, slots=True)
class Explained:
    """One tag of a repository and what automation makes of it: picked, runs, older, refused …"""

    tag: str
    verdict: str
    reason: str


def explain(question: Question, answer: Picked | Nothing, limit: int | None = None) -> list[Explained]:
    """List tags, the newest first, then those that cannot be ordered, each with what became of it."""
    out: list[Explained] = []
    floor, words = _floor(question)
    for key, tags in question.ranking.newest_first():
        for tag in sorted(tags):
            out.append(_explain(question, answer, floor, words, key, tag))
            if limit is not None and len(out) >= limit:
                return out
    refused = question.ranking.refused.items()
    some = refused if limit is None else heapq.nsmallest(limit - len(out), refused)
    return out + [Explained(tag, "refused", reason) for tag, reason in sorted(some)]


def _explain(
    question: Question, answer: Picked | Nothing, floor: Any, words: str, key: Any, tag: str
) -> Explained:
    if isinstance(answer, Picked) and answer.tag == tag:
        return Explained(tag, "picked", answer.why)
    if question.current is not None and question.current.tag == tag:
        return Explained(tag, "runs", "it runs here now")
    facts = question.facts.get(tag)
    if isinstance(facts, Refused):
        return Explained(tag, "refused", str(facts))
    if facts is not None and (reason := refusal(question, tag, facts)):
        return Explained(tag, "refused", reason)
    if floor is not None and not isinstance(floor, Refused) and (key < floor or key == floor):
        return Explained(tag, "older", f"not newer than {words}")
    if isinstance(answer, Picked):
        return Explained(tag, "older", f"not newer than {answer.tag}")
    return Explained(tag, "waits", answer.why)
