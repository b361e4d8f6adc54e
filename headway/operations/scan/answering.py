"""Answer a scan's questions: pick, look up what is missing to pick, and keep away from what people undid."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headway.domain.images.reference import ImageRef
from headway.domain.releases.undone import older_by
from headway.domain.rules.lookups import Key, missing_digests
from headway.domain.rules.picks import Known, Need, Picked, Question, Veto, choose
from headway.domain.rules.tags import Refused
from headway.errors import FailedError, HeadwayError, UsageError
from headway.operations.connections import Connections
from headway.operations.pushes import undone_in
from headway.operations.scan.result import Scan
from headway.operations.scan.times import refused
from headway.operations.snapshot import Snapshot
from headway.systems.git.config_repo import ConfigRepo

if TYPE_CHECKING:
    from headway.systems.registry.client import RegistryClient

CANDIDATES = 60.0
"""Seconds in which the newest tags of a scan are asked what they are."""


def answer_all(
    connections: Connections, snapshot: Snapshot, images: Mapping[str, ImageRef], found: Scan
) -> None:
    """Answer the questions of a scan, or say of a service why there is no answer."""
    unanswered, until = dict(found.questions), time.monotonic() + CANDIDATES
    while unanswered:
        if time.monotonic() > until:
            _give_up(unanswered, found)
            return
        needs: dict[Key, tuple[str, ...]] = {}
        for key, question in list(unanswered.items()):
            answer = choose(question)
            if isinstance(answer, Need):
                needs[key] = answer.tags
            elif isinstance(answer, Picked) and _keeps_away(connections.repo, snapshot, key, question, found):
                continue
            else:
                found.answers[key] = answer
                del unanswered[key]
        _look_up(connections.registry, images, needs, unanswered, found)


def _keeps_away(repo: ConfigRepo, snapshot: Snapshot, key: Key, question: Question, found: Scan) -> bool:
    """Add to a question what people undid in Git; return whether that is more than was known.

    It is asked for only where something would be released, so a scan that finds nothing reads no history.
    """
    if key in found.undone:
        return False
    name, service = key
    older = older_by(question.ranking.rule, question.position)
    undone = undone_in(repo, snapshot, name, [service], lambda it: older).get(service, ())
    found.undone[key] = undone
    question.vetoes = (
        *question.vetoes,
        *(Veto(it.image.digest, it.image.tag, True, it.why, it.step.time) for it in undone),
    )
    return bool(undone)


def _give_up(unanswered: Mapping[Key, Question], found: Scan) -> None:
    """Say of which services the tags that come first are not there, or are no images, without end."""
    for (_, service), question in unanswered.items():
        gone = sum(isinstance(it, Refused) for it in question.facts.values())
        found.errors[service] = FailedError(
            f"{service}: the newest {gone} tags are not there or are no images, "
            f"and more could not be looked at within {CANDIDATES:.0f} s",
            hint="leave them out with `ignore`, or delete them from the registry",
        )


def _look_up(
    registry: RegistryClient,
    images: Mapping[str, ImageRef],
    needs: Mapping[Key, tuple[str, ...]],
    unanswered: dict[Key, Question],
    found: Scan,
) -> None:
    """Ask for the digests that are missing, all at once; what moves is asked for again each time."""
    for (platform, mutable), wanted in missing_digests(needs, unanswered, images).items():
        answers: Any = (
            registry.scan_facts(wanted, fresh=mutable, platform=platform)
            if platform
            else registry.scan_digests(wanted, fresh=mutable)
        )
        for image, said in answers.items():
            for key in wanted[image]:
                if (question := unanswered.get(key)) is None:
                    continue
                if isinstance(said, HeadwayError) and not isinstance(said, UsageError):
                    found.errors[key[1]] = said
                    del unanswered[key]
                else:
                    question.facts = {**question.facts, image.tag or "": _known(said)}


def _known(said: Any) -> Known | Refused:
    if isinstance(said, HeadwayError):
        return refused(said)
    return Known(said) if isinstance(said, str) else Known(said.digest, said.platforms)
