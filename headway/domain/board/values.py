"""What the board shows, as values: the grid, its rows and cells, and the head of each environment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from headway.domain.board.facts import Candidate, Question, Run, Source

State = Literal["failed", "rolled-back", "waiting", "rolling", "held", "unknown", "live", "absent"]
RANK: tuple[State, ...] = ("failed", "rolled-back", "waiting", "rolling", "held", "unknown", "live", "absent")
"""States, those that need somebody first."""
WORDS: dict[State, str] = {
    "failed": "Failed",
    "rolled-back": "Rolled back",
    "waiting": "Waiting",
    "rolling": "Rolling out",
    "held": "Not running",
    "unknown": "Unknown",
    "live": "Live",
    "absent": "Not here",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Something beside the state that people should see: `lock`, `veto`, `drift`."""

    kind: str
    word: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A service in an environment. `since` is when its version became live; None where that is not known.

    `behind` counts the versions that the environment before had since this one; -1 where that is not known.
    `image` is the whole reference. `pods` is `2/3`; empty where there are none.
    """

    environment: str
    service: str
    state: State
    version: str = ""
    image: str = ""
    subject: str = ""
    since: datetime | None = None
    began: datetime | None = None
    by: str = ""
    cause: str = ""
    pods: str = ""
    line: str = ""
    behind: int = 0
    source: str = ""
    marks: tuple[Mark, ...] = ()
    flags: tuple[str, ...] = field(init=False, compare=False, repr=False)
    """The filters that it fits."""

    def __post_init__(self) -> None:
        """Work the filters out once: they are counted at every change of the board."""
        object.__setattr__(self, "flags", tuple(self._fits()))

    def _fits(self) -> Iterator[str]:
        if self.state in ("waiting", "rolling", "failed"):
            yield self.state
        elif self.state == "rolled-back":
            yield "failed"
        if self.behind:
            yield "behind"
        for it in self.marks:
            if it.kind in ("drift", "lock"):
                yield "locked" if it.kind == "lock" else it.kind

    @property
    def word(self) -> str:
        """The state in a word."""
        return WORDS[self.state]

    @property
    def id(self) -> str:
        """The name of its place on the page."""
        return f"c-{self.environment}--{self.service}"

    @property
    def rank(self) -> int:
        """The place of its state among those that need somebody first."""
        return RANK.index(self.state)


@dataclass(frozen=True, slots=True)
class Row:
    """One service in every environment, in the order of promotion."""

    service: str
    owner: str
    candidate: Candidate | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Last:
    """The newest release of an environment."""

    what: str
    who: str
    when: datetime
    why: str
    state: str
    commit: str


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an environment's column: how it is, who released last, when it is open, what waits."""

    environment: str
    state: State
    word: str
    source: str = ""
    last: Last | None = None
    window: str = ""
    is_open: bool = True
    soak: str = ""
    lock: Mark | None = None
    approvals: int = 0
    behind: int = 0
    automatic: bool = False
    runs: tuple[Run, ...] = ()
    questions: tuple[Question, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def needs_somebody(self) -> bool:
        """Whether a person should look at it."""
        return self.state in ("failed", "rolled-back", "waiting") or bool(self.questions)


@dataclass(frozen=True, slots=True)
class Grid:
    """Everything that the board shows of an application at one moment."""

    app: str
    commit: str
    heads: tuple[Head, ...] = ()
    rows: tuple[Row, ...] = ()
    sources: tuple[Source, ...] = ()
    problem: str = ""

    def cells(self) -> Iterator[Cell]:
        """Yield every cell, row by row."""
        for row in self.rows:
            yield from row.cells

    def cell(self, environment: str, service: str) -> Cell | None:
        """Return a cell; None where there is none."""
        return next(
            (it for it in self.cells() if (it.environment, it.service) == (environment, service)), None
        )

    def row(self, service: str) -> Row | None:
        """Return a service's row; None where there is none."""
        return next((it for it in self.rows if it.service == service), None)

    def head(self, environment: str) -> Head | None:
        """Return an environment's head; None where there is none."""
        return next((it for it in self.heads if it.environment == environment), None)
