"""How often the board asks for thousands of things."""

from __future__ import annotations

from headway.web.board.setup import CORE, LONGEST, SHARE, Sparing


def test_what_takes_long_is_done_seldom() -> None:
    """It waits as many times as long as it took, and some seconds in any case."""
    now, done = [0.0], list[float]()

    def work() -> None:
        done.append(now[0])
        now[0] += 2.0

    it = Sparing(work, 10.0, lambda: now[0], lambda: 0.0)
    for at in (0.0, 11.0, 2.0 + 2.0 * SHARE - 1, 2.0 + 2.0 * SHARE):
        now[0] = at
        it()
    assert done == [0.0, 2.0 + 2.0 * SHARE]


def test_what_costs_much_is_done_seldom() -> None:
    """It waits as many times as long as the processor's time that it took, also where it was quick."""
    used, done = [0.0], list[float]()

    def work() -> None:
        done.append(used[0])
        used[0] += 1.0

    now = [0.0]
    it = Sparing(work, 10.0, lambda: now[0], lambda: used[0])
    for at in (0.0, 11.0, 1.0 * CORE - 1, 1.0 * CORE):
        now[0] = at
        it()
    assert len(done) == 2


def test_it_is_done_again_in_any_case() -> None:
    """However much the first time cost: with what it learned then, the next costs less."""
    used, done = [0.0], list[float]()

    def work() -> None:
        done.append(used[0])
        used[0] += 1000.0

    now = [0.0]
    it = Sparing(work, 10.0, lambda: now[0], lambda: used[0])
    for at in (0.0, LONGEST - 1, LONGEST):
        now[0] = at
        it()
    assert len(done) == 2
