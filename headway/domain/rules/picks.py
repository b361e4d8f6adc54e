"""Picks: which tag of a repository automation would release now, and why each other one not.

Desired state comes from the repo's files and the registry alone, never from which event
came last; so it does not flap, and a lost event costs time but no truth.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from headway.domain.images.reference import ImageRef
from headway.domain.rules.tags import Position, Refused, TagRule


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
        """Yield keys with their tags, the newest first; only as many are put in order as are asked for."""
        first = max(self.groups, default=None)
        if first is None:
            return
        yield first, self.groups[first]
        rest = sorted((key for key in self.groups if key != first), reverse=True)
        for key in rest:
            yield key, self.groups[key]

    def rank_of(self, tag: str, position: Position) -> Any:
        """Return a tag's key, also where the registry no longer has it; Refused where it cannot be ordered."""
        if tag in self.keys:
            return self.keys[tag]
        if not tag:
            return Refused("has no tag")
        found = self.rule.matched(tag)
        if self.rule.order == "exact":
            return 0
        return self.rule.key(tag, {} if isinstance(found, Refused) else found, position)


@dataclass(frozen=True, slots=True)
class Veto:
    """A digest that automation never picks; with `and_older` nothing older than its tag either.

    `at` is when it was rolled back, where that is known.
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
    """What runs now, what is vetoed, and what is known of tags; `facts` grows as Needs are answered.

    `current` are the images that the service's containers run: more than one where they disagree. Automation gives
    all of them the same, and none of them one that is older than any runs.
    """

    ranking: Ranking
    current: tuple[ImageRef, ...] = ()
    vetoes: Collection[Veto] = ()
    position: Position = field(default=lambda text: Refused("cannot be ordered"))
    facts: Mapping[str, Known | Refused] = field(default_factory=dict)


def choose(question: Question) -> Picked | Nothing | Need:
    """Return which tag to release, that there is nothing to release, or what must be looked up first."""
    ranking, rule, current = question.ranking, question.ranking.rule, question.current
    if not ranking.groups:
        return Nothing(_none_of(ranking))
    floor, floor_words = _floor(question)
    if isinstance(floor, Refused):
        return Nothing(f"{floor_words} {floor}", waits=True)
    passed_over = ""
    in_order = ranking.newest_first()
    passed = 0
    for key, tags in in_order:
        if floor is not None and key < floor:
            break
        running = {it.tag: it for it in current if it.tag in tags}
        runs = bool(running)
        everywhere = runs and all(it.tag in tags for it in current)
        if everywhere and not rule.mutable:
            return Nothing(passed_over or "the newest runs already")
        if floor is not None and key == floor and not runs:
            # Equal to what runs or to what was rolled back: two names of one version are no reason to move.
            break
        known = {tag: question.facts.get(tag) for tag in tags}
        if missing := tuple(tag for tag, found in known.items() if found is None):
            return Need(missing + _ahead(question, floor, in_order, passed))
        fit = {tag: found for tag in tags if isinstance(found := known[tag], Known)}
        there = {it.digest for it in fit.values()}
        if everywhere and all(it.digest in there for it in current):
            return Nothing(passed_over or "the newest runs already")
        allowed = {tag: it for tag, it in fit.items() if refusal(question, tag, it) is None}
        if runs and not rule.mutable:
            # What some containers run stays, and the others follow.
            allowed = {
                tag: replace(it, digest=running[tag].digest or it.digest)
                for tag, it in allowed.items()
                if tag in running
            }
        if allowed:
            tag, facts = max(allowed.items(), key=lambda it: (it[1].digest, it[0]))
            why = [f"newest by {rule.order_words} of {len(ranking.keys)} tags"]
            if rule.order == "exact":
                why = ["it has moved"]
            if runs and not everywhere:
                why.append("not all containers of the service run it yet")
            return Picked(tag, facts.digest, "; ".join(why + ([passed_over] if passed_over else [])))
        reason = next((refusal(question, tag, it) for tag, it in fit.items()), None) or str(known[tags[0]])
        passed_over = passed_over or f"{tags[0]} {reason}"
        passed += len(tags)
    return Nothing(passed_over or f"nothing is newer than {floor_words}")


def _ahead(
    question: Question, floor: Any, in_order: Iterator[tuple[Any, list[str]]], many: int
) -> tuple[str, ...]:
    """Return the next tags to look up: as many as were passed over, so that thousands cost a dozen rounds."""
    found: list[str] = []
    for key, tags in in_order:
        if len(found) >= many or (floor is not None and not key > floor):
            break
        found += [tag for tag in tags if tag not in question.facts]
    return tuple(found)


def refusal(question: Question, tag: str, facts: Known) -> str | None:
    """Return why a tag that can be ordered is not picked: vetoed, or not for the platform."""
    return _vetoed(question, tag, facts) or _unfit(question, facts)


def _vetoed(question: Question, tag: str, facts: Known | None) -> str | None:
    """Return why a tag is vetoed: its digest is, or its name is what was vetoed where the digest is not known."""
    by_name = bool(tag) and not question.ranking.rule.mutable
    for veto in question.vetoes:
        if veto.digest == facts.digest if facts is not None else by_name and veto.tag == tag:
            return f"is vetoed{f': {veto.why}' if veto.why else ''}"
    return None


def _unfit(question: Question, facts: Known) -> str | None:
    platform = question.ranking.rule.platform
    if platform and not any(it == platform or it.startswith(f"{platform}/") for it in facts.platforms):
        return f"has no image for {platform}, only {', '.join(facts.platforms) or 'unknown ones'}"
    return None


@dataclass(frozen=True, slots=True)
class _Bound:
    """A key that automation never goes below (Refused where it is not known), what it is, and its kind."""

    kind: str
    key: Any
    words: str


def _bounds(question: Question) -> list[_Bound]:
    """Return what automation never goes below, what runs first."""
    ranking, rule = question.ranking, question.ranking.rule
    if rule.order == "exact":
        return []
    bounds: list[_Bound] = []
    if question.current:
        bounds.append(_what_runs(question))
    for veto in question.vetoes:
        if veto.and_older:
            bounds.append(_Bound("rolled back", *_rolled_back(question, veto)))
    if rule.floor:
        key = ranking.rank_of(rule.floor, question.position)
        wrong = Refused(f"{key}; correct it in headway.yaml") if isinstance(key, Refused) else None
        # The floor itself may be released, what runs is not released again.
        key = wrong or _JustBelow(key)
        bounds.append(_Bound("floor", key, f"the floor {rule.floor}"))
    return bounds


def _what_runs(question: Question) -> _Bound:
    """Return the place of what runs: of several images the newest, or one that has no place."""
    places = [(it, question.ranking.rank_of(it.tag or "", question.position)) for it in question.current]
    for image, key in places:
        if isinstance(key, Refused):
            key = Refused(f"{key}; release one by hand and automation goes on from there")
            return _Bound("runs", key, f"what runs ({image.tag or image.digest or 'no tag'})")
    image, key = max(places, key=lambda it: it[1])
    several = len({it.tag for it in question.current}) > 1
    return _Bound("runs", key, f"what runs (of {len(places)} images {image.tag})" if several else "what runs")


def _floor(question: Question) -> tuple[Any, str]:
    """Return the highest key that automation never goes below, and what it is; Refused where one is not known."""
    highest: _Bound | None = None
    for bound in _bounds(question):
        if isinstance(bound.key, Refused):
            return bound.key, bound.words
        if highest is None or bound.key > highest.key:
            highest = bound
    return (highest.key, highest.words) if highest is not None else (None, "")


def _rolled_back(question: Question, veto: Veto) -> tuple[Any, str]:
    """Return the place of what was rolled back, also where the registry or the branch no longer has it."""
    ranking, name = question.ranking, veto.tag or veto.digest[: len("sha256:") + 12]
    key = ranking.rank_of(veto.tag, question.position)
    if not isinstance(key, Refused):
        return key, f"{name}, which was rolled back"
    if ranking.rule.order == "created" and veto.at is not None:
        # It is older than the moment at which it was rolled back, and so is all that is older than it.
        return veto.at, f"{name}, which was rolled back at {veto.at:%Y-%m-%d %H:%M} UTC and {key}"
    return Refused(f"{key}; `headway unveto` lets automation go on"), f"{name}, which was rolled back,"


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
        # Asked as `key < floor` of a key, and of another bound: nothing lies between this and the key itself.
        return bool(other < self.key)

    def __lt__(self, other: Any) -> bool:
        return bool(other > self.key or other == self.key)


def _none_of(ranking: Ranking) -> str:
    """Return that no tag can be released, and why: the reason that most have, with one that has it."""
    if not ranking.refused:
        return "the repository has no tags"
    reasons = Counter(ranking.refused.values())
    usual = max(reasons, key=lambda it: (reasons[it], it))
    tag = max(tag for tag, reason in ranking.refused.items() if reason == usual)
    others = f"; {len(ranking.refused) - 1} others have no place in {ranking.rule.words} either"
    return f"{tag} {usual}" + (others if len(ranking.refused) > 1 else "")


@dataclass(frozen=True, slots=True)
class Explained:
    """One tag of a repository and what automation makes of it.

    `verdict`: `picked`, `runs`, `eligible` (newer than what runs, but something newer still is picked), `older`,
    `vetoed`, `blocked` (newer than what runs, but not than what was rolled back), `refused` or `waits`.
    """

    tag: str
    verdict: str
    reason: str


def explain(question: Question, answer: Picked | Nothing, limit: int | None = None) -> list[Explained]:
    """Return tags, the newest first, then those that cannot be ordered, each with what became of it."""
    out: list[Explained] = []
    bounds = _bounds(question)
    for key, tags in question.ranking.newest_first():
        for tag in sorted(tags):
            out.append(_explain(question, answer, bounds, key, tag))
            if limit is not None and len(out) >= limit:
                return out
    refused = question.ranking.refused.items()
    some = refused if limit is None else heapq.nsmallest(limit - len(out), refused)
    return out + [Explained(tag, "refused", reason) for tag, reason in sorted(some)]


def _explain(
    question: Question, answer: Picked | Nothing, bounds: list[_Bound], key: Any, tag: str
) -> Explained:
    found = question.facts.get(tag)
    facts = None if isinstance(found, Refused) else found
    vetoed = _vetoed(question, tag, facts)
    if isinstance(answer, Picked) and answer.tag == tag:
        return Explained(tag, "picked", answer.why)
    if any(it.tag == tag for it in question.current):
        partly = ", beside other images of the service" if len(question.current) > 1 else ""
        return Explained(tag, "runs", f"it runs here now{partly}" + (f"; it {vetoed}" if vetoed else ""))
    if isinstance(found, Refused):
        return Explained(tag, "refused", str(found))
    if vetoed:
        return Explained(tag, "vetoed", vetoed)
    if facts is not None and (reason := _unfit(question, facts)):
        return Explained(tag, "refused", reason)
    for bound in bounds:
        # What runs stands first: what is older than that is held back by nothing else.
        if not isinstance(bound.key, Refused) and not key > bound.key:
            same = key == bound.key
            verdict = "older" if bound.kind == "runs" else "refused" if bound.kind == "floor" else "blocked"
            said = "by order the same as" if same else "older than" if bound.kind != "floor" else "below"
            return Explained(tag, verdict, f"{said} {bound.words}")
    if isinstance(answer, Picked):
        return Explained(
            tag, "eligible", f"{'as new as' if _equal(question, answer, key) else 'older than'} {answer.tag}"
        )
    return Explained(tag, "waits", answer.why)


def _equal(question: Question, picked: Picked, key: Any) -> bool:
    return bool(question.ranking.keys.get(picked.tag) == key)
