"""Which runs are background runs, and which of them are needless."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headway.domain.runs.background import BackgroundRun, background_run, needless

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
WATCH = ["headway", "watch", "app:shop", "auto-scheduled"]


def at(minutes: float) -> datetime:
    """Return a time so many minutes before noon."""
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("tags", "made_by", "expected"),
    [
        (WATCH, "", True),
        (["headway", "reconcile", "auto-scheduled"], "", True),
        (["headway", "reconcile"], "AUTOMATION", True),
        (["headway", "watch", "serve"], "", True),
        (["headway", "reconcile"], "", False),
        (["headway", "reconcile", "cli"], "", False),
        (["headway", "watch", "api", "auto-scheduled"], "", False),
        (["headway", "rollback", "auto-scheduled"], "", False),
        (["headway", "release"], "AUTOMATION", False),
    ],
)
def test_what_nobody_waits_for(tags: list[str], made_by: str, expected: bool) -> None:
    """A schedule's, an event's, an automation's; never what a person or CI has asked for."""
    assert (background_run("1", "d", tags, {}, NOW, made_by) is not None) is expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"request": {"actor": "schedule"}}, {"request": {"actor": "headway", "reason": "a run died"}}, True),
        ({"request": {"environment": "staging"}}, {"request": {}}, False),
        ({"request": {"services": ["web"]}}, {"request": {"services": ["api"]}}, False),
        ({"request": {"dry_run": True}}, {"request": {}}, False),
        ({}, {"request": {}}, True),
    ],
)
def test_what_does_the_same(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    """Who asks and why changes nothing of what such a run does."""
    left, right = (background_run("1", "d", WATCH, it, NOW) for it in (one, other))
    assert left is not None
    assert right is not None
    assert (left.scope == right.scope) is same


@pytest.mark.parametrize(
    ("runs", "begun", "dropped"),
    [
        ([("a", "w", 15), ("b", "w", 10), ("c", "w", 5)], {}, "ab"),
        ([("c", "w", 5), ("a", "w", 15), ("b", "w", 10)], {}, "ab"),
        ([("a", "w", 15), ("b", "r", 10), ("c", "w", 5), ("d", "r", 0)], {}, "ab"),
        ([("a", "w", 15)], {}, ""),
        ([("a", "w", 15), ("b", "w", 10)], {"w": 0}, "ab"),
        ([("a", "w", 15)], {"r": 0}, ""),
        ([("a", "w", 0.5)], {"w": 0}, ""),
        ([("a", "w", 0)], {"w": 5}, ""),
        ([], {"w": 0}, ""),
    ],
)
def test_one_run_stands_for_those_before_it(
    runs: list[tuple[str, str, float]], begun: dict[str, float], dropped: str
) -> None:
    """The newest of each kind is left, or none where one has begun since; not what another clock may call older."""
    found = needless(
        [BackgroundRun(name, scope, at(due)) for name, scope, due in runs],
        {scope: at(began) for scope, began in begun.items()},
    )
    assert sorted(it.run_id for it in found) == list(dropped)
