"""What is said of an object whose deletion was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.objects.applied import held_by


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ({"finalizers": ["a.example/x"]}, ""),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, ""),
        (
            {
                "deletionTimestamp": "2026-01-01T00:00:00Z",
                "finalizers": ["a.example/x", "foregroundDeletion"],
            },
            "is being deleted, waits for a.example/x, foregroundDeletion",
        ),
    ],
)
def test_the_finalizer_that_holds_an_object_is_named(meta: dict[str, Any], said: str) -> None:
    """Who waits needs to know for whom."""
    assert held_by(meta) == said
