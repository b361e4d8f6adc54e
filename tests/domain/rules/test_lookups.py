"""What a scan asks: each repository, history and tag once, whatever the number of environments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from headway.domain.config.model import Tags
from headway.domain.images.facts import ImageFacts
from headway.domain.images.reference import ImageRef
from headway.domain.rules.lookups import (
    by_time,
    commit_names,
    dated_images,
    exact_tags,
    histories,
    listed_services,
    missing_digests,
    ranked_by_name,
)
from headway.domain.rules.picks import Question, Ranking
from headway.domain.rules.tags import Refused, TagRule, compile_rule

IMAGES = {it: ImageRef("r.example", f"shop/{it}", None, None) for it in ("web", "api", "db")}


def rule(**fields: Any) -> TagRule:
    """Make a rule of a service that has a source."""
    return compile_rule(Tags(**fields), has_source=True)


EXACT, SEMVER = rule(match="exact:stable"), rule(match="semver:*")
COMMIT = rule(match="glob:*", order="commit")
CREATED = rule(match="glob:v*", order="created")
ARM = rule(match="glob:*", order="created", platform="linux/arm64")


@pytest.mark.parametrize(
    ("case", "rules", "listed", "exact"),
    [
        ("nothing is asked for", {}, [], {}),
        ("one service in two environments", {("a", "web"): SEMVER, ("b", "web"): COMMIT}, ["web"], {}),
        ("a tag that is named", {("a", "web"): EXACT}, [], {"web": ["stable"]}),
        ("two environments name two tags of one service",
         {("a", "web"): EXACT, ("b", "web"): rule(match="exact:latest")}, [], {"web": ["stable", "latest"]}),
        ("named here, matched there", {("a", "web"): EXACT, ("b", "web"): SEMVER}, ["web"], {"web": ["stable"]}),
    ],
)  # fmt: skip
def test_a_repository_is_listed_once_or_not_at_all(
    case: str, rules: dict[tuple[str, str], TagRule], listed: list[str], exact: dict[str, list[str]]
) -> None:
    """A tag that a rule names exactly needs no list."""
    assert (listed_services(rules), exact_tags(rules)) == (listed, exact), case


def test_names_alone_rank_where_no_time_and_no_history_is_needed() -> None:
    """Those rankings are worked out while other registries are waited for."""
    rules = {("a", "web"): SEMVER, ("b", "web"): COMMIT, ("c", "web"): CREATED, ("d", "web"): EXACT}
    assert ranked_by_name(rules, "web") == [SEMVER]
    assert ranked_by_name(rules, "api") == []


@pytest.mark.parametrize(
    ("case", "rules", "listed", "expected"),
    [
        ("two services of one branch", {("a", "web"): COMMIT, ("a", "api"): COMMIT}, {"web", "api"},
         {("shop.git", "main"): ["web", "api"]}),
        ("one service in two environments", {("a", "web"): COMMIT, ("b", "web"): COMMIT}, {"web"},
         {("shop.git", "main"): ["web"]}),
        ("a repository that cannot be listed", {("a", "web"): COMMIT, ("a", "db"): COMMIT}, {"db"},
         {("db.git", "main"): ["db"]}),
        ("another order", {("a", "web"): SEMVER}, {"web"}, {}),
        ("no source", {("a", "cache"): COMMIT}, {"cache"}, {}),
    ],
)  # fmt: skip
def test_a_source_branch_is_read_once(
    case: str, rules: dict[tuple[str, str], TagRule], listed: set[str], expected: dict[Any, list[str]]
) -> None:
    """Its history is read for all services together that are ordered by it."""
    sources = {"web": ("shop.git", "main"), "api": ("shop.git", "main"), "db": ("db.git", "main")}
    assert histories(rules, sources, listed) == expected, case


def test_times_are_asked_for_by_platform_and_only_of_what_a_rule_takes() -> None:
    """Of an index, what counts is when its image for the rule's platform was made."""
    rules = {("a", "web"): CREATED, ("b", "web"): ARM, ("a", "api"): SEMVER, ("a", "db"): CREATED}
    tags = {"web": ["v1", "test"], "api": ["1.0.0"]}
    found = dated_images(rules, tags, IMAGES)
    asked = {platform: [str(it) for it in images] for (platform, _), images in found.items()}
    assert asked == {
        "": ["r.example/shop/web:v1"],
        "linux/arm64": ["r.example/shop/web:v1", "r.example/shop/web:test"],
    }
    assert {service for images in found.values() for service in images.values()} == {"web"}


def test_a_digest_that_several_questions_wait_for_is_asked_for_once() -> None:
    """Two environments that would get the same tag cost one request."""
    keys = [("a", "web"), ("b", "web"), ("a", "api")]
    questions = {key: Question(Ranking(SEMVER, ["1.0.0"], by_time({}))) for key in keys}
    (wanted,) = missing_digests(dict.fromkeys(keys, ("1.0.0",)), questions, IMAGES).values()
    assert {str(it): waiting for it, waiting in wanted.items()} == {
        "r.example/shop/web:1.0.0": keys[:2],
        "r.example/shop/api:1.0.0": keys[2:],
    }


@pytest.mark.parametrize(
    ("tag", "names"),
    [
        ("sha-9170050", {"9170050"}),
        ("main_9170050.abcdef0", {"9170050", "abcdef0"}),
        ("20261124-" + "a" * 40, {"20261124", "a" * 40}),
        ("a" * 41, set()),
        ("1.2.3", set()),
        ("v9170050", set()),
        ("", set()),
    ],
)
def test_what_may_be_a_commit_is_looked_for_in_the_history(tag: str, names: set[str]) -> None:
    """A part of digits may be a date as well; the history says which it is."""
    assert commit_names([tag]) == names


def test_an_image_without_a_time_is_refused_with_the_reason() -> None:
    """It is never ordered by a guess."""
    made = datetime(2026, 11, 1, tzinfo=UTC)
    facts = {
        "known": ImageFacts("sha256:1", created=made),
        "bare": ImageFacts("sha256:2"),
        "gone": Refused("is listed, and then not there"),
    }
    position = by_time(facts)
    assert position("known") == made
    assert position("bare") == position("other") == Refused("has no creation time")
    assert position("gone") is facts["gone"]
