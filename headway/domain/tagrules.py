"""Which tags a rule takes, and what makes one of them newer than another. Pure, and never guessing.

A rule either gives a tag a key to compare by, or says why it cannot.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from headway.domain.model import Tags
from headway.domain.semver import Range, version_key, why_not
from headway.errors import UsageError

KINDS = ("glob", "semver", "regex", "exact")
UNIX = {"unix": 1, "unixms": 1000}

_SHA = re.compile(r"[0-9a-f]{7,40}")
_SEPARATOR = re.compile(r"[-_.]")
_NUMBER = re.compile(r"\d+(\.\d+)?")


class Refused(str):
    """Why a tag is not taken, in words that follow the tag's name."""

    __slots__ = ()


Groups = Mapping[str, str]
Matcher = Callable[[str], Groups | None]


@dataclass(frozen=True, slots=True)
class TagRule:
    """A rule, ready to use; `words` is how people wrote it.

    `mutable` says that a tag may come to mean another digest.
    """

    words: str
    match: tuple[Matcher, ...]
    ignore: tuple[tuple[str, Matcher], ...]
    order: str
    format: str
    platform: str
    floor: str
    mutable: bool
    exact: tuple[str, ...]
    versions: Range | None = None

    def taken(self, tag: str) -> Groups | Refused:
        """Give the named groups of the first `match` that takes a tag, or why none does."""
        for matcher in self.match:
            groups = matcher(tag)
            if groups is not None:
                break
        else:
            return Refused(f"does not match {self.words}")
        for words, ignored in self.ignore:
            if ignored(tag) is not None:
                return Refused(f"is ignored by {words}")
        return groups

    def ranked(self, tag: str, position: Position) -> Any:
        """Give what a tag is compared by, or Refused where the rule does not take or cannot order it."""
        if self.versions is not None:
            # Most rules are a range of versions, and registries have thousands of tags.
            key = version_key(tag)
            if key is not None and key in self.versions:
                return key
        groups = self.taken(tag)
        if isinstance(groups, Refused):
            return groups
        return 0 if self.order == "exact" else self.key(tag, groups, position)

    def key(self, tag: str, groups: Groups, position: Position) -> Any:
        """Give what a tag is compared by, or Refused where this rule cannot order it."""
        named = groups.get(self.order, next(iter(groups.values())) if len(groups) == 1 else None)
        if named == "":
            return Refused(f"has nothing where {self.words} looks")
        said = tag if named is None else named
        if self.order == "semver":
            return version_key(said) or Refused(why_not(said))
        if self.order == "commit":
            return _commit(said, position)
        if self.order == "created":
            return position(tag)
        if self.order == "number":
            return Decimal(said) if _NUMBER.fullmatch(said) else Refused(f"has no number: {said}")
        if self.order == "timestamp":
            return _time(said, self.format)
        return said


Position = Callable[[str], Any]
"""For `order: commit` the place of a SHA-1 on the branch, for `order: created` a tag's time; or Refused."""


def compile_rule(tags: Tags, has_source: bool) -> TagRule:
    """Make a rule of what headway.yaml says; raise UsageError for what cannot be one."""
    words = [tags.match] if isinstance(tags.match, str) else list(tags.match)
    ignored = [tags.ignore] if isinstance(tags.ignore, str) else list(tags.ignore)
    kinds = {_kind(word) for word in words}
    if not words:
        raise UsageError("match is empty", hint="say which tags may be released, such as glob:*")
    exact = tuple(word.partition(":")[2] for word in words) if kinds == {"exact"} else ()
    order = tags.order
    if order is None:
        order = "semver" if kinds == {"semver"} else "commit" if has_source and not exact else None
    if order is None and len(exact) != 1:
        raise UsageError(
            "order is missing: what makes one tag newer than another?",
            hint="say commit, semver, number, alphabetical, created or timestamp",
        )
    if order == "timestamp" and not tags.format:
        raise UsageError("order: timestamp needs a format", hint="such as %Y%m%d%H%M%S, or unix, or rfc3339")
    if order == "commit" and not has_source:
        raise UsageError(
            "order: commit needs the service's `source`", hint="add source: {repo: …} to the service"
        )
    plain = kinds == {"semver"} and len(words) == 1 and not ignored and order == "semver"
    return TagRule(
        versions=Range(words[0].partition(":")[2] or "*") if plain else None,
        words=", ".join(words),
        match=tuple(_matcher(word) for word in words),
        ignore=tuple((word, _matcher(word)) for word in ignored),
        order=order or "exact",
        format=tags.format or "",
        platform=tags.platform or "",
        floor=tags.floor or "",
        # People write an exact tag, such as `latest`, because it moves.
        mutable=bool(exact) if tags.mutable is None else tags.mutable,
        exact=exact,
    )


def _kind(word: str) -> str:
    kind, colon, _ = word.partition(":")
    if not colon or kind not in KINDS:
        raise UsageError(f"{word!r} is not a rule", hint="glob:*, semver:>=1.2 <2, regex:… or exact:TAG")
    return kind


def _matcher(word: str) -> Matcher:
    kind = _kind(word)
    text = word.partition(":")[2]
    if kind == "exact":
        return lambda tag: {} if tag == text else None
    if kind == "semver":
        wanted = Range(text or "*")

        def in_range(tag: str) -> Groups | None:
            key = version_key(tag)
            return {} if key is not None and key in wanted else None

        return in_range
    try:
        pattern = re.compile(fnmatch.translate(text) if kind == "glob" else text)
    except re.error as error:
        raise UsageError(f"{word!r} is not a regular expression: {error}") from None

    def matches(tag: str) -> Groups | None:
        found = pattern.fullmatch(tag)
        return None if found is None else {k: v for k, v in found.groupdict().items() if v is not None}

    return matches if kind == "regex" else lambda tag: {} if pattern.fullmatch(tag) else None


def _commit(text: str, position: Position) -> Any:
    """Find the SHA-1 in a tag: the last part set off by `-`, `_` or `.` that is one and is on the branch."""
    # A date such as 20260102 has the form of a SHA-1 too; which part is one, only the branch can say.
    found: Any = Refused("has no SHA-1 in it")
    for part in reversed(_SEPARATOR.split(text)):
        if _SHA.fullmatch(part):
            place = position(part)
            if not isinstance(place, Refused):
                return place
            found = place
    return found


_DIRECTIVES = {"%Y": "year", "%m": "month", "%d": "day", "%H": "hour", "%M": "minute", "%S": "second"}


@lru_cache
def _plain_format(form: str) -> tuple[re.Pattern[str], tuple[str, ...]] | None:
    """Read a format of whole numbers only, which is most of them, once: strptime reads it for every tag."""
    parts = re.findall(r"%.|[^%]+", form)
    names = tuple(_DIRECTIVES[it] for it in parts if it in _DIRECTIVES)
    if any(it.startswith("%") and it not in _DIRECTIVES for it in parts) or len(set(names)) != len(names):
        return None
    width = {"%Y": r"(\d{4})"}
    text = "".join(width.get(it, r"(\d{2})") if it in _DIRECTIVES else re.escape(it) for it in parts)
    return (re.compile(text, re.ASCII), names) if "year" in names else None


def _time(text: str, form: str) -> datetime | Refused:
    """Read the time in a tag; UTC where it names no zone."""
    plain = _plain_format(form)
    if plain is not None and (found := plain[0].fullmatch(text)):
        values = {"month": 1, "day": 1, **dict(zip(plain[1], map(int, found.groups()), strict=True))}
        try:
            return datetime(**values, tzinfo=UTC)
        except ValueError:
            return Refused(f"has no time of the format {form}")
    return _parsed(text, form)


@lru_cache(maxsize=65_536)
def _parsed(text: str, form: str) -> datetime | Refused:
    try:
        if form in UNIX:
            return datetime.fromtimestamp(int(text) / UNIX[form], UTC)
        time = datetime.fromisoformat(text) if form == "rfc3339" else datetime.strptime(text, form)
    except (ValueError, OverflowError, OSError):
        return Refused(f"has no time of the format {form}")
    return time if time.tzinfo else time.replace(tzinfo=UTC)
