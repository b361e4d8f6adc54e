"""Versions and ranges: tables of what is one, what is newer, and what a range holds."""

from __future__ import annotations

import pytest

from headway.domain.rules.semver import Range, version_key, why_not
from headway.errors import UsageError

ORDER = [
    "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
    "1.0.0-rc.1", "1.0.0", "v1.0.1", "1.2.0", "1.10.0", "2.0.0-0", "2.0.0-1", "2.0.0--", "2.0.0", "10.0.0",
]  # fmt: skip
NOT_VERSIONS = {
    "a SHA-1 of digits only": "917005",
    "a long SHA-1 of digits only": "1234567890123456789012345678901234567890",
    "two numbers": "1.20",
    "one number": "7",
    "a leading zero": "1.02.3",
    "a date with dots": "2024.01.02",
    "a leading zero in a pre-release": "1.2.3-01",
    "an empty pre-release": "1.2.3-",
    "an empty part of it": "1.2.3-a..b",
    "four numbers": "1.2.3.4",
    "a capital V": "V1.2.3",
    "two v": "vv1.2.3",
    "words around": "release-1.2.3",
    "an empty word": "",
    "other digits": "1.2.٣",
    "other digits that come later": "1.2.1٣",
    "build metadata with an empty part": "1.1.2+.123",
    "build metadata that is empty": "1.1.2+",
}
RANGES = [
    ("*", "1.2.3 0.0.0", "1.2.3-rc1 917005"),
    ("1.2.3", "1.2.3 v1.2.3 1.2.3+build5", "1.2.4 1.2.3-rc1"),
    ("1.2", "1.2.0 1.2.9", "1.3.0 1.1.9 1.2.0-rc1"),
    ("1.2.x", "1.2.0 1.2.9", "1.3.0"),
    ("1", "1.0.0 1.99.0", "2.0.0 0.9.0"),
    (">=1.2 <2", "1.2.0 1.99.99", "1.1.9 2.0.0 2.0.0-rc1 1.5.0-rc1"),
    (">=1.2, <2", "1.2.0", "2.0.0"),
    (">1.2", "1.3.0 2.0.0", "1.2.9"),
    (">1.2.3", "1.2.4", "1.2.3"),
    ("<=1.2", "1.2.9 0.1.0", "1.3.0"),
    ("<=1.2.3", "1.2.3", "1.2.4"),
    ("!=1.2.3", "1.2.4", "1.2.3"),
    (">=1 !=1.5", "1.4.0 1.6.0", "1.5.3"),
    ("^1.2.3", "1.2.3 1.9.0", "2.0.0 1.2.2"),
    ("^0.2.3", "0.2.3 0.2.9", "0.3.0"),
    ("^0.0.3", "0.0.3", "0.0.4"),
    ("^0", "0.0.1 0.9.0", "1.0.0"),
    ("^0.0", "0.0.9", "0.1.0"),
    ("~1.2.3", "1.2.3 1.2.9", "1.3.0"),
    ("~1.2", "1.2.0 1.2.9", "1.3.0"),
    ("~1", "1.0.0 1.9.0", "2.0.0"),
    ("1.2.3 - 2.3", "1.2.3 2.3.9", "2.4.0 1.2.2"),
    ("1.2 - 1.4 !=1.3", "1.2.0 1.4.9", "1.3.1 1.5.0"),
    ("!=1.3, 1.2 - 1.4", "1.2.0 1.4.9", "1.3.1 1.5.0"),
    ("=>1.2 =<2", "1.2.0 2.9.0", "1.1.9 3.0.0"),
    ("^1 || ^3", "1.5.0 3.1.0", "2.0.0"),
    (">=1.2.0-0", "1.2.0-alpha 1.2.0 2.0.0-rc1", "1.1.9"),
    (">=1.2.0-0 <2", "1.9.0-rc1 1.9.0", "2.0.0-rc1 2.0.0"),
    (">=1.2.0-rc.2", "1.2.0-rc.10 1.2.0", "1.2.0-rc.1"),
    ("^1.2.3-rc1", "1.2.3-rc2 1.4.0", "2.0.0-rc1"),
]


def test_precedence() -> None:
    """Each is newer than the one before: numbers as numbers, pre-releases before their release."""
    keys = [version_key(it) for it in ORDER]
    assert None not in keys
    assert keys == sorted(keys)  # type: ignore[type-var]
    assert len(set(keys)) == len(keys)


def test_a_v_and_build_metadata_do_not_count() -> None:
    """v1.2.3, 1.2.3 and 1.2.3+5 are one version."""
    assert len({version_key(it) for it in ("1.2.3", "v1.2.3", "1.2.3+5", "1.2.3+a.b")}) == 1


@pytest.mark.parametrize("text", NOT_VERSIONS.values(), ids=NOT_VERSIONS)
def test_what_is_no_version(text: str) -> None:
    """What only looks like a version is none."""
    assert version_key(text) is None


@pytest.mark.parametrize(("text", "inside", "outside"), RANGES, ids=[it[0] for it in RANGES])
def test_ranges(text: str, inside: str, outside: str) -> None:
    """A range holds these, and not those."""
    wanted = Range(text)
    keys = {it: version_key(it) for it in f"{inside} {outside}".split()}
    assert {it for it, key in keys.items() if key and key in wanted} == set(inside.split())


@pytest.mark.parametrize(
    "text",
    [
        "",
        ">=",
        "one",
        ">=1.2 or 2",
        "1.x.3",
        "1.2-rc1",
        "1..2",
        "||",
        "1.2 - ",
        ">=1 - 2",
        "1.2 -1.4",
        "1" * 5_000,
    ],
)
def test_what_is_no_range(text: str) -> None:
    """What cannot be read is refused with an example, not read as something else."""
    with pytest.raises(UsageError):
        Range(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1.20", "three numbers are needed"),
        ("917005", "three numbers are needed"),
        ("1.2.3.4", "three numbers are needed"),
        ("1.20-alpine", "three numbers are needed"),
        ("2022.04.1", "a number may not begin with 0"),
        ("1.2.3-01", "a number of a pre-release may not begin with 0"),
        ("web-1.3.0", "match: 'regex:web-(?P<semver>.*)' reads it"),
        ("nightly", "as semver.org has it"),
        ("1.2.3-", "as semver.org has it"),
    ],
)
def test_why_a_text_is_no_version(text: str, why: str) -> None:
    """The reason is the real one, in words that follow the text."""
    assert version_key(text) is None
    assert why in why_not(text)


@pytest.mark.parametrize("text", [it[0] for it in RANGES])
def test_what_is_advised_for_pre_releases_does_that(text: str) -> None:
    """The range that the reason names takes what the range took, and the pre-releases among them."""
    advised = Range(Range(text).with_prereleases())
    for version in ("1.2.3", "1.3.0", "0.2.3", "2.3.9", "3.1.0", "9.9.9", "0.0.1"):
        key = version_key(version)
        assert key is not None
        assert (key in advised) == (key in Range(text))


@pytest.mark.parametrize(
    ("text", "version", "why"),
    [
        ("*", "2.0.0-rc.1", "is a pre-release; >=0.0.0-0 takes those too"),
        (">=1.2 <2", "1.5.0-rc.1", "is a pre-release; >=1.2.0-0 <2 takes those too"),
        (">=1.2 <2", "2.5.0-rc.1", "is outside >=1.2 <2"),
        (">=1.2 <2", "2.5.0", "is outside >=1.2 <2"),
        ("^1.2", "2.0.330-63-gc1cfb68", "is outside ^1.2"),
        (">=1", "2.0.330-63-gc1cfb68", "is a pre-release; >=1.0.0-0 takes those too"),
    ],
)
def test_why_a_version_is_not_in_a_range(text: str, version: str, why: str) -> None:
    """A pre-release that only lacks its permission is told how it is given."""
    key = version_key(version)
    assert key is not None
    assert Range(text).why_not(key) == why
