"""A run that was cancelled or ran out of time cannot say so: `headway serve` has it said at once."""

from __future__ import annotations

import pytest

from tests.web.slack.room import Room


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"type": "CANCELLED", "name": "Cancelled", "message": "cancelled by ann"}, 1),
        ({"type": "FAILED", "name": "Failed", "message": "The flow was paused and never resumed."}, 1),
        # These said so themselves, or whoever superseded them did.
        ({"type": "FAILED", "name": "Refused", "message": "rejected by bob"}, 0),
        ({"type": "CANCELLED", "name": "Superseded", "message": "x"}, 0),
        ({"type": "RUNNING", "name": "Running", "message": ""}, 0),
        ({"type": "COMPLETED", "name": "Completed", "message": ""}, 0),
    ],
)
def test_what_was_cut_off_is_told_at_once(room: Room, state: dict[str, str], said: int) -> None:
    """By a reconcile, which tells everybody; once, and not for what has told of itself."""
    told: list[int] = []
    room.starter.on_cut_off = lambda: told.append(1)
    room.starter.look()
    assert [it.environment for it in room.board.questions] == ["production"]
    assert told == []
    room.prefect.waits, room.prefect.state = False, state
    for _ in range(3):
        room.starter.look()
    assert len(told) == said


def test_a_run_that_is_being_cancelled_is_followed_to_its_end(room: Room) -> None:
    """Its worker takes a while to end it, and it is in no list meanwhile."""
    told: list[int] = []
    room.starter.on_cut_off = lambda: told.append(1)
    room.starter.look()
    room.prefect.waits, room.prefect.state = (
        False,
        {"type": "CANCELLING", "name": "Cancelling", "message": ""},
    )
    for _ in range(3):
        room.starter.look()
    assert told == []
    room.prefect.state = {"type": "CANCELLED", "name": "Cancelled", "message": "cancelled by ann"}
    for _ in range(3):
        room.starter.look()
    assert told == [1]
