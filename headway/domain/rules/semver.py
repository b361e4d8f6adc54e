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

_NUMBER = r"(?:0|[1-9][0-9]*)"
_PART = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_VERSION = re.compile(rf"v?({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_PART}(?:\.{_PART})*))?{_BUILD}")
_PARTIAL = re.compile(
    rf"v?(?:({_NUMBER})|[xX*])(?:\.(?:({_NUMBER})|[xX*]))?(?:\.(?:({_NUMBER})|[xX*]))?"
    rf"(?:-({_PART}(?:\.{_PART})*))?{_BUILD}"
)
_TERM = re.compile(r"(\^|~>?|>=|=>|<=|=<|!=|==?|>|<)?\s*([^\s,<>=!^~]+)")
_HYPHEN = re.compile(r"([^\s,]+)\s+-\s+([^\s,]+)")
_NUMBERS = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)(?:([-+])(.*))?", re.DOTALL)
_PREFIXED = re.compile(rf"(.*[^0-9.])v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:[-+].*)?")
_SAME = {"=>": ">=", "=<": "<="}
_LONGEST = 1_000
"""Characters of a range; nobody writes longer ones, and Python refuses to read numbers of thousands of digits."""

Key = tuple[int, int, int, tuple[tuple[int, int, str], ...]]
Test = Callable[[Key], bool]
_RELEASED = ((2, 0, ""),)
"""Ranks above every pre-release: its parts begin with 0 (numbers) or 1 (words)."""
_LOWEST: tuple[tuple[int, int, str], ...] = ()


@lru_cache(maxsize=65_536)
def version_key(text: str) -> Key | None:
    """Return a version's precedence as something to compare; None where the text is no version.

    Build metadata does not count (semver.org, 10 and 11).
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    return int(found[1]), int(found[2]), int(found[3]), _prerelease(found[4])


def why_not(text: str) -> str:
    """Return why a text is not a version, in words that follow it."""
    found = _NUMBERS.fullmatch(text)
    if found is None:
        prefixed = _PREFIXED.fullmatch(text)
        if prefixed and re.fullmatch(r"[\w.-]+", prefixed[1]):
            prefix = re.escape(prefixed[1]).replace("\\-", "-")
            return f"is not a version, but holds one: match: 'regex:{prefix}(?P<semver>.*)' reads it"
        return "is not a version as semver.org has it"
    numbers = found[1].split(".")
    if len(numbers) != 3:
        return "is not a version: three numbers are needed, as in 1.2.3"
    if any(len(it) > 1 and it.startswith("0") for it in numbers):
        return "is not a version: a number may not begin with 0"
    if found[2] == "-" and any(re.fullmatch("0[0-9]+", it) for it in found[3].partition("+")[0].split(".")):
        return "is not a version: a number of a pre-release may not begin with 0"
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
        if len(text) > _LONGEST:
            raise UsageError(f"{text[:40]!r}… is too long for a range of versions")
        self.text = text
        self._groups = tuple(_group(part, text) for part in text.split("||"))

    def __contains__(self, key: Key) -> bool:
        for group in self._groups:  # noqa: SIM110
            if group.holds(key):
                return True
        return False

    def why_not(self, key: Key) -> str:
        """Return why a version is not in the range, in words that follow it."""
        if key[3] is not _RELEASED and any(_Group(it.tests, True).holds(key) for it in self._groups):
            return f"is a pre-release; {self.with_prereleases()} takes those too"
        return f"is outside {self.text}"

    def with_prereleases(self) -> str:
        """Return the same range with the pre-releases that lie in it."""
        groups = zip(self.text.split("||"), self._groups, strict=True)
        return " || ".join(it.strip() if group.prereleases else _with_prereleases(it) for it, group in groups)


def _with_prereleases(text: str) -> str:
    """Return a group of comparators that names a pre-release, the lowest one there is."""
    if text.strip() in ("*", "x", "X"):
        return ">=0.0.0-0"
    lowest = re.fullmatch(rf"\s*(>=|\^|~)\s*({_NUMBER}(?:\.{_NUMBER}){{0,2}})((?:[\s,].*)?)", text)
    if lowest is None or _HYPHEN.search(text):
        return f">=0.0.0-0 {text.strip()}"
    operator, version, rest = lowest.groups()
    if (operator == "^" and version.startswith("0")) or (operator == "~" and "." not in version):
        # These mean another range once more numbers are given.
        return f">=0.0.0-0 {text.strip()}"
    return f"{operator}{'.'.join([*version.split('.'), '0', '0'][:3])}-0{rest}".strip()


def _group(text: str, whole: str) -> _Group:
    text = _HYPHEN.sub(r">=\1 <=\2", text)
    terms = [(_SAME.get(found[1], found[1] or ""), found[2]) for found in _TERM.finditer(text)]
    if not terms or _TERM.sub("", text).strip(" ,\t"):
        raise UsageError(f"{whole!r} is not a range of versions", hint="for example >=1.2 <2, ^1.4 or 1.2.x")
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
