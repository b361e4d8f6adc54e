"""One look at the registries: what automation would release in each environment, and why.

It asks each repository once, whatever the number of environments, and changes nothing.
What is not known of a repository (its registry is down, it is not there) is an answer of
its own for the services of that repository, and delays nobody else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from headway.domain.config.reading import Config
from headway.domain.images.reference import ImageRef
from headway.domain.releases.plans import images_of
from headway.domain.releases.undone import Undone, older_by
from headway.domain.rules.picks import Known, Need, Nothing, Picked, Question, Ranking, Veto, choose
from headway.domain.rules.tags import Position, Refused, TagRule
from headway.errors import FailedError, HeadwayError, UsageError
from headway.operations.connections import Connections
from headway.operations.pushes import undone_in
from headway.operations.snapshot import Snapshot

if TYPE_CHECKING:
    from headway.domain.images.facts import ImageFacts
    from headway.systems.git.source_history import Line

CANDIDATES = 60.0
"""Seconds in which the newest tags of a look are asked what they are."""
_SHA = re.compile(r"[0-9a-f]{7,40}")

Key = tuple[str, str]


class Look:
    """What was asked and answered: (environment, service) → question, answer.

    `errors` are by service, `unread` by environment: what keeps one from being looked at.
    `facts` are by service and platform, then by tag; Refused where a tag has none.

    Not a dataclass, as `Desired` is not: Prefect would walk through every tag.
    """

    __slots__ = ("answers", "errors", "facts", "head", "questions", "undone", "unread")

    def __init__(self, head: str) -> None:
        self.head = head
        self.questions: dict[Key, Question] = {}
        self.answers: dict[Key, Picked | Nothing] = {}
        self.errors: dict[str, HeadwayError] = {}
        self.unread: dict[str, HeadwayError] = {}
        self.undone: dict[Key, tuple[Undone, ...]] = {}
        self.facts: dict[tuple[str, str], dict[str, ImageFacts | Refused]] = {}

    def still_true(self, then: Snapshot, now: Snapshot, environment: str) -> bool:
        """Return whether rules, holds and what the environment names are as they were for this look."""
        same = all(then.file(it) == now.file(it) for it in ("headway.yaml", "holds.yaml"))
        return same and then.folder(environment) == now.folder(environment)

    def undone_in(self, environment: str) -> dict[str, tuple[Undone, ...]]:
        """Return what people undid in an environment, service by service."""
        return {service: it for (name, service), it in self.undone.items() if name == environment and it}

    def picked(self, environment: str) -> dict[str, Picked]:
        """Return what there is to release in an environment."""
        return {
            service: answer
            for (name, service), answer in self.answers.items()
            if name == environment and isinstance(answer, Picked)
        }


def look(
    connections: Connections,
    snapshot: Snapshot,
    wanted: Iterable[Key],
    runs: Mapping[Key, ImageRef] | None = None,
) -> Look:
    """Ask the registries about services in environments, and pick for each, as if what is in `runs` ran there."""
    looking = _Looking(connections, snapshot, Look(snapshot.commit))
    looking.supposed = runs or {}
    return looking.run(list(wanted))


class _Looking:
    def __init__(self, connections: Connections, snapshot: Snapshot, found: Look) -> None:
        self.connections, self.snapshot, self.found = connections, snapshot, found
        self.config, self.holds = snapshot.config, snapshot.holds
        self.tags: dict[str, list[str]] = {}
        self.rankings: dict[tuple[str, int], Ranking] = {}
        self.lines: dict[str, Line] = {}
        self.supposed: Mapping[Key, ImageRef] = {}
        self.positions: dict[tuple[str, str, str], Position] = {}

    def run(self, wanted: list[Key]) -> Look:
        rules = {key: rule for key in wanted if (rule := self.config.rule(*key)) is not None}
        self._list_tags(rules)
        self._read_histories(rules)
        self._read_times(rules)
        current = {name: self._current(name) for name in dict.fromkeys(name for name, _ in rules)}
        for (name, service), rule in rules.items():
            if service in self.found.errors or service not in current[name]:
                continue
            ranking = self._ranking(service, rule)
            vetoes = self.holds.vetoes_for_pick(name, service)
            position = self._position(service, rule)
            supposed = self.supposed.get((name, service))
            runs = (supposed,) if supposed is not None else current[name][service]
            question = Question(ranking, runs, vetoes, position, {})
            self.found.questions[name, service] = question
        self._answer()
        return self.found

    def _current(self, name: str) -> dict[str, tuple[ImageRef, ...]]:
        """What the repo says that each service of an environment runs: several images where containers disagree."""
        try:
            desired = self.snapshot.environment(name)
        except HeadwayError as error:
            self.found.unread[name] = error
            return {}
        images = images_of(self.config, desired.indexes)
        return {service: tuple(map(ImageRef.parse, values)) for service, values in images.items()}

    def _list_tags(self, rules: dict[Key, TagRule]) -> None:
        # What is named exactly needs no list.
        named: dict[str, dict[str, None]] = {}
        for (_, service), rule in rules.items():
            if rule.order == "exact":
                named.setdefault(service, {}).update(dict.fromkeys(rule.exact))
        listed = {service for (_, service), rule in rules.items() if rule.order != "exact"}
        services = {self.config.services[service].ref.name: service for service in listed}
        by_name: dict[str, list[TagRule]] = {}
        for (_, service), rule in rules.items():
            if rule.order not in ("commit", "created", "exact"):
                by_name.setdefault(service, []).append(rule)

        def take(name: str, found: list[str] | HeadwayError) -> None:
            service = services[name]
            if isinstance(found, HeadwayError):
                self.found.errors[service] = found
                return
            self.tags[service] = found
            for rule in by_name.get(service, ()):
                # What the names alone say is worked out while other registries and lists are waited for.
                self._ranking(service, rule)

        if listed:
            self.connections.registry.scan_tags((self.config.services[it].ref for it in listed), take)
        for service, tags in named.items():
            self.tags.setdefault(service, list(tags))

    def _read_histories(self, rules: dict[Key, TagRule]) -> None:
        by_source: dict[tuple[str, str], set[str]] = {}
        for (_, service), rule in rules.items():
            source = self.config.services[service].source
            if rule.order == "commit" and source is not None and service in self.tags:
                by_source.setdefault((source.repo, source.branch), set()).add(service)
        if not by_source:
            return

        def read(services: set[str]) -> Line | HeadwayError:
            source = self.config.services[next(iter(services))].source
            assert source is not None
            # What was rolled back is asked for too: nothing older than it is picked, also when its tag is gone.
            rolled_back = [it.tag for it in self.holds.vetoes if it.and_older and it.service in services]
            names = {part for service in services for part in _commits(self.tags[service])}
            names |= _commits(rolled_back)
            try:
                return self.connections.history(source).line(names)
            except HeadwayError as error:
                return error

        # Side by side: a Git host that does not answer delays no other.
        with ThreadPoolExecutor(min(8, len(by_source)), thread_name_prefix="history") as pool:
            for services, line in zip(by_source.values(), pool.map(read, by_source.values()), strict=True):
                if isinstance(line, HeadwayError):
                    self.found.errors.update(dict.fromkeys(services, line))
                else:
                    self.lines.update(dict.fromkeys(services, line))

    def _read_times(self, rules: dict[Key, TagRule]) -> None:
        # When an index was made is when its image for the rule's platform was.
        by_kind: dict[tuple[str, bool], dict[ImageRef, str]] = {}
        for (_, service), rule in rules.items():
            if rule.order == "created" and service in self.tags:
                wanted = by_kind.setdefault((rule.platform, rule.mutable), {})
                for tag in self.tags[service]:
                    if not isinstance(rule.taken(tag), Refused):
                        wanted[self.config.services[service].ref.pinned(tag, None)] = service
        for (platform, mutable), wanted in by_kind.items():
            self._learn_times(wanted, platform, mutable)

    def _learn_times(self, wanted: dict[ImageRef, str], platform: str, mutable: bool) -> None:
        found = self.connections.registry.scan_facts(wanted, fresh=mutable, platform=platform)
        for image, facts in found.items():
            service = wanted[image]
            if isinstance(facts, HeadwayError) and not isinstance(facts, UsageError):
                self.found.errors[service] = facts
                continue
            known = _refused(facts) if isinstance(facts, UsageError) else facts
            self.found.facts.setdefault((service, platform), {})[image.tag or ""] = known

    def _position(self, service: str, rule: TagRule) -> Position:
        key = (service, rule.order, rule.platform)
        if key not in self.positions:
            if rule.order == "commit" and service in self.lines:
                self.positions[key] = self.lines[service].place
            elif rule.order == "commit":
                self.positions[key] = _no_source
            else:
                self.positions[key] = _time_in(self.found.facts.get((service, rule.platform), {}))
        return self.positions[key]

    def _ranking(self, service: str, rule: TagRule) -> Ranking:
        key = (service, id(rule))
        if key not in self.rankings:
            self.rankings[key] = Ranking(rule, self.tags[service], self._position(service, rule))
        return self.rankings[key]

    def _answer(self) -> None:
        open_, until = dict(self.found.questions), time.monotonic() + CANDIDATES
        while open_:
            if time.monotonic() > until:
                self._give_up(open_)
                return
            needs: dict[Key, tuple[str, ...]] = {}
            for key, question in list(open_.items()):
                answer = choose(question)
                if isinstance(answer, Need):
                    needs[key] = answer.tags
                elif isinstance(answer, Picked) and self._keeps_away(key, question):
                    continue
                else:
                    self.found.answers[key] = answer
                    del open_[key]
            self._look_up(needs, open_)

    def _keeps_away(self, key: Key, question: Question) -> bool:
        """Add to a question what people undid in Git; return whether that is more than was known.

        It is asked for only where something would be released, so a look that finds nothing reads no history.
        """
        if key in self.found.undone:
            return False
        name, service = key
        older = older_by(question.ranking.rule, question.position)
        repo = self.connections.repo
        found = undone_in(repo, self.snapshot, name, [service], lambda it: older).get(service, ())
        self.found.undone[key] = found
        vetoes = [(it, ImageRef.parse(it.image)) for it in found]
        question.vetoes = (
            *question.vetoes,
            *(Veto(image.digest or "", image.tag or "", True, it.why, it.step.time) for it, image in vetoes),
        )
        return bool(found)

    def _give_up(self, open_: dict[Key, Question]) -> None:
        """Say of which services the tags that come first are not there, or are no images, without end."""
        for (_, service), question in open_.items():
            refused = sum(isinstance(it, Refused) for it in question.facts.values())
            self.found.errors[service] = FailedError(
                f"{service}: the newest {refused} tags are not there or are no images, "
                f"and more could not be looked at within {CANDIDATES:.0f} s",
                hint="leave them out with `ignore`, or delete them from the registry",
            )

    def _look_up(self, needs: dict[Key, tuple[str, ...]], open_: dict[Key, Question]) -> None:
        """Ask for the digests that are missing, all at once; what moves is asked for again each time."""
        batches: dict[tuple[str, bool], dict[ImageRef, list[Key]]] = {}
        for key, tags in needs.items():
            rule = open_[key].ranking.rule
            for tag in tags:
                image = self.config.services[key[1]].ref.pinned(tag, None)
                kind = (rule.platform, rule.mutable)
                batches.setdefault(kind, {}).setdefault(image, []).append(key)
        registry = self.connections.registry
        for (platform, mutable), images in batches.items():
            answers: Any = (
                registry.scan_facts(images, fresh=mutable, platform=platform)
                if platform
                else registry.scan_digests(images, fresh=mutable)
            )
            for image, found in answers.items():
                for key in images[image]:
                    self._learn(open_, key, image.tag or "", found)

    def _learn(self, open_: dict[Key, Question], key: Key, tag: str, found: Any) -> None:
        if key not in open_:
            return
        if isinstance(found, HeadwayError) and not isinstance(found, UsageError):
            self.found.errors[key[1]] = found
            del open_[key]
            return
        if isinstance(found, HeadwayError):
            known: Known | Refused = _refused(found)
        elif isinstance(found, str):
            known = Known(found)
        else:
            known = Known(found.digest, found.platforms)
        open_[key].facts = {**open_[key].facts, tag: known}


def _commits(tags: Iterable[str]) -> set[str]:
    return {part for tag in tags for part in re.split(r"[-_.]", tag) if _SHA.fullmatch(part)}


def _no_source(sha: str) -> Refused:
    return Refused("cannot be ordered by commit: the service has no `source` in headway.yaml")


def _refused(error: HeadwayError) -> Refused:
    """Return why a tag that is listed cannot be released: it names something else, or it was deleted since."""
    from headway.systems.registry.client import NotAnImage

    if isinstance(error, NotAnImage):
        return Refused(f"is {error.what}, not an image")
    return Refused(f"is listed, and then not there: {error.message}")


def _time_in(facts: dict[str, ImageFacts | Refused]) -> Position:
    def created(tag: str) -> datetime | Refused:
        known = facts.get(tag)
        if isinstance(known, Refused):
            return known
        if known is None or known.created is None:
            return Refused("has no creation time")
        return known.created

    return created


def source_of(
    connections: Connections, config: Config, service: str, image: str
) -> tuple[str, datetime] | None:
    """Return the source commit that an image's tag names, and its time; None where that is not known.

    It is for the record only, so what cannot be reached is no error.
    """
    from headway.systems.git.source_history import time_of

    source = config.services[service].source
    try:
        names = _commits([ImageRef.parse(image).tag or ""])
        if source is None or not names:
            return None
        line = connections.history(source).line(names)
    except HeadwayError:
        return None
    found = next((it for it in map(line.find, sorted(names, key=len)) if not isinstance(it, Refused)), None)
    return (found, time_of(line, found)) if found else None
