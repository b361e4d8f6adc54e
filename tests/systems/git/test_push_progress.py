"""How far a push is, for people: a line a second with how much of how much."""

from __future__ import annotations

import pytest

from headway.systems.docker import engine as docker


def test_a_push_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers are added up, lines come at most once a second, and what is no progress says nothing."""
    clock = iter([0.0, 0.1, 0.5, 1.2, 1.3, 2.4])
    monkeypatch.setattr("headway.systems.docker.engine.time.monotonic", lambda: next(clock))
    told: list[str] = []
    progress = docker._Progress(told.append)

    def pushing(layer: str, current: int, total: int) -> dict[str, object]:
        return {"status": "Pushing", "id": layer, "progressDetail": {"current": current, "total": total}}

    progress.take({"status": "Preparing", "id": "a"})
    progress.take(pushing("a", 500_000, 2_000_000))
    progress.take(pushing("b", 1_000_000, 2_000_000))
    progress.take(pushing("b", 1_500_000, 2_000_000))
    progress.take(pushing("a", 2_000_000, 2_000_000))
    assert told == ["pushed 1.5 of 4.0 MB (37 %)", "pushed 3.5 of 4.0 MB (87 %)"]
