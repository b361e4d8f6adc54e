"""The whole board: heads, the order of rows, what a search and the chips leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from headway.domain.board.facts import EnvironmentFacts, Question, Workload
from headway.domain.board.filters import counts, filtered
from headway.domain.board.grid import Facts, column, grid, head
from headway.domain.board.times import window_words
from headway.domain.board.values import Grid
from headway.domain.config.reading import load_config
from headway.domain.images.reference import Image
from headway.domain.policy.holds import Holds, Lock
from tests.domain.board.test_cells import NOON, entry, image

CONFIG = load_config(
    b"""version: 1
app: shop
services:
  api: {image: registry.example.com/shop/api, owner: team api}
  web: {image: registry.example.com/shop/web}
environments:
  staging: {path: staging, cluster: {namespace: staging}, soak: 2h}
  production: {path: production, cluster: {namespace: production}, promote_from: staging, approvals: 1}
"""
)


def facts(web: str = "live", **more: object) -> Facts:
    environments = {
        name: EnvironmentFacts(
            name,
            {"api": (Image(image(1).text.replace("/web", "/api")),), "web": (image(1),)},
            (entry(1, "live"),),
            workloads={
                "api": (Workload("Deployment/api", "live"),),
                "web": (Workload("Deployment/web", status),),
            },
        )
        for name, status in (("staging", "live"), ("production", web))
    }
    return replace(Facts(CONFIG, Holds(), "c" * 40, environments), **more)  # type: ignore[arg-type]


def made(found: Facts, now: datetime = NOON) -> Grid:
    columns = {name: column(found, name, now) for name in CONFIG.environments}
    return grid(found, columns, [head(found, name, columns[name], now) for name in columns])


def test_what_failed_comes_first() -> None:
    assert [it.service for it in made(facts()).rows] == ["api", "web"]
    assert [it.service for it in made(facts("failed")).rows] == ["web", "api"]


def test_the_head_of_an_environment() -> None:
    found = made(facts("failed", holds=Holds(locks=(Lock("production", "", "bob", "", "audit"),))))
    staging, production = found.heads
    assert (staging.word, staging.soak, staging.needs_somebody) == ("Live", "soaks 2 h more", False)
    assert (production.word, production.needs_somebody) == ("1 failed", True)
    assert production.lock is not None
    assert production.lock.why == "by bob: audit"
    assert production.last is not None
    assert (production.last.what, production.last.who) == ("web 1.1.0", "ann")


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("2026-11-28T17:00:00Z", "by bob until 17:00 UTC: audit"),
        ("2026-11-30T09:00:00Z", "by bob until Mon 09:00 UTC: audit"),
        ("2026-11-28T12:00:00Z", ""),
    ],
)
def test_a_lock_ends_on_the_board_too(until: str, said: str) -> None:
    """In the head and in every cell, at its time."""
    found = made(facts(holds=Holds(locks=(Lock("production", "", "bob", "", "audit", until),))))
    mark = found.heads[1].lock
    assert (mark.why if mark is not None else "") == said
    cell = found.cell("production", "web")
    assert cell is not None
    assert ("locked" in cell.flags) is bool(said)


def test_some_cells_of_a_column() -> None:
    """Where one service has changed, the others are not worked out again."""
    assert list(column(facts(), "production", NOON, {"web"})) == ["web"]
    assert list(column(facts(), "production", NOON)) == ["api", "web"]


def test_a_plan_that_waits_is_in_the_head() -> None:
    asked = Question("r", "production", "promote", "ann", NOON, "abc", services=frozenset({"web"}))
    found = made(facts(questions=(asked,)))
    assert found.heads[1].word == "Waits for approval"
    assert found.cell("production", "web").state == "waiting"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("query", "chip", "left"),
    [
        ("", "", ["web", "api"]),
        ("WEB", "", ["web"]),
        ("team", "", ["api"]),
        ("svc:ap", "", ["api"]),
        ("env:prod svc:web", "", ["web"]),
        ("env:nowhere", "", []),
        ("1.1.0", "", ["web", "api"]),
        ("http://x", "", []),
        ("env:", "", ["web", "api"]),
        ("", "failed", ["web"]),
        ("env:staging", "failed", []),
        ("", "mine", ["api"]),
    ],
)
def test_what_a_search_leaves(query: str, chip: str, left: list[str]) -> None:
    found = filtered(made(facts("failed")), query, chip, {("production", "api")})
    assert [it.service for it in found.rows] == left


def test_chips_count_cells() -> None:
    found = counts(made(facts("failed")), {("production", "api")})
    assert found == {"mine": 1, "rolling": 0, "failed": 1, "behind": 0, "drift": 0, "locked": 0}


SATURDAY = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("windows", "freezes", "now", "words", "is_open"),
    [
        ([], [], SATURDAY, "", True),
        (["sat 09:00-17:00 Europe/London"], [], SATURDAY, "open until 17:00 London", True),
        (["sat 09:00-13:00 UTC", "sat 13:00-15:00 UTC"], [], SATURDAY, "open until 15:00 UTC", True),
        (["daily 00:00-24:00 UTC"], [], SATURDAY, "open", True),
        (["mon 09:00-17:00 Europe/London"], [], SATURDAY, "opens Mon 09:00 London", False),
        (
            ["sat 09:00-17:00 UTC"],
            ["2026-11-28 14:00 - 2026-11-28 16:00 UTC"],
            SATURDAY,
            "open until 14:00 UTC",
            True,
        ),
        ([], ["2026-11-27 - 2026-12-20 UTC"], SATURDAY, "frozen, opens 21 Dec 00:00 UTC", False),
        ([], ["2026-12-24 - 2026-12-27 UTC"], SATURDAY, "open until 24 Dec 00:00 UTC", True),
        (["mon 09:00-17:00 America/New_York"], [], SATURDAY, "opens Mon 09:00 New York", False),
    ],
)
def test_a_window_in_words(
    windows: list[str], freezes: list[str], now: datetime, words: str, is_open: bool
) -> None:
    assert window_words(windows, freezes, now) == (words, is_open)
