"""What a stream is taken for: a terminal to draw on, or a pipe that gets plain text.

The conventions: NO_COLOR (no-color.org) before CLICOLOR_FORCE and FORCE_COLOR, those before CLICOLOR=0 and
TERM=dumb, and COLUMNS before what the terminal says of its width.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

DUMB = ("dumb", "unknown")
WIDTH, HEIGHT = 80, 24
NARROWEST = 20
"""No terminal is taken for narrower: nothing could be read there."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a stream is written to.

    `drawn`: for the width of a terminal, in short versions. `colour`: with colours. `live`: lines may be replaced
    in place.
    """

    drawn: bool = False
    colour: bool = False
    live: bool = False

    @property
    def plain(self) -> bool:
        """Return whether text goes out as it is, so that nothing has to be drawn."""
        return not (self.drawn or self.colour)


def manner(environment: Mapping[str, str], *, tty: bool) -> Manner:
    """Return how a stream is written to, by the environment and by whether it is a terminal."""
    dumb = environment.get("TERM", "").lower() in DUMB
    if environment.get("NO_COLOR"):
        colour = False
    elif environment.get("CLICOLOR_FORCE", "0") not in ("", "0") or environment.get("FORCE_COLOR"):
        colour = True
    else:
        colour = tty and not dumb and environment.get("CLICOLOR", "1") != "0"
    return Manner(drawn=tty, colour=colour, live=tty and not dumb)


def manner_of(stream: TextIO) -> Manner:
    """Return how a stream is written to."""
    return manner(os.environ, tty=stream.isatty())


def width_of(stream: TextIO) -> int:
    """Return the columns of a terminal, or those that COLUMNS says."""
    said = os.environ.get("COLUMNS", "")
    return max(NARROWEST, int(said) if said.isdigit() and int(said) else size_of(stream)[0])


def size_of(stream: TextIO) -> tuple[int, int]:
    """Return the columns and lines that a terminal really has; 80 and 24 where it does not tell."""
    try:
        found = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return WIDTH, HEIGHT
    return found.columns or WIDTH, found.lines or HEIGHT
