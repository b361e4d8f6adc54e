"""Keeps the audit: what people and tokens asked `headway serve` for, and how it was answered."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from headway.domain.policy.audit import Act, Answer, answered, read_acts
from headway.errors import HeadwayError, RefusedError, explained
from headway.settings import Settings
from headway.systems.machine.line_file import LineFile

_log = logging.getLogger("headway.audit")


def audit_file(settings: Settings) -> Path:
    """Return where the audit is kept."""
    return Path(settings.audit) if settings.audit else settings.state / "audit.jsonl"


class Audit:
    """The audit of one server. What is allowed is written before it is done; without that it is not done."""

    def __init__(self, settings: Settings) -> None:
        self._file = LineFile(audit_file(settings))

    def record(self, act: Act) -> None:
        """Write an act down; raise FailedError where an allowed one cannot be. It is logged too."""
        line = act.to_line()
        _log.info("%s", line)
        try:
            self._file.append(line)
        except HeadwayError as error:
            if act.answer == "allowed":
                raise
            # What is not done anyway is not done with a log line alone, too.
            _log.error("%s", error)

    @contextmanager
    def done(self, acts: Sequence[Act]) -> Iterator[None]:
        """Write acts down as allowed, and what is done in the block as refused or failed where it comes to nothing."""
        for act in acts:
            self.record(answered(act, "allowed"))
        try:
            yield
        except Exception as problem:
            error = explained(problem)
            answer: Answer = "refused" if isinstance(error, RefusedError) else "failed"
            for act in acts:
                self.record(answered(act, answer, error.message))
            raise

    def acts(self) -> Iterator[Act]:
        """Yield what was written down, the oldest first."""
        return read_acts(self._file.lines())
