"""Every error that headway raises on purpose.

    HeadwayError                exit 1   it failed; the message says what state things are in
    ├── UsageError              exit 2   wrong use or bad input; nothing was changed
    │   └── ConfigError                  problems in files, each with file:line:column
    ├── RefusedError            exit 3   a rule of the repo says no
    ├── FailedError             exit 1   a system answered, and the answer is final
    │   ├── RejectedError                the cluster rejected what should run
    │   └── RegistryDenied               a registry wants another login
    ├── LostLease               exit 1   somebody else deploys to the environment by now
    └── TransientError          exit 1   worth another try: time-outs, 5xx, connections refused

Anything else that is raised is a fault; `explained` gives it words, at each entrance and before a release is
reported as unfinished.

A system's module turns its client's exceptions into these, so no caller ever
sees an error of docker, kubernetes, git or httpx. Only TransientError is retried.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass


class HeadwayError(Exception):
    """Something headway can explain.

    `message` says what happened and where, in one sentence without a full stop's
    worth of noise; `hint` says what to do next.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(HeadwayError):
    """Wrong use or bad input: nothing was changed."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in one file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ConfigError(UsageError):
    """Problems in files that people write, all of them at once."""

    def __init__(self, problems: Iterable[Problem], *, hint: str = "") -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)), hint=hint)


class RefusedError(HeadwayError):
    """A rule of the repo says no: locked, vetoed, outside the window, not approved."""

    exit_code = 3


class FailedError(HeadwayError):
    """A system answered, and asking again would give the same answer."""


class RejectedError(FailedError):
    """The cluster rejected what should run: invalid, denied by admission, immutable.

    Only this, a failed rollout or a failed verification makes a release a failed one. Every other error,
    this class's base included, says that headway could not see or act: the release is unfinished.
    `objects` are the identities of what was refused, where they are known.
    """

    objects: frozenset[Hashable] = frozenset()


class RegistryDenied(FailedError):
    """A registry does not let this user do what was asked."""


class LostLease(HeadwayError):
    """Somebody else may deploy to the environment by now: nothing more is written or recorded."""


class TransientError(HeadwayError):
    """Worth another try: the same call may succeed in a moment, or after `retry_after` seconds where they were said."""

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


def explained(error: Exception) -> HeadwayError:
    """Return an error as one that says what happened and what to do; headway's own are given as they are."""
    if isinstance(error, HeadwayError):
        return error
    if isinstance(error, TimeoutError):
        said = " ".join(str(error).split())[:200]
        return TransientError(
            f"it did not end in time{f': {said}' if said else ''}",
            hint="a machine or a server is slow; try again",
        )
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return FailedError(
            f"this machine: {error.strerror}{place}",
            hint="is HEADWAY_STATE a folder on a disk with free space, and may this user write there?",
        )
    if type(error).__module__ == "sqlite3":
        return FailedError(
            f"a file in HEADWAY_STATE cannot be used: {error}",
            hint="its *.sqlite files are caches: check the disk, then delete the damaged one",
        )
    said = " ".join(str(error).split())[:200]
    return FailedError(
        f"unexpected {type(error).__name__}{f': {said}' if said else ''}",
        hint="this is a fault of headway; `headway --debug …` shows where it happened",
    )
