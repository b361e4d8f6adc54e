"""Which files of a config repo are no manifests: `.headwayignore`, in the words of .gitignore, and `ignore:`.

As Git reads them (gitignore, "PATTERN FORMAT"): the last pattern that fits decides, `!` takes a file back in,
one with a slash counts from its file's folder, and what lies in an ignored folder stays ignored. Matching
takes no longer than the pattern times the path, whatever somebody writes there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

FILE = ".headwayignore"

_TRAILING = re.compile(r"(?<!\\)((?:\\\\)*)[ \t\r]+$")


class Rule(NamedTuple):
    """One pattern: the folder it counts from, its parts (None stands for `**`), and what it says."""

    base: tuple[str, ...]
    parts: tuple[re.Pattern[str] | None, ...]
    back: bool
    folders_only: bool


def parse_rules(lines: Iterable[str], folder: str = "") -> list[Rule]:
    """Read patterns that count from a folder of the repo; comments and empty lines are none."""
    base = tuple(folder.split("/")) if folder else ()
    return [rule for line in lines if (rule := _rule(line.rstrip("\n"), base)) is not None]


def is_ignored(rules: Iterable[Rule], path: str, *, folder: bool) -> bool:
    """Return what the last rule that fits a path says; a caller does not look into a folder that is ignored."""
    parts, ignored = path.split("/"), False
    for rule in rules:
        inside = len(parts) > len(rule.base) and tuple(parts[: len(rule.base)]) == rule.base
        if rule.back == ignored and inside and (folder or not rule.folders_only):
            ignored = ignored != _fits(rule.parts, parts[len(rule.base) :])
    return ignored


def _rule(line: str, base: tuple[str, ...]) -> Rule | None:
    line = _TRAILING.sub(r"\1", line)
    if not line or line.startswith("#"):
        return None
    back = line.startswith("!")
    line = line[1:] if back else line
    folders_only = line.endswith("/")
    line = line.rstrip("/") if folders_only else line
    if not line:
        return None
    anchored = "/" in line
    words = line.removeprefix("/").split("/") if anchored else ["**", line]
    if words[-1] == "**" and len(words) > 1:
        # What is in a folder, and not the folder.
        words.append("*")
    parts = tuple(None if word == "**" else _word(word) for word in words)
    return Rule(base, parts, back, folders_only)


_NOTHING = re.compile(r"(?!)")


def _fits(parts: tuple[re.Pattern[str] | None, ...], path: list[str]) -> bool:
    at = place = 0
    star: tuple[int, int] | None = None
    while place < len(path):
        part = parts[at] if at < len(parts) else _NOTHING
        if part is None:
            star, at = (at + 1, place), at + 1
        elif part.fullmatch(path[place]):
            at, place = at + 1, place + 1
        elif star is not None:
            # Only the last `**` ever needs to take more.
            star = (star[0], star[1] + 1)
            at, place = star
        else:
            return False
    return all(part is None for part in parts[at:])


def _word(word: str) -> re.Pattern[str]:
    pieces: list[str] = [""]
    at = 0
    while at < len(word):
        letter = word[at]
        at += 1
        if letter == "*":
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
        elif letter == "?":
            pieces[-1] += "."
        elif letter == "[":
            found, at = _class(word, at)
            if not found:
                return _NOTHING
            pieces[-1] += found
        elif letter == "\\":
            if at == len(word):
                return _NOTHING
            pieces[-1] += re.escape(word[at])
            at += 1
        else:
            pieces[-1] += re.escape(letter)
    first, *rest = pieces
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    # As Python's fnmatch: what lies between two stars is found where it stands first, and never looked for again.
    return re.compile(first + "".join(f"(?>.*?{it})" for it in middle) + f".*{last}", re.DOTALL)


_NAMED = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r"\s",
    "xdigit": "0-9a-fA-F", "punct": r"!-/:-@\[-`{-~",
}  # fmt: skip


def _class(word: str, at: int) -> tuple[str, int]:
    """Read a class after its `[`; nothing for one that does not end."""
    negated = word[at : at + 1] in ("!", "^")
    at += negated
    inside, start = "", at
    while at < len(word):
        letter = word[at]
        at += 1
        if letter == "]" and at - 1 > start:
            return (f"[{'^' if negated else ''}{inside}]" if inside else "(?!)"), at
        if letter == "[" and word.startswith(":", at) and (end := word.find(":]", at)) > 0:
            if word[at + 1 : end] not in _NAMED:
                return "", at
            inside, at = inside + _NAMED[word[at + 1 : end]], end + 2
            continue
        if letter == "\\" and at < len(word):
            letter, at = word[at], at + 1
        if word.startswith("-", at) and word[at + 1 : at + 2] not in ("", "]"):
            upper, at = word[at + 1], at + 2
            if upper == "\\" and at < len(word):
                upper, at = word[at], at + 1
            inside += f"{re.escape(letter)}-{re.escape(upper)}" if letter <= upper else ""
        else:
            inside += re.escape(letter)
    return "", at
