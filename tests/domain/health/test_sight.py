"""Time without sight does not count."""

from __future__ import annotations

from headway.domain.health.sight import Sight


def test_while_all_is_seen_time_passes_as_it_is() -> None:
    """Nothing was ever lost."""
    assert Sight().counted(100.0) == 100.0
    assert Sight().since is None


def test_the_clock_stands_still_from_what_was_heard_last() -> None:
    """A silence is noticed later than it began; what was not heard in between does not count."""
    sight = Sight()
    sight.lose("pods", 100.0)
    assert sight.counted(110.0) == sight.counted(500.0) == 100.0
    assert sight.find("pods", 130.0) == 30.0
    assert sight.counted(130.0) == 100.0
    assert sight.counted(140.0) == 110.0


def test_it_goes_on_once_everything_is_heard_again() -> None:
    """Two sources that are lost at the same time are one blindness."""
    sight = Sight()
    sight.lose("pods", 100.0)
    sight.lose("deployments", 105.0)
    assert sight.find("pods", 110.0) == 0.0
    assert sight.counted(119.0) == 100.0
    assert sight.find("deployments", 120.0) == 20.0
    assert sight.counted(125.0) == 105.0


def test_no_second_is_taken_off_twice() -> None:
    """What was last heard before a blindness that is over is lost since its end."""
    sight = Sight()
    sight.lose("pods", 100.0)
    sight.find("pods", 110.0)
    sight.lose("deployments", 105.0)
    sight.find("deployments", 115.0)
    assert sight.counted(120.0) == 105.0


def test_what_is_found_without_having_been_lost_changes_nothing() -> None:
    """Every relisting is news of sight."""
    sight = Sight()
    assert sight.find("pods", 50.0) == 0.0
    assert sight.counted(60.0) == 60.0
