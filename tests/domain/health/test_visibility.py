"""Time without sight does not count."""

from __future__ import annotations

from headway.domain.health.visibility import Visibility


def test_while_all_is_seen_time_passes_as_it_is() -> None:
    """Nothing was ever lost."""
    assert Visibility().counted(100.0) == 100.0
    assert Visibility().since is None


def test_the_clock_stands_still_from_the_last_event() -> None:
    """A silence is noticed later than it began; what was not heard in between does not count."""
    visibility = Visibility()
    visibility.lose("pods", 100.0)
    assert visibility.counted(110.0) == visibility.counted(500.0) == 100.0
    assert visibility.find("pods", 130.0) == 30.0
    assert visibility.counted(130.0) == 100.0
    assert visibility.counted(140.0) == 110.0


def test_it_goes_on_once_everything_is_visible_again() -> None:
    """Two sources that are lost at the same time are one blindness."""
    visibility = Visibility()
    visibility.lose("pods", 100.0)
    visibility.lose("deployments", 105.0)
    assert visibility.find("pods", 110.0) == 0.0
    assert visibility.counted(119.0) == 100.0
    assert visibility.find("deployments", 120.0) == 20.0
    assert visibility.counted(125.0) == 105.0


def test_no_second_is_taken_off_twice() -> None:
    """What was last heard before a blindness that is over is lost since its end."""
    visibility = Visibility()
    visibility.lose("pods", 100.0)
    visibility.find("pods", 110.0)
    visibility.lose("deployments", 105.0)
    visibility.find("deployments", 115.0)
    assert visibility.counted(120.0) == 105.0


def test_what_is_found_without_having_been_lost_changes_nothing() -> None:
    """Every relisting is news of sight."""
    visibility = Visibility()
    assert visibility.find("pods", 50.0) == 0.0
    assert visibility.counted(60.0) == 60.0
