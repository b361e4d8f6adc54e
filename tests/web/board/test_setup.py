"""How often the board asks for thousands of things."""

from __future__ import annotations

from headway.web.board.setup import SHARE, Sparing


def test_what_takes_long_is_done_seldom() -> None:
    """It waits as many times as long as it took, and some seconds in any case."""
    now, done = [0.0], list[float]()

    def work() -> None:
        done.append(now[0])
        now[0] += 2.0

    it = Sparing(work, 10.0, lambda: now[0])
    for at in (0.0, 11.0, 2.0 + 2.0 * SHARE - 1, 2.0 + 2.0 * SHARE):
        now[0] = at
        it()
    assert done == [0.0, 2.0 + 2.0 * SHARE]
