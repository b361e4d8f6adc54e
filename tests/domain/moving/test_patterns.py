"""Other tools' patterns, as words of a tag rule: the same tags, or a reason."""

from __future__ import annotations

import re

import pytest

from headway.domain.moving.patterns import Untranslatable, path_glob, simple_glob, versions, whole_tag
from headway.domain.rules.model import Tags
from headway.domain.rules.tags import Refused, compile_rule


@pytest.mark.parametrize(
    ("pattern", "extract", "order", "word"),
    [
        ("^v[0-9]+$", "", "", "regex:v[0-9]+"),
        ("main", "", "", "regex:.*?main.*"),
        ("^main-", "", "", "regex:main-.*"),
        (r"-alpine$", "", "", "regex:.*?-alpine"),
        ("^a$|^b$", "", "", "regex:.*?(?:^a$|^b$).*"),
        ("^(?:a|b)$", "", "", "regex:(?:a|b)"),
        (r"^main-[a-f0-9]+-(?P<ts>\d+)$", "$ts", "number", r"regex:main-[a-f0-9]+-(?P<number>\d+)"),
        (r"^main-[a-f0-9]+-(?<ts>\d+)$", "${ts}", "number", r"regex:main-[a-f0-9]+-(?P<number>\d+)"),
        (r"^rc-(\d+)-(.*)$", "$2", "semver", r"regex:rc-(\d+)-(?P<semver>.*)"),
        (r"^(?P<year>\d+)-(?P<n>\d+)$", "$n", "number", r"regex:(\d+)-(?P<number>\d+)"),
        (r"^(?P<ts>\d+)$", "", "", r"regex:(\d+)"),
        (r"^[(](?P<ts>\d+)$", "$1", "number", r"regex:[(](?P<number>\d+)"),
        (r"^\(a\)$", "", "", r"regex:\(a\)"),
        (r"price\$", "", "", r"regex:.*?price\$.*"),
        (r"(?i)^main-", "", "", "regex:(?i)main-.*"),
        (r"\d+", "$0", "number", r"regex:.*?(?P<number>\d+).*"),
    ],
)
def test_a_pattern_of_go_matches_the_whole_tag(pattern: str, extract: str, order: str, word: str) -> None:
    """Go looks for a pattern anywhere in the tag; what is sorted by gets the order's name."""
    assert whole_tag(pattern, extract, order) == word


@pytest.mark.parametrize("tag", ["main-1", "x-main-2", "domain", "maiN", "", "main"])
@pytest.mark.parametrize("pattern", ["main", "^main", "main$", "^main$", "a|^main-\\d$", "x|n$", "(x|m)ain"])
def test_the_same_tags_are_taken(pattern: str, tag: str) -> None:
    """What Go's search finds, the whole match finds."""
    word = whole_tag(pattern).removeprefix("regex:")
    assert (re.fullmatch(word, tag) is not None) == (re.search(pattern, tag) is not None)


@pytest.mark.parametrize(
    ("pattern", "extract", "said"),
    [
        (r"^\pL+$", "", "only Go's"),
        ("^[[:digit:]]+$", "", "only Go's"),
        (r"^(?P<y>\d+)-(?P<m>\d+)$", "$y$m", "more than one group"),
        (r"^(\d+)$", "$2", "names no group"),
        (r"^(\d+)$", "$ts", "names no group"),
        ("^(", "", "none in Python"),
    ],
)
def test_what_has_no_equal_is_said(pattern: str, extract: str, said: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(Untranslatable, match=re.escape(said)):
        whole_tag(pattern, extract, "number")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (">=1.0.0 <2.0.0", ">=1.0.0 <2.0.0"),
        ("", "*"),
        ("2.x-0", ">=2.0.0-0 <3.0.0-0"),
        ("~1.2-0", ">=1.2.0-0 <1.3.0-0"),
        (">=1-0", ">=1.0.0-0"),
        ("^1.2-0", "^1.2.0-0"),
        ("*-0", ">=0.0.0-0"),
        ("1.2.3-rc.1", "1.2.3-rc.1"),
        (">=1.2.3-0", ">=1.2.3-0"),
    ],
)
def test_ranges(text: str, same: str) -> None:
    """Masterminds' short forms for pre-releases are written in full."""
    assert versions(text) == same


def test_a_range_that_is_none() -> None:
    """It is refused with its text."""
    with pytest.raises(Untranslatable, match="latest"):
        versions("latest")


@pytest.mark.parametrize(
    ("word", "taken", "refused"),
    [
        (simple_glob("build-*"), "build-1", "xbuild-1"),
        (simple_glob("a?[b]*"), "a?[b]c", "axbc"),
        (path_glob("v[^0]*"), "v1", "v0"),
    ],
)
def test_globs(word: str, taken: str, refused: str) -> None:
    """Only what is special there is special here."""
    rule = compile_rule(Tags(match=word, order="created"), has_source=False)
    assert not isinstance(rule.taken(taken), Refused)
    assert isinstance(rule.taken(refused), Refused)
