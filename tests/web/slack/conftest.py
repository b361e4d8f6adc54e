"""A workspace and what it talks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.slack.room import Room


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Callable[..., Room]]:
    """Make rooms."""
    made: list[Room] = []

    def make(**more: Any) -> Room:
        made.append(Room(tmp_path / str(len(made)), **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def room(rooms: Callable[..., Room]) -> Room:
    """One where everybody who is known may do everything."""
    return rooms()
