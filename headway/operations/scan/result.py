"""What one scan found."""

from __future__ import annotations

from headway.domain.releases.undone import Undone
from headway.domain.rules.lookups import Key
from headway.domain.rules.picks import Nothing, Picked, Question
from headway.errors import HeadwayError
from headway.operations.snapshot import Snapshot


class Scan:
    """What was asked and answered: (environment, service) → question, answer.

    `commit` is the config repo's that it went by. `errors` are by service, `unread` by environment: what keeps
    one from being scanned for. `undone` is what people undid in Git, where something would have been released.

    Not a dataclass, as `Desired` is not: Prefect would walk through every tag.
    """

    __slots__ = ("answers", "commit", "errors", "questions", "undone", "unread")

    def __init__(self, commit: str) -> None:
        self.commit = commit
        self.questions: dict[Key, Question] = {}
        self.answers: dict[Key, Picked | Nothing] = {}
        self.errors: dict[str, HeadwayError] = {}
        self.unread: dict[str, HeadwayError] = {}
        self.undone: dict[Key, tuple[Undone, ...]] = {}

    def still_true(self, then: Snapshot, now: Snapshot, environment: str) -> bool:
        """Return whether rules, holds and what the environment names are as they were for this scan."""
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
