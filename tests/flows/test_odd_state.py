"""A state folder that is none, or holds what is no database: an error that says where, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.conftest import Place

DATABASES = ("index", "facts", "outbox")


def a_file(state: Path) -> str:
    state.write_text("not a folder")
    return str(state)


def git_is_a_file(state: Path) -> str:
    state.mkdir()
    (state / "git").write_text("not a folder")
    return str(state / "git")


def locks_is_a_file(state: Path) -> str:
    state.mkdir()
    (state / "locks").write_text("not a folder")
    return str(state / "locks")


def folders_for_databases(state: Path) -> str:
    state.mkdir()
    for name in DATABASES:
        (state / f"{name}.sqlite").mkdir()
    return "facts.sqlite cannot be used"


def garbage(state: Path) -> str:
    state.mkdir()
    for name in DATABASES:
        (state / f"{name}.sqlite").write_bytes(b"garbage" * 3000)
    return "facts.sqlite cannot be used"


@pytest.mark.parametrize("odd", [a_file, git_is_a_file, locks_is_a_file, folders_for_databases, garbage])
def test_the_doctor_names_it_and_goes_on(place: Place, odd: Callable[[Path], str]) -> None:
    """One finding says what is wrong with the state folder; everything else is looked at, too."""
    place.start(staging="")
    found = odd(place.folder / "odd")
    done = place.run("doctor", "--output", "json", HEADWAY_STATE=str(place.folder / "odd"))
    assert done.code == 1
    assert found in done.out
    assert '"what": "state folder", "ok": false' in " ".join(done.out.split()).replace("{ ", "{")
    assert "Prefect server" in done.out, "it goes on"
    assert "Traceback" not in done.said


@pytest.mark.parametrize("odd", [a_file, git_is_a_file])
def test_no_look_and_no_release_without_a_folder(place: Place, odd: Callable[[Path], str]) -> None:
    """It is said where the folder should be; nothing is committed."""
    place.start(staging="")
    state, head = place.folder / "odd", place.remote.head()
    odd(state)
    for command in (("status",), ("release", "staging", f"web={place.image('web', '1.1.0')}")):
        done = place.run(*command, HEADWAY_STATE=str(state))
        assert done.code == 1
        assert "this machine: " in done.err
        assert str(state) in done.err
        assert "is HEADWAY_STATE a folder" in done.err
        assert "Traceback" not in done.said
    assert place.remote.head() == head


def test_a_release_that_cannot_take_its_turn_is_unfinished(place: Place) -> None:
    """The machine's lock cannot be made: the commit stays, nothing is rolled back, and a sound machine finishes it."""
    place.start(staging="")
    locks_is_a_file(place.folder / "odd")
    image = place.image("web", "1.1.0")
    done = place.run("release", "staging", f"web={image}", HEADWAY_STATE=str(place.folder / "odd"))
    assert done.code == 1
    assert "## staging: unfinished" in done.err
    assert "odd/locks" in done.err
    assert "Traceback" not in done.said
    assert place.run("reconcile", "staging").code == 0
    assert place.tags("staging")["web"] == "1.1.0"


@pytest.mark.parametrize("odd", [folders_for_databases, garbage])
def test_a_release_needs_no_cache(place: Place, odd: Callable[[Path], str]) -> None:
    """What is only remembered there is worked out again, and the release is live."""
    place.start(staging="")
    odd(place.folder / "odd")
    image = place.image("web", "1.1.0")
    done = place.run("release", "staging", f"web={image}", HEADWAY_STATE=str(place.folder / "odd"))
    assert done.code == 0, done.said
    assert "Traceback" not in done.said
    assert place.tags("staging")["web"] == "1.1.0"


@pytest.mark.parametrize("odd", [a_file, git_is_a_file, locks_is_a_file])
def test_no_worker_takes_runs_that_it_cannot_run(place: Place, odd: Callable[[Path], str]) -> None:
    """It ends at once and says why, before it asks any server for runs."""
    found = odd(place.folder / "odd")
    done = place.run(
        "worker", HEADWAY_STATE=str(place.folder / "odd"), PREFECT_API_URL="http://127.0.0.1:9/api"
    )
    assert done.code == 1
    assert found in done.err
    assert "Traceback" not in done.said
