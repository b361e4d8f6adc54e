"""Timing two things beside each other: alternating rounds, the median of each, the median of the ratios."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Comparison:
    """One row of the table: seconds of the baseline and of headway, round by round."""

    what: str
    baseline: str
    reach: str
    theirs: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    note: str = ""

    def row(self) -> list[str]:
        """Return the row's cells."""
        ratio = "–"
        if self.theirs and self.ours:
            ratio = f"{statistics.median(o / t for o, t in zip(self.ours, self.theirs, strict=False)):.2f}"
        return [self.what, self.baseline, _span(self.theirs), _span(self.ours), ratio, self.reach, self.note]


HEADINGS = ["what", "baseline", "baseline, s", "headway, s", "ratio", "goal", ""]


def _span(values: list[float]) -> str:
    if not values:
        return "–"
    return f"{statistics.median(values):.3f} [{min(values):.3f}–{max(values):.3f}] n={len(values)}"


def table(rows: list[Comparison]) -> str:
    """Return a Markdown table."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(row.row() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def tell(message: str) -> None:
    """Say how far the run is."""
    print(message, file=sys.stderr, flush=True)
