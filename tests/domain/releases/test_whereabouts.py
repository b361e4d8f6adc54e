"""When an environment had an image, and how that ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headway.domain.health.cause import Cause
from headway.domain.images.reference import Image
from headway.domain.releases.ledger import Entry, Outcome, ReleaseRecord
from headway.domain.releases.whereabouts import Wanted, newer_has_it, stays, tags_of_commit

START = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32
WEB = Wanted("web", frozenset({"1.1"}))


def entry(minute: int, kind: str = "release", *states: str, cause: str = "") -> Entry:
    """Make a commit of this minute, whose outcomes came a minute later."""
    at = START + timedelta(minutes=minute)
    outcomes = tuple(Outcome(it, at + timedelta(minutes=1), cause=Cause(text=cause)) for it in states)
    record = None if kind == "push" else ReleaseRecord(f"r-{minute}", "staging", kind, actor="bob")
    return Entry(f"{minute:040x}", (), "ann", at, "a push", record, outcomes)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([(entry(1, "release", "live"), "1.0")], []),
        ([(entry(1, "release", "live"), "1.1")], ["live since 2026-11-28 10:02 UTC"]),
        ([(entry(1), "1.1")], ["in the repo since 2026-11-28 10:01 UTC, and not live yet"]),
        ([(entry(1, "release", "applied"), "1.1")], ["applied, not running"]),
        (
            [(entry(9, "release", "live"), "1.2"), (entry(1, "release", "live"), "1.1")],
            ["was live from 2026-11-28 10:02 UTC to 2026-11-28 10:09 UTC, when it was replaced by bob"],
        ),
        (
            [(entry(9, "rollback", "live"), "1.0"), (entry(1, "release", "live"), "1.1")],
            ["was live from 2026-11-28 10:02 UTC to 2026-11-28 10:09 UTC, when it was rolled back by bob"],
        ),
        (
            [(entry(9, "push"), "1.0"), (entry(1, "release", "live"), "1.1")],
            ["was live from 2026-11-28 10:02 UTC to 2026-11-28 10:09 UTC, by a push of ann"],
        ),
        (
            [(entry(9, "rollback"), "1.0"), (entry(1, "release", "failed", "rolled-back", cause="OOMKilled"), "1.1")],
            ["failed, and was rolled back: OOMKilled"],
        ),
        ([(entry(9, "push"), "1.0"), (entry(1), "1.1")], ["was in the repo, and never live, until 2026-11-28 10:09 UTC"]),
        (
            [(entry(9, "release", "live"), "1.1"), (entry(5), "1.0"), (entry(1, "release", "superseded"), "1.1")],
            ["live since 2026-11-28 10:10 UTC", "was superseded"],
        ),
        ([(entry(9, "release", "live"), "1.1"), (entry(1, "release", "live"), "1.1")], ["live since 2026-11-28 10:02 UTC"]),
    ],
)  # fmt: skip
def test_when_it_was_there(history: list[tuple[Entry, str]], said: list[str]) -> None:
    """Each time that the environment named it is told, the newest first."""
    images = [(it, (Image(f"registry.example.com/web:{tag}"),)) for it, tag in history]
    assert [it.words for it in stays(images, WEB)] == said


@pytest.mark.parametrize(
    ("wanted", "value", "found"),
    [
        (WEB, "registry.example.com/web:1.1", True),
        (WEB, f"registry.example.com/web:1.1@{DIGEST}", True),
        (WEB, "registry.example.com/web:1.10", False),
        (WEB, "registry.example.com/web", False),
        (WEB, "not an image", False),
        (Wanted("web", digest="abababababab"), f"registry.example.com/web:1.0@{DIGEST}", True),
        (Wanted("web", digest="cd" * 6), f"registry.example.com/web:1.0@{DIGEST}", False),
        (Wanted("web"), "registry.example.com/web:1.1", False),
    ],
)
def test_which_images_are_meant(wanted: Wanted, value: str, found: bool) -> None:
    """By a whole tag or the beginning of a digest, and never by a part of a tag."""
    assert wanted.has(Image(value)) is found


def test_tags_that_name_a_commit() -> None:
    """The whole SHA-1 or its first digits, as one word of the tag."""
    commit = "1f3c9ab" + "0" * 33
    tags = [
        "latest",
        "1.2",
        f"sha-{commit}",
        "main-1f3c9ab",
        "1f3c9abc",
        "1.0-1f3c9ab.2",
        "20261128-1f3c9ab",
        "x1f3c9ab",
        "1f3c9a",
    ]
    assert tags_of_commit(tags, commit) == [
        f"sha-{commit}",
        "main-1f3c9ab",
        "1.0-1f3c9ab.2",
        "20261128-1f3c9ab",
    ]


@pytest.mark.parametrize(
    ("places", "commit", "found"),
    [([5], 5, True), ([6], 5, True), ([4], 5, False), ([6, 4], 5, False), ([None], 5, False), ([], 5, False), ([6], None, False)],
)  # fmt: skip
def test_a_newer_image_contains_the_commit(places: list[int | None], commit: int | None, found: bool) -> None:
    """Only where every image that runs was built from the branch at that commit or later."""
    assert newer_has_it(places, commit) is found
