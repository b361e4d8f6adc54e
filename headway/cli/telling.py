"""What flows say while they run, as a person reads it: the log with the time since the start, and reports.

On a terminal, a workload that rolls out and an image that is built have one line each, which is replaced in place
until it is done (headway/domain/runs/progress.py); reports are drawn. In a pipe every line comes as it was said.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from headway.cli.output import err, print_report
from headway.cli.region import Region, region
from headway.cli.terminal import manner_of
from headway.domain.runs.progress import Progress
from headway.domain.text.document import Line
from headway.domain.text.visible import visible

if TYPE_CHECKING:
    from contextlib import ExitStack

EVERY = 0.25
"""Seconds between two looks at the time, for the lines in place."""
AWAY = 4.0
"""Seconds without a look at the time after which the process was not running, rather than the machine slow."""
SOON = 0.05
"""Seconds between two versions of a line in place; the last one is shown in any case."""
MARGIN = 10
"""Columns that the time takes, before each line of the log. Lines in place begin behind it, too."""
NARROW = 60
"""Columns of a terminal that is too narrow for a margin that only keeps lines below each other."""
MOST = 12
"""Lines in place at most; and never more than half of the terminal."""


class Teller:
    """Prints what flows say. As a context, it may replace lines in place. Safe to use from several threads.

    `wide` shortens nothing, and lets every line of the log stay.
    """

    def __init__(self, *, wide: bool = False) -> None:
        self._wide = wide
        self._began = time.monotonic()
        self._live: _Live | None = None
        self._opened: ExitStack | None = None

    def __enter__(self) -> Self:
        if manner_of(sys.stderr).live and not self._wide:
            from contextlib import ExitStack

            with ExitStack() as opened:
                self._live = opened.enter_context(_Live(opened.enter_context(region()), self._began))
                self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self._opened is not None:
            self._live = None
            self._opened.close()

    def __call__(self, kind: str, key: str, text: str) -> None:
        """Print one thing that a flow said."""
        if kind == "report":
            print_report(text, wide=self._wide)
        elif self._live is not None:
            self._live.take(text)
        else:
            err().labelled(_since(self._began), text, style="dim")


class _Live:
    """The lines in place, and a thread that keeps their times going."""

    def __init__(self, shown: Region, began: float) -> None:
        from headway.cli.drawing import Drawing

        self._region, self._began = shown, began
        self._drawing = Drawing
        self._progress = Progress()
        self._shown = 0.0
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="lines in place", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        with self._lock:
            stay = self._progress.end(time.monotonic())
            self._progress = Progress()
            self._show(stay)

    def take(self, text: str) -> None:
        """Take a line of the log."""
        with self._lock:
            now = time.monotonic()
            self._progress, stay = self._progress.take(visible(text), now)
            # A build may say thousands of lines in a second, of which nobody can read more than a few.
            if stay or now - self._shown >= SOON:
                self._show(stay)

    def _tick(self) -> None:
        while not self._ended.wait(EVERY):
            with self._lock:
                self._show()

    def _show(self, stay: Iterable[Line] = ()) -> None:
        """Show what goes on now, below the lines that stay."""
        now = time.monotonic()
        if now - self._shown > AWAY:
            # It was suspended, by Ctrl-Z: by now a shell has written below the lines.
            self._region.leave()
        self._shown = now
        # Anew each time, since the terminal may have another width by now.
        drawing = self._drawing(sys.stderr)
        width, height = self._region.size
        width = min(width, drawing.width)
        margin = " " * (MARGIN if width >= NARROW else 2)
        most = max(1, min(MOST, height // 2))
        rows = self._progress.rows(self._shown, width - len(margin) - 1, most)
        shown = drawing.rendered(rows, margin).split("\n")[:-1]
        self._region.show(shown, drawing.rendered(stay, _since(self._began)))


def _since(began: float) -> str:
    return f"{time.monotonic() - began:7.2f}s  "
