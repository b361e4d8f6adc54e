"""Other tools' patterns and ranges in the words of a tag rule: the same tags, or Untranslatable.

Go's regular expressions (RE2) match anywhere in a tag and headway's match the whole of it; what a tool
extracts to sort by becomes a named group. (Flux: `filterTags.pattern` and `extract`, as Go's
`Regexp.Expand` reads it.)
"""

from __future__ import annotations

import re
from typing import NamedTuple

from headway.domain.rules.semver import Range
from headway.errors import UsageError

_ONLY_GO = re.compile(r"\\[pPCQ]|\[\[:|\[\^?\[:|\(\?[a-zA-Z]*U")
_REFERENCE = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")
_PARTIAL_PRERELEASE = re.compile(
    r"(?<![\w.])(?P<operator>\^|~>?|>=|<|=)?\s*v?(?P<major>\d+|[xX*])(?:\.(?P<minor>\d+|[xX*]))?(?:\.(?P<patch>[xX*]))?-0(?![\w.])"
)
EVERY_VERSION = ">=0.0.0-0"
"""All versions, pre-releases too."""


class Untranslatable(Exception):
    """Something that has no equal in a tag rule, in words for people."""


class _Group(NamedTuple):
    start: int
    end: int
    name: str


def whole_tag(pattern: str, extract: str = "", order: str = "") -> str:
    """Return a `regex:` word that takes the tags in which Go finds a pattern.

    `extract` is what the tool sorts by: it becomes a group with the name of the `order`.
    """
    if _ONLY_GO.search(pattern):
        raise Untranslatable(f"the pattern {pattern} uses what only Go's regular expressions have")
    pattern = pattern.replace("(?<", "(?P<") if "(?<=" not in pattern and "(?<!" not in pattern else pattern
    pattern = pattern.replace(r"\z", r"\Z")
    groups = _groups(pattern)
    wanted = _extracted(extract, groups) if extract else None
    if wanted == 0:
        pattern, groups = f"(?P<{order}>{_unnamed(pattern, groups, None, '')})", []
    else:
        pattern = _unnamed(pattern, groups, wanted, order)
    pattern = _anchored(pattern)
    try:
        re.compile(pattern)
    except re.error as error:
        raise Untranslatable(f"the pattern {pattern} is none in Python: {error}") from None
    return f"regex:{pattern}"


def _extracted(template: str, groups: list[_Group]) -> int:
    """Return the number of the one group that a template gives; 0 for all that matched."""
    found = _REFERENCE.fullmatch(template)
    if found is None:
        raise Untranslatable(f"tags are sorted by {template}, which is more than one group of the pattern")
    name = found[1] or found[2]
    if name.isdigit():
        number = int(name)
        if number > len(groups):
            raise Untranslatable(f"{template} names no group of the pattern")
        return number
    for number, group in enumerate(groups, 1):
        if group.name == name:
            return number
    raise Untranslatable(f"{template} names no group of the pattern")


def _groups(pattern: str) -> list[_Group]:
    """Return the groups that capture, in order: from their bracket to the end of what opens them."""
    found: list[_Group] = []
    place, in_class = 0, False
    while place < len(pattern):
        mark = pattern[place]
        if mark == "\\":
            place += 2
            continue
        if in_class:
            in_class = mark != "]"
        elif mark == "[":
            in_class = True
            # A bracket that comes first is one of the class.
            ahead = re.compile(r"\[\^?\]?").match(pattern, place)
            place = ahead.end() if ahead else place + 1
            continue
        elif mark == "(":
            named = re.compile(r"\(\?P<(\w+)>").match(pattern, place)
            if named:
                found.append(_Group(place, named.end(), named[1]))
            elif not pattern.startswith("(?", place):
                found.append(_Group(place, place + 1, ""))
        place += 1
    return found


def _unnamed(pattern: str, groups: list[_Group], wanted: int | None, order: str) -> str:
    """Return the pattern in which only the wanted group has a name: that of the order."""
    for number in range(len(groups), 0, -1):
        start, end, name = groups[number - 1]
        if number == wanted:
            pattern = f"{pattern[:start]}(?P<{order}>{pattern[end:]}"
        elif name:
            pattern = f"{pattern[:start]}({pattern[end:]}"
    return pattern


def _anchored(pattern: str) -> str:
    """Return a pattern that matches the whole tag where the given one is found somewhere in it."""
    if _has_choice(pattern):
        return f".*?(?:{pattern}).*"
    flags = re.match(r"\(\?[a-z]+\)", pattern)
    head = flags[0] if flags else ""
    body = pattern[len(head) :]
    for start in ("^", r"\A"):
        if body.startswith(start):
            body = body[len(start) :]
            break
    else:
        body = f".*?{body}"
    if body.endswith(r"\Z"):
        body = body[:-2]
    elif body.endswith("$") and (len(body) - len(body[:-1].rstrip("\\"))) % 2 == 1:
        body = body[:-1]
    else:
        body = f"{body}.*"
    return head + body


def _has_choice(pattern: str) -> bool:
    """Return whether a pattern has alternatives outside of every group."""
    depth, place, in_class = 0, 0, False
    while place < len(pattern):
        mark = pattern[place]
        if mark == "\\":
            place += 2
            continue
        if in_class:
            in_class = mark != "]"
        elif mark == "[":
            in_class = True
        elif mark in "()":
            depth += 1 if mark == "(" else -1
        elif mark == "|" and depth == 0:
            return True
        place += 1
    return False


def versions(text: str) -> str:
    """Return a range of Masterminds' semver library as headway's; raise Untranslatable."""
    written = text.strip() or "*"
    said = _PARTIAL_PRERELEASE.sub(_with_prereleases, written)
    try:
        Range(said)
    except UsageError as error:
        raise Untranslatable(f"the range {text}: {error.message}") from None
    return said


def _with_prereleases(found: re.Match[str]) -> str:
    """Write `2.x-0` and the like, which mean a range with its pre-releases, in full."""
    operator = found["operator"] or ""
    numbers = [int(it) for it in (found["major"], found["minor"]) if it and it.isdigit()]
    if not numbers:
        return EVERY_VERSION if operator in ("", ">=", "=") else found[0]
    low = ".".join(map(str, [*numbers, 0, 0][:3]))
    if operator in (">=", "<", "^"):
        return f"{operator}{low}-0"
    high = [*numbers[:-1], numbers[-1] + 1, 0, 0][:3]
    return f">={low}-0 <{'.'.join(map(str, high))}-0"


def simple_glob(text: str) -> str:
    """Return a pattern in which only `*` is special as a `glob:` word."""
    return "glob:" + "".join(f"[{it}]" if it in "?[" else it for it in text)


def path_glob(text: str) -> str:
    """Return a pattern of Go's `filepath.Match` as a `glob:` word."""
    if "\\" in text or "[!" in text:
        raise Untranslatable(f"the pattern {text} has escapes that globs here have not")
    return f"glob:{text.replace('[^', '[!')}"
