"""A person releases an older image than automation would pick: it stays until something newer comes."""

from __future__ import annotations

import json

import pytest

from tests.unit.flows.conftest import Place


@pytest.mark.parametrize("seen", [True, False], ids=["replaced", "not-looked-at-yet"])
def test_an_older_release_by_hand_stays_until_something_newer(place: Place, seen: bool) -> None:
    """1.2.0 ran, or was about to: 1.1.0 by hand stays after the next look, and 1.3.0 is released."""
    place.start("1.0.0", staging="release: automatic")
    place.image("web", "1.1.0")
    place.image("web", "1.2.0")
    if seen:
        assert place.run("watch").code == 0
        assert place.tags("staging")["web"] == "1.2.0"
    planned = place.run("release", "staging", "web=1.1.0", "--dry-run", "--output", "json")
    notes = " ".join(json.loads(planned.out)["notes"])
    assert "automation would replace web 1.1.0 with 1.2.0; this release holds that back" in notes
    assert place.run("release", "staging", "web=1.1.0", "--reason", "1.2.0 is slow").code == 0
    assert "Headway-Holds-Back: web 1.2.0@sha256:" in place.message()
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.1.0"
    assert "released 1.1.0 instead: 1.2.0 is slow" in place.run("images", "web").out
    place.image("web", "1.3.0")
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.3.0"


def test_no_hold_lets_automation_replace_it(place: Place) -> None:
    """With --no-hold nothing is recorded, the plan says what comes, and the next look brings it."""
    place.start("1.0.0", staging="release: automatic")
    place.image("web", "1.1.0")
    place.image("web", "1.2.0")
    assert place.run("watch").code == 0
    done = place.run("release", "staging", "web=1.1.0", "--no-hold")
    assert done.code == 0, done.said
    assert "automation would replace web 1.1.0 with 1.2.0 at its next look" in done.err
    assert "Holds-Back" not in place.message()
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.2.0"
