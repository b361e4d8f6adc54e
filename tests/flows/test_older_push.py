"""A push that reverts an image, where the environment refuses such pushes."""

from __future__ import annotations

import pytest

from tests.flows.conftest import Place


@pytest.fixture
def pushed(place: Place) -> Place:
    """An environment that runs web 1.1.0, and a push that says 1.0.0 again."""
    place.start("1.0.0", staging="release: manual, older_push: refuse")
    place.image("web", "1.1.0")
    assert place.run("release", "staging", "web=1.1.0").code == 0
    older: dict[str, str | bytes | None] = {"staging/web.yaml": place.job("web", place.image("web", "1.0.0"))}
    place.remote.push(older, "Render the folder")
    return place


def test_it_is_not_applied_until_somebody_forces_it(pushed: Place) -> None:
    """Every reconcile refuses it alike, changes nothing and records nothing; force needs a reason."""
    head = pushed.remote.head()
    for _ in range(2):
        done = pushed.run("reconcile", "staging")
        assert (done.code, "web 1.0.0 is older than what was live (1.1.0)" in done.err) == (3, True), (
            done.said
        )
    assert pushed.tags("staging")["web"] == "1.1.0"
    assert pushed.remote.head() == head
    assert pushed.run("reconcile", "staging", "--force").code == 2
    done = pushed.run("reconcile", "staging", "--force", "--reason", "wanted")
    assert done.code == 0, done.said
    assert pushed.tags("staging")["web"] == "1.0.0"
    assert pushed.run("reconcile", "staging").code == 0


def test_another_release_does_not_let_it_through(pushed: Place) -> None:
    """A release of another service is held back before its commit; one of the same service puts it right."""
    head = pushed.remote.head()
    pushed.image("api", "1.1.0")
    done = pushed.run("release", "staging", "api=1.1.0")
    assert (done.code, "a push that reverts images" in done.err) == (3, True), done.said
    assert pushed.remote.head() == head
    done = pushed.run("release", "staging", "web=1.1.0")
    assert done.code == 0, done.said
    assert pushed.tags("staging")["web"] == "1.1.0"


def test_what_somebody_asked_for_is_no_such_push(place: Place) -> None:
    """A release of an older image, and a rollback, are headway's own commits: they are applied."""
    place.start("1.0.0", staging="release: manual, older_push: refuse")
    place.image("web", "1.1.0")
    assert place.run("release", "staging", "web=1.1.0").code == 0
    assert place.run("release", "staging", "web=1.0.0", "--no-hold").code == 0
    assert place.run("release", "staging", "web=1.1.0").code == 0
    done = place.run("rollback", "staging")
    assert done.code == 0, done.said
    assert place.run("reconcile", "staging").code == 0
