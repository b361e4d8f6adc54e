"""Which tags a rule takes, and what makes one of them newer than another. Pure, and never guessing.

A rule either gives a tag a key to compare by, or says why it cannot.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from headway.domain.rules.model import Tags
from headway.domain.rules.semver import Range, version_key, why_not
from headway.domain.rules.times import time_in
from headway.errors import UsageError

KINDS = ("glob", "semver", "regex", "exact")

_SHA = re.compile(r"[0-9a-f]{7,40}")
_SEPARATOR = re.compile(r"[-_.]")
_NUMBER = re.compile(r"[0-9]+")
_PARTS = re.compile(r"v?[0-9]+(\.[0-9]+)+")
_ATTACHED = re.compile(r"sha256-[0-9a-f]{64}(?:\.(sig|att|sbom))?")
_ATTACHMENTS = {
    "sig": "a signature",
    "att": "an attestation",
    "sbom": "a list of contents (SBOM)",
    None: "referrers",
}


class Refused(str):
    """Why a tag is not taken, in words that follow the tag's name."""

    __slots__ = ()


Groups = Mapping[str, str]
Matcher = Callable[[str], "Groups | Refused"]


class Backwards:
    """A key that compares the other way round: what comes first in the order is the newest."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Backwards) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __lt__(self, other: Any) -> bool:
        return bool(other.key < self.key) if isinstance(other, Backwards) else NotImplemented

    def __gt__(self, other: Any) -> bool:
        return bool(other.key > self.key) if isinstance(other, Backwards) else NotImplemented


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
    """The range, where that is all there is to the rule."""
    within: Range | None = None
    """The range that what `match` takes must be in besides."""
    backwards: bool = False

    @property
    def order_words(self) -> str:
        """Return how people wrote the order."""
        return self.order + (" desc" if self.backwards else "")

    def taken(self, tag: str) -> Groups | Refused:
        """Return the named groups of a tag that may be released, or why it may not."""
        groups = self.matched(tag)
        if isinstance(groups, Refused):
            return groups
        for words, ignored in self.ignore:
            if not isinstance(ignored(tag), Refused):
                return Refused(f"is ignored by {words}")
        if tag.startswith("sha256-") and not self.exact and (attached := _ATTACHED.fullmatch(tag)):
            return Refused(f"is the name of {_ATTACHMENTS[attached[1]]} of another image, not an image")
        if self.within is not None:
            return self._in_range(tag, groups, self.within)
        return groups

    def matched(self, tag: str) -> Groups | Refused:
        """Return the named groups of the first `match` that takes a tag, or why none does."""
        if len(self.match) == 1:
            return self.match[0](tag)
        reasons: list[Refused] = []
        for matcher in self.match:
            groups = matcher(tag)
            if not isinstance(groups, Refused):
                return groups
            reasons.append(groups)
        return Refused(", and ".join(dict.fromkeys(reasons)))

    def _in_range(self, tag: str, groups: Groups, within: Range) -> Groups | Refused:
        said = groups.get("semver", next(iter(groups.values())) if len(groups) == 1 else tag)
        key = version_key(said)
        if key is None:
            return Refused(_about(tag, said) + why_not(said))
        return groups if key in within else Refused(_about(tag, said) + within.why_not(key))

    def ranked(self, tag: str, position: Position) -> Any:
        """Return what a tag is compared by, or Refused where the rule does not take or cannot order it."""
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
        """Return what a tag is compared by, or Refused where this rule cannot order it."""
        named = groups.get(self.order, next(iter(groups.values())) if len(groups) == 1 else None)
        if named == "":
            return Refused(f"has nothing where {self.words} looks")
        key = self._key(tag, tag if named is None else named, position)
        return Backwards(key) if self.backwards and not isinstance(key, Refused) else key

    def _key(self, tag: str, said: str, position: Position) -> Any:
        if self.order == "alphabetical":
            return said
        if self.order == "semver":
            return version_key(said) or Refused(_about(tag, said) + why_not(said))
        if self.order == "commit":
            return commit_in(said, position)
        if self.order == "created":
            return position(tag)
        if self.order == "number":
            return int(said) if _NUMBER.fullmatch(said) else Refused(_no_number(said))
        return time_in(said, self.format) or Refused(f"has no time of the format {self.format}")


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
    order, _, way = (tags.order or "").partition(" ")
    by_version = kinds == {"semver"} or tags.range is not None
    order = order or ("semver" if by_version else "commit" if has_source and not exact else "")
    if not order and len(exact) != 1:
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
    check_words(words, order, tags.range)
    plain = kinds == {"semver"} and len(words) == 1 and not ignored and order == "semver"
    rule = TagRule(
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
        backwards=way == "desc",
    )
    if tags.range is None:
        return rule
    return replace(rule, within=Range(tags.range), words=f"{rule.words} within {tags.range}")


def _kind(word: str) -> str:
    kind, colon, _ = word.partition(":")
    if not colon or kind not in KINDS:
        raise UsageError(f"{word!r} is not a rule", hint="glob:*, semver:>=1.2 <2, regex:… or exact:TAG")
    return kind


def _matcher(word: str) -> Matcher:
    kind = _kind(word)
    text = word.partition(":")[2]
    other = Refused(f"does not match {word}")
    if kind == "exact":
        return lambda tag: {} if tag == text else other
    if kind == "semver":
        wanted = Range(text or "*")

        def in_range(tag: str) -> Groups | Refused:
            key = version_key(tag)
            if key is None:
                return Refused(why_not(tag))
            return {} if key in wanted else Refused(wanted.why_not(key))

        return in_range
    pattern = _pattern(word)

    def matches(tag: str) -> Groups | Refused:
        found = pattern.fullmatch(tag)
        return other if found is None else {k: v for k, v in found.groupdict().items() if v is not None}

    return matches if kind == "regex" else lambda tag: {} if pattern.fullmatch(tag) else other


def _pattern(word: str) -> re.Pattern[str]:
    kind, _, text = word.partition(":")
    try:
        return re.compile(fnmatch.translate(text) if kind == "glob" else text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{word!r} is not a regular expression: {error}") from None


def _about(tag: str, said: str) -> str:
    """Return the part of a tag that a reason is about, where it is not all of it."""
    return "" if said == tag else f"has {said or 'nothing'} for its version, which "


def _no_number(said: str) -> str:
    if not _PARTS.fullmatch(said):
        return f"has no number: {said}"
    if said.count(".") > 1:
        return f"is no whole number: {said} looks like a version, for order: semver"
    # As a fraction 1.10 is less than 1.9, as a version it is more; which is meant, nobody can know.
    return (
        f"has two parts: is it a version? order: number takes whole numbers, and {said} "
        "could be more or less than the one before; tag with three numbers, or order by created"
    )


def commit_in(text: str, position: Position) -> Any:
    """Return what `position` says of the SHA-1 in a tag: of the last part set off by `-`, `_` or `.` that it knows.

    Refused where no part is a SHA-1, or `position` knows none of those that are.
    """
    # A date such as 20260102 has the form of a SHA-1 too; which part is one, only the branch can say.
    found: Any = Refused("has no SHA-1 in it")
    for part in reversed(_SEPARATOR.split(text)):
        if _SHA.fullmatch(part):
            place = position(part)
            if not isinstance(place, Refused):
                return place
            found = place
    return found


def check_words(words: list[str], order: str, within: str | None) -> None:
    """Refuse words that look as if all of them had to hold, and groups of which it is not known which is meant."""
    ranges = [word for word in words if word.startswith("semver:")]
    patterns = [word for word in words if word.startswith(("regex:", "glob:"))]
    if within is not None and ranges:
        raise UsageError(f"both range and {ranges[0]} say which versions", hint="say it once, as range")
    versions = [it for it in patterns if it.startswith("regex:") and "semver" in _pattern(it).groupindex]
    if ranges and (versions or (patterns and order == "semver")):
        span, pattern = ranges[0].removeprefix("semver:") or "*", (versions or patterns)[0]
        raise UsageError(
            f"{ranges[0]} and {pattern} look as if both had to hold, but any one word of match is enough",
            hint=f"for versions in that range whose tags match: {{match: '{pattern}', range: '{span}'}}",
        )
    if len(ranges) > 1 and order == "semver" and _hold_everything(ranges):
        together = " ".join(it.removeprefix("semver:") for it in ranges)
        raise UsageError(
            f"{' and '.join(ranges)} look as if both had to hold, but any one word of match is enough, "
            "so that every version is taken",
            hint=f"for both say 'semver:{together}', for every version 'semver:*'",
        )
    if order in ("created", "exact", ""):
        return
    for word in patterns:
        names = list(_pattern(word).groupindex) if word.startswith("regex:") else []
        if len(names) > 1 and order not in names:
            raise UsageError(
                f"{word} has the groups {', '.join(names)}, and order: {order} does not say which one is meant",
                hint=f"name the one that tags are ordered by (?P<{order}>…)",
            )


def _hold_everything(ranges: list[str]) -> bool:
    """Return whether ranges are without bounds together and none of them is alone."""
    keys = [key for it in ("0.0.0", "999999999.0.0") if (key := version_key(it))]
    held = [tuple(key in Range(word.removeprefix("semver:") or "*") for key in keys) for word in ranges]
    return (True, True) not in held and {(True, False), (False, True)} <= set(held)
