"""Answers where a change is: built or not, in which environments since when, and what holds it back from the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from headway.domain.images.reference import NOWHERE, Image, ImageRef
from headway.domain.policy.gates import gates, is_automatic, not_promoted
from headway.domain.releases.ledger import Entry, short_tag
from headway.domain.releases.plans import Change, images_of
from headway.domain.releases.whereabouts import (
    COMMIT,
    DIGEST,
    Stay,
    Wanted,
    newer_has_it,
    stays,
    tags_of_commit,
)
from headway.domain.rules.lookups import commit_names
from headway.domain.rules.tags import Refused, commit_in
from headway.errors import HeadwayError, UsageError
from headway.operations.automation import AutomaticServices, eligible
from headway.operations.connections import Connections
from headway.operations.promotion import own_rule
from headway.operations.snapshot import Snapshot
from headway.systems.git.source_history import Line

LOOK_BACK = 500
"""How many commits of an environment are searched."""


@dataclass(frozen=True, slots=True)
class Place:
    """One environment's part of the answer. `state` is `here`, `newer`, `past` or `absent`; `said` tells it.

    `holds` says, line by line, what keeps it from coming here, and `ask` what would bring it.
    """

    environment: str
    state: str
    said: str
    holds: tuple[str, ...] = ()
    ask: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what `--output json` prints."""
        return {
            "environment": self.environment,
            "state": self.state,
            "said": self.said,
            "holds": list(self.holds),
            "next": self.ask,
        }


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known of one service's image or commit; `built` says whether it is there, `notes` what is unknown."""

    service: str
    built: str
    image: str = ""
    places: tuple[Place, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Return what `--output json` prints."""
        return {
            "service": self.service,
            "built": self.built,
            "image": self.image,
            "environments": [it.as_dict() for it in self.places],
            "notes": list(self.notes),
        }


def where(connections: Connections, snapshot: Snapshot, text: str) -> list[Whereabouts]:
    """Return where a commit of a source repo, a tag or a digest is, for each service that has it.

    Raises UsageError where no service does. What cannot be asked (a registry, a source repo) is in the notes.
    """
    now, unknown = datetime.now(UTC), list[str]()
    found = []
    for service in snapshot.config.services:
        search = _Search(connections, snapshot, service, text.strip(), now)
        if (known := search.run()) is not None:
            found.append(known)
        unknown += search.notes
    if not found:
        said = f"; not everything could be asked: {'; '.join(dict.fromkeys(unknown))}" if unknown else ""
        raise UsageError(
            f"no service has a commit, a tag or a digest {text!r}{said}",
            hint="give a commit's SHA-1 (7 digits or more), a tag as the registry has it, or a digest",
        )
    return found


class _Search:
    """The search for one service."""

    def __init__(
        self, connections: Connections, snapshot: Snapshot, service: str, text: str, now: datetime
    ) -> None:
        self.connections, self.snapshot, self.service, self.text, self.now = (
            connections, snapshot, service, text, now,
        )  # fmt: skip
        self.notes: list[str] = []
        self.line: Line | None = None
        self.commit = ""

    def run(self) -> Whereabouts | None:
        """Return what is known; None where this service has nothing of that name."""
        self._find_commit()
        tags = self._tags()
        wanted = self._wanted(tags)
        histories = {name: list(self._history(name)) for name in self.snapshot.config.environments}
        came = {name: stays(history, wanted) for name, history in histories.items()}
        in_registry = sorted(wanted.tags & set(tags))
        image = self._image(wanted, in_registry, histories)
        if not (self.commit or in_registry or any(came.values())):
            return None
        if image is None:
            commit = f"commit {self.commit[:9]}" if self.commit else self.text
            built = f"not built: no tag of {self.snapshot.config.service(self.service).image} names {commit}"
        else:
            listed = in_registry or image.tag in tags
            built = "in the registry" if listed else "in the repo; the registry does not list it"
        places = [self._place(name, came[name], image) for name in self.snapshot.config.environments]
        return Whereabouts(
            self.service,
            built,
            str(image) if image else "",
            tuple(it for it in places if it),
            tuple(self.notes),
        )

    def _find_commit(self) -> None:
        """Find the source commit that is meant, or that the tag was built from."""
        source = self.snapshot.config.service(self.service).source
        words = commit_names([self.text])
        if source is None or not words or self.text.startswith("sha256:"):
            return
        try:
            self.line = self.connections.history(source).line(words)
        except HeadwayError as error:
            self.notes.append(f"the commits of {self.service} are not known: {error.message}")
            return
        found = commit_in(self.text, self.line.find)
        self.commit = "" if isinstance(found, Refused) else found

    def _tags(self) -> list[str]:
        try:
            return self.connections.registry.tags(self.snapshot.config.service(self.service).ref)
        except HeadwayError as error:
            self.notes.append(f"the registry cannot be asked about {self.service}: {error.message}")
            return []

    def _wanted(self, tags: list[str]) -> Wanted:
        if self.commit and COMMIT.fullmatch(self.text):
            named = {*tags_of_commit(tags, self.commit), f"sha-{self.commit}", self.commit}
            return Wanted(self.service, frozenset(named))
        digest = self.text.removeprefix("sha256:") if DIGEST.fullmatch(self.text) else ""
        return Wanted(self.service, frozenset({self.text}), digest)

    def _history(self, name: str) -> Iterator[tuple[Entry, tuple[Image, ...]]]:
        """Yield an environment's commits that may have changed the service, with its images after each."""
        place, head = self.snapshot.place(name), self.snapshot.commit
        log = self.connections.repo.log(name, path=place, limit=LOOK_BACK, head=head)
        for entry in log:
            if entry.record is not None:
                mine = [new for service, _, new in entry.record.changes if service == self.service]
                if mine:
                    yield entry, tuple(mine)
                continue
            try:
                images = images_of(self.snapshot.config, self.snapshot.past(name, entry.commit).indexes)
            except HeadwayError:
                continue
            yield entry, images.get(self.service, ())

    def _image(
        self,
        wanted: Wanted,
        in_registry: list[str],
        histories: dict[str, list[tuple[Entry, tuple[Image, ...]]]],
    ) -> ImageRef | None:
        """Return the image, with its digest where an environment or the registry tells it."""
        for history in histories.values():
            for each in (it for _, images in history for it in images if wanted.has(it)):
                if each.ref is not None and each.digest:
                    return each.ref
        if not in_registry:
            return None
        image = self.snapshot.config.service(self.service).ref.pinned(in_registry[0], None)
        try:
            return image.pinned(image.tag, self.connections.registry.resolve(image))
        except HeadwayError as error:
            self.notes.append(f"its digest is not known: {error.message}")
            return image

    def _place(self, name: str, came: list[Stay], image: ImageRef | None) -> Place | None:
        try:
            runs = images_of(self.snapshot.config, self.snapshot.environment(name).indexes).get(self.service)
        except HeadwayError as error:
            return Place(name, "absent", f"its files cannot be read: {error.message}")
        if runs is None:
            return None
        if came and came[0].went is None:
            return Place(name, "here", came[0].words)
        short = ", ".join(map(short_tag, runs))
        if self._newer(runs):
            return Place(name, "newer", f"contained in {short}, which is newer")
        past = f"{came[0].words}; runs {short} now" if came else f"not here: runs {short}"
        holds, ask = self._held_back(name, image) if image is not None else ((), "")
        return Place(name, "past" if came else "absent", past, tuple(holds), ask)

    def _newer(self, runs: tuple[Image, ...]) -> bool:
        if self.line is None or not self.commit:
            return False
        places = list(map(self._place_of, runs))
        return newer_has_it(places, self.line.places.get(self.commit))

    def _place_of(self, image: Image) -> int | None:
        assert self.line is not None
        found = commit_in(image.tag, self.line.place)
        return None if isinstance(found, Refused) else found

    def _held_back(self, name: str, image: ImageRef) -> tuple[list[str], str]:
        """Return what keeps the image from coming to an environment, and how it would come."""
        config, holds = self.snapshot.config, self.snapshot.holds
        found = [
            str(it)
            for it in gates(
                config, holds, name, [Change(self.service, NOWHERE, Image(str(image)))], self.now, undo=False
            )
        ]
        rule = own_rule(config, name, self.service)
        taken = rule.taken(image.tag or "") if rule is not None else None
        if isinstance(taken, Refused):
            found.append(f"its rule does not take {image.tag}: {taken}")
        rules, automatic = self.snapshot.rules(name), is_automatic(config, holds, name, self.service)
        if rules.promote_from:
            found += self._promotion(name, rules.promote_from, image, automatic)
        else:
            found += [str(it) for it in not_promoted(config, name)]
        if rules.approvals:
            people = "person" if rules.approvals == 1 else "people"
            found.append(f"{rules.approvals} {people} must approve it")
        if automatic:
            return list(dict.fromkeys(found)), "automation releases it when nothing holds it back"
        way = (
            f"promote {name}" if rules.promote_from else f"release {name} {self.service}={image.tag or image}"
        )
        return list(dict.fromkeys(found)), f"`headway {way}` brings it"

    def _promotion(self, name: str, source: str, image: ImageRef, automatic: bool) -> list[str]:
        there = images_of(self.snapshot.config, self.snapshot.environment(source).indexes).get(
            self.service, ()
        )
        if not any(it.digest and it.digest == image.digest for it in there):
            return [f"{source}, which {name} is promoted from, does not run it"]
        if not automatic:
            return []
        found = eligible(
            self.connections, self.snapshot, AutomaticServices(name, (self.service,), source), self.now
        )
        return list(found.waits)
