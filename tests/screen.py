"""What a terminal shows of what was written to it, as far as headway writes: a small one, for tests."""

from __future__ import annotations

import re
import unicodedata

_TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b\][^\x1b\x07]*(?:\x1b\\|\x07)|([\s\S])")


class Screen:
    """Lines of a terminal, those that have scrolled away included; `odd` is what it does not know."""

    def __init__(self, width: int, written: str = "") -> None:
        self.width = width
        self.lines: list[list[str]] = [[]]
        self.row = self.column = 0
        self.odd: list[str] = []
        self.wrapped = 0
        """How often a line did not fit."""
        self.write(written)

    def write(self, text: str) -> None:
        """Show what is written."""
        for found in _TOKEN.finditer(text):
            count, command, character = found.groups()
            if character:
                self._put(character)
            elif command == "A":
                self.row = max(0, self.row - int(count or 1))
            elif command == "J":
                self.lines[self.row :] = [self.lines[self.row][: self.column]]
            elif command and command != "m":
                self.odd.append(found[0])

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            # A terminal's line discipline puts a return before it.
            self.column = 0
            self._down()
        elif not character.isprintable():
            self.odd.append(character)
        else:
            size = (
                0
                if unicodedata.combining(character)
                else 2
                if unicodedata.east_asian_width(character) in "WF"
                else 1
            )
            if self.column + size > self.width:
                self.wrapped += 1
                self.column = 0
                self._down()
            line = self.lines[self.row]
            line += " " * (self.column - len(line))
            line[self.column : self.column + max(size, 1)] = [character, *[""] * (size - 1)]
            self.column += size

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])

    @property
    def shown(self) -> list[str]:
        """Return the lines, without what is empty at their ends."""
        return "\n".join("".join(it).rstrip() for it in self.lines).rstrip().split("\n")
