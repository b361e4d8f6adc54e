"""One person in several spellings, and on whose behalf CI asks."""

from __future__ import annotations

import pytest

from headway.domain.policy.people import UNKNOWN, actor_of, author_of, is_named, same_person


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ann", "Ann ", True),
        ("ann", "ann@example.com", True),
        ("ann@example.com", "ANN@corp.example.com", True),
        ("ann+ci@example.com", "ann", True),
        ("1234+ann@users.noreply.github.com", "ann", True),
        ("@ann", "ann", True),
        ("CORP\\ann", "ann", True),
        ("Ann Smith <ann.smith@example.com>", "ann.smith", True),
        ("Ann Smith <as@example.com>", "as@example.com", True),
        ("Smith, Ann", "ann-smith", True),
        ("ann_smith", "Ann  Smith", True),
        ("Zoë", "zoe", True),
        ("a\u200bnn", "ann", True),
        ("ci:deploy (ann)", "ann", True),
        ("ci:deploy (github 123 (ann))", "Ann", True),
        ("github 123 (ann)", "ann@example.com", True),
        ("ci:deploy", "CI:deploy", True),
        ("ann (platform team)", "bob (platform team)", False),
        ("ann (platform team)", "ann", True),
        ("ann", "bob", False),
        ("ann", "ann smith", False),
        ("ci:deploy (ann)", "bob", False),
        ("ci:deploy (ann)", "deploy", False),
        ("github 123", "github 124", False),
        ("", "", False),
        (UNKNOWN, UNKNOWN, False),
        ("  ", "ann", False),
    ],
)  # fmt: skip
def test_who_is_who(one: str, other: str, same: bool) -> None:
    """Case, spaces, accents, the address, the login's form and the CI job make nobody another person."""
    assert same_person(one, other) is same
    assert same_person(other, one) is same


@pytest.mark.parametrize(
    ("said", "actor", "named"),
    [("ann", "ann", True), ("  ", UNKNOWN, False), ("", UNKNOWN, False), ("ci:deploy", "ci:deploy", True)],
)
def test_who_names_nobody_is_nobody(said: str, actor: str, named: bool) -> None:
    """Not the user whom a worker runs as."""
    assert actor_of(said) == actor
    assert is_named(said) is named


OWN = ("Ann Smith", "ann@corp.example")


@pytest.mark.parametrize(
    ("actor", "own", "author"),
    [
        ("ann", OWN, OWN),
        ("ann-smith", OWN, OWN),
        ("ann@corp.example", ("", "ann@corp.example"), ("ann@corp.example", "ann@corp.example")),
        ("ben", OWN, ("ben", "")),
        ("ann", ("Ann", ""), ("ann", "")),
        ("ann", ("", ""), ("ann", "")),
        ("ben@example.com", OWN, ("ben@example.com", "ben@example.com")),
        ("Ben Lee <ben@example.com>", OWN, ("Ben Lee", "ben@example.com")),
        ("ci:deploy (ben@example.com)", OWN, ("ci:deploy (ben@example.com)", "")),
        ("ci:deploy", ("headway", "headway@corp.example"), ("ci:deploy", "")),
        (UNKNOWN, OWN, (UNKNOWN, "")),
    ],
)  # fmt: skip
def test_who_a_commit_is_by(actor: str, own: tuple[str, str], author: tuple[str, str]) -> None:
    """Git's own user where that is who asks; a worker's Git user is nobody who asked."""
    assert author_of(actor, own) == author
