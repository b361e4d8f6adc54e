"""Semantic versions 2.0.0 and ranges of them, read strictly.

Strict, because a commit's SHA-1 such as `917005` or a date such as `2024.01.02` must never
be taken for a version. A leading `v` is allowed, since registries are full of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from headway.errors import UsageError

_NUMBER = r"(?:0|[1-9]\d*)"
_PART = rf"(?:{_NUMBER}|\d*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"v?({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_PART}(?:\.{_PART})*))?(?:\+([0-9A-Za-z.-]+))?"
)
_PARTIAL = re.compile(
    rf"v?(?:({_NUMBER})|[xX*])(?:\.(?:({_NUMBER})|[xX*]))?(?:\.(?:({_NUMBER})|[xX*]))?"
    rf"(?:-({_PART}(?:\.{_PART})*))?(?:\+[0-9A-Za-z.-]+)?"
)
_TERM = re.compile(r"(\^|~>?|>=|<=|!=|==?|>|<)?\s*([^\s,<>=!^~]+)")
_HYPHEN = re.compile(r"\s*(\S+)\s+-\s+(\S+)\s*")

Key = tuple[int, int, int, tuple[tuple[int, int, str], ...]]
Test = Callable[[Key], bool]
_RELEASED = ((2, 0, ""),)
"""Ranks above every pre-release: its parts begin with 0 (numbers) or 1 (words)."""
_LOWEST: tuple[tuple[int, int, str], ...] = ()


@lru_cache(maxsize=65_536)
def version_key(text: str) -> Key | None:
    """Give a version's precedence as something to compare; None where the text is no version.

    Build metadata does not count (semver.org, 10 and 11).
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    return int(found[1]), int(found[2]), int(found[3]), _prerelease(found[4])


def why_not(text: str) -> str:
    """Say why a text is not a version."""
    bare = text.removeprefix("v")
    if re.fullmatch(r"\d+(\.\d+)?", bare):
        return "is not a version: three numbers are needed, as in 1.2.3"
    if re.fullmatch(r"\d+\.\d+\.\d+", bare):
        return "is not a version: a number may not begin with 0"
    return "is not a version as semver.org has it"


def _prerelease(text: str | None) -> tuple[tuple[int, int, str], ...]:
    if not text:
        return _RELEASED
    return tuple((0, int(it), "") if it.isdigit() else (1, 0, it) for it in text.split("."))


@dataclass(frozen=True, slots=True)
class _Group:
    """Comparators that must all hold; pre-releases only where one of them names one."""

    tests: tuple[Test, ...]
    prereleases: bool

    def holds(self, key: Key) -> bool:
        # Plain loops: this is asked of every tag of every repository.
        if key[3] is not _RELEASED and not self.prereleases:
            return False
        for test in self.tests:  # noqa: SIM110
            if not test(key):
                return False
        return True


class Range:
    """A range such as `>=1.2 <2`, `^1.4`, `~1.4.2`, `1.2.x || 2.x`, `1.2 - 1.4`; `*` is every release."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._groups = tuple(_group(part, text) for part in text.split("||"))

    def __contains__(self, key: Key) -> bool:
        for group in self._groups:  # noqa: SIM110
            if group.holds(key):
                return True
        return False


def _group(text: str, whole: str) -> _Group:
    if hyphen := _HYPHEN.fullmatch(text):
        terms = [(">=", hyphen[1]), ("<=", hyphen[2])]
    else:
        terms = [(found[1] or "", found[2]) for found in _TERM.finditer(text)]
        if not terms or _TERM.sub("", text).strip(" ,\t"):
            raise UsageError(
                f"{whole!r} is not a range of versions", hint="for example >=1.2 <2, ^1.4 or 1.2.x"
            )
    tests: list[Test] = []
    named = any("-" in version.partition("+")[0] for _, version in terms)
    for operator, version in terms:
        tests += _tests(operator, version, whole)
    return _Group(tuple(tests), named)


def _tests(operator: str, version: str, whole: str) -> list[Test]:
    found = _PARTIAL.fullmatch(version)
    numbers = [int(it) for it in found.groups()[:3] if it is not None] if found else []
    if found is None or None in found.groups()[: len(numbers)] or (found[4] and len(numbers) < 3):
        raise UsageError(
            f"{version!r} in {whole!r} is not a version",
            hint="for example 1.2.3, or 1.2 and 1.2.x for all of them",
        )
    given = len(numbers)
    if given == 0:
        return [] if operator not in ("<", ">", "!=") else [lambda key: False]
    low = _key(numbers, _prerelease(found[4]) if given == 3 else _LOWEST)
    after = _key(_bumped(numbers, given - 1), _LOWEST)
    full = given == 3
    # `>1.2` means above every 1.2.x, and `<2` leaves out 2.0.0-rc1: it belongs to 2.
    below = low if full and found[4] else _key(numbers, _LOWEST)
    start = low if full else _key(numbers, _LOWEST)
    if operator in ("", "=", "=="):
        return [lambda key: key == low] if full else [lambda key: start <= key < after]
    if operator == "!=":
        return [lambda key: key != low] if full else [lambda key: not start <= key < after]
    if operator == ">=":
        return [lambda key: key >= start]
    if operator == "<":
        return [lambda key: key < below]
    if operator == ">":
        return [lambda key: key > low] if full else [lambda key: key >= after]
    if operator == "<=":
        return [lambda key: key <= low] if full else [lambda key: key < after]
    # ~ keeps the minor (or the major, where only that is given), ^ the leftmost number that is not 0.
    fixed = min(given - 1, 1)
    if operator == "^":
        fixed = next((place for place in range(given) if numbers[place]), given - 1)
    end = _key(_bumped(numbers, fixed), _LOWEST)
    return [lambda key: start <= key < end]


def _key(numbers: list[int], prerelease: tuple[tuple[int, int, str], ...]) -> Key:
    major, minor, patch = [*numbers, 0, 0][:3]
    return major, minor, patch, prerelease


def _bumped(numbers: list[int], place: int) -> list[int]:
    return [*numbers[:place], numbers[place] + 1]
