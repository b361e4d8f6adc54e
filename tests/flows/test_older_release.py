"""A person releases an older image than automation would pick: it stays until something newer comes."""

from __future__ import annotations

import json

import pytest

from tests.flows.conftest import Place


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
    assert "automation would replace web 1.1.0 with 1.2.0 at its next scan" in done.err
    assert "Holds-Back" not in place.message()
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.2.0"


@pytest.mark.parametrize("way", ["a release", "a revert"])
@pytest.mark.parametrize("whole", [True, False], ids=["environment", "service"])
def test_automate_ends_what_a_persons_choice_held_back(place: Place, way: str, whole: bool) -> None:
    """Status says which command ends it; after that the next look brings 1.2.0, and headway.yaml still decides."""
    place.start("1.0.0", staging="release: automatic")
    old = place.remote.file("staging/web.yaml")
    place.image("web", "1.2.0")
    assert place.run("watch").code == 0
    if way == "a release":
        assert place.run("release", "staging", "web=1.0.0").code == 0
    else:
        place.remote.push({"staging/web.yaml": old}, "Revert")
        assert place.run("watch").code == 0
    assert place.run("reconcile").code == 0
    assert place.tags("staging")["web"] == "1.0.0"
    status = place.run("status").out
    assert "web 1.2.0 is held back by" in status
    assert "`headway automate staging web` ends that" in status
    arguments = ["staging"] if whole else ["staging", "web"]
    assert place.run("automate", *arguments, "--reason", "go on").code == 0
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.2.0"
    holds = place.remote.file("holds.yaml").decode()
    assert "vetoes" not in holds
    assert "overrides" not in holds


def test_automate_ends_no_veto_of_what_is_bad(place: Place) -> None:
    """A rollback and a person's veto stay, and status says how each of them ends."""
    place.start("1.0.0", staging="release: automatic")
    for tag in ("1.1.0", "1.2.0"):
        place.image("web", tag)
    assert place.run("watch").code == 0
    assert place.run("rollback", "staging", "--reason", "slow").code == 0
    place.image("api", "1.1.0")
    assert place.run("veto", "staging", "api", "1.1.0", "--reason", "loses totals").code == 0
    status = place.run("status").out
    assert "`headway unveto staging web 1.2.0` ends that" in status
    assert "`headway unveto staging api 1.1.0` ends that" in status
    assert place.run("automate", "staging", "--reason", "go on").code == 0
    assert place.run("watch").code == 0
    assert place.tags("staging") == {"web": "1.0.0", "api": "1.0.0"}


def test_a_veto_of_what_failed_is_no_choice_later(place: Place) -> None:
    """What was rolled back is forced in again and reverted in Git: it stays vetoed as bad."""
    place.start("1.0.0", staging="release: automatic")
    old = place.remote.file("staging/web.yaml")
    place.image("web", "1.1.0")
    assert place.run("watch").code == 0
    assert place.run("rollback", "staging", "--service", "web", "--reason", "slow").code == 0
    assert place.run("release", "staging", "web=1.1.0", "--force", "--reason", "try").code == 0
    place.remote.push({"staging/web.yaml": old}, "Revert")
    assert place.run("reconcile").code == 0
    assert place.run("automate", "staging", "web", "--reason", "go on").code == 0
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.0.0"
