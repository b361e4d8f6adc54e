"""Going back: everything that is rolled back is recorded and vetoed."""

from __future__ import annotations

from tests.flows.conftest import Place


def test_a_service_that_runs_two_images_is_rolled_back_whole(place: Place) -> None:
    """Both images that a push brought are in the record and vetoed, and what they go back to is not."""
    place.start(staging="")
    old = place.image("web", "1.0.0")
    new = [place.image("web", "2.0.0"), place.image("web", "2.1.0"), old]
    place.remote.push({"staging/web.yaml": place.job("web", *new)})
    assert place.run("reconcile", "staging").code == 0
    done = place.run("rollback", "staging", "--reason", "wrong totals")
    assert done.code == 0, done.said
    message = place.message()
    assert message.startswith("Roll back web in staging\n")
    assert [f"Headway-Change: web {it} -> {old}" in message for it in new] == [True, True, False]
    holds = place.remote.file("holds.yaml").decode()
    assert [it.partition("@")[2] in holds for it in new] == [True, True, False]
