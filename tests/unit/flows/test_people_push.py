"""What people do in Git itself: merges, reverts, hand edits, and what headway makes of them."""

from __future__ import annotations

from tests.unit.flows.conftest import Place


def test_a_state_that_a_merge_made_is_one_to_go_back_to(place: Place) -> None:
    """A pull request was merged between two releases: a rollback takes the second release away and nothing else."""
    place.start("1.0.0", staging="release: manual")
    base = place.remote.head()
    bump: dict[str, str | bytes | None] = {"staging/api.yaml": place.job("api", place.image("api", "1.1.0"))}
    theirs = place.remote.push(bump, "bump api", branch="feature", parents=[base])
    place.image("web", "1.2.0")
    assert place.run("release", "staging", "web=1.2.0").code == 0
    merge = place.remote.push(bump, "Merge pull request #7", parents=[place.remote.head(), theirs])
    assert place.run("reconcile").code == 0
    assert f"{merge[:9]}" in place.run("history", "staging").out
    place.image("web", "1.3.0")
    assert place.run("release", "staging", "web=1.3.0").code == 0
    assert place.run("rollback", "staging").code == 0
    assert place.tags("staging") == {"web": "1.2.0", "api": "1.1.0"}
    assert "api" not in place.remote.file("holds.yaml").decode()
