"""Watching: a rollback bounds automation also when the registry has forgotten what was taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.unit.flows.conftest import Place

BY_TIME = "release: automatic, services: {web: {tags: {match: 'glob:v*', order: created}}}"


def made(place: Place, tag: str, at: datetime) -> str:
    """Put an image of web into the registry that was built at a time; give it pinned."""
    place.registry.tag("shop/web", tag, place.registry.image(created=at))
    return place.image("web", tag)


def test_a_tag_that_is_deleted_after_its_rollback_still_bounds(place: Place) -> None:
    """With v3 taken back to v1 and deleted, v2 is not picked; what is built after the rollback is."""
    now = datetime.now(UTC)
    place.start(staging="")
    for days, tag in ((30, "v1"), (10, "v3")):
        image = made(place, tag, now - timedelta(days=days))
        assert place.run("release", "staging", f"web={image}").code == 0
    made(place, "v2", now - timedelta(days=20))
    assert place.run("rollback", "staging", "--service", "web").code == 0
    assert place.tags("staging")["web"] == "v1"
    del place.registry.repositories["shop/web"]["v3"]
    place.configure(staging=BY_TIME)
    done = place.run("watch")
    assert done.code == 0, done.said
    assert place.tags("staging")["web"] == "v1"
    assert "v3, which was rolled back at" in place.run("plan", "staging").out
    made(place, "v4", now + timedelta(minutes=1))
    done = place.run("watch")
    assert done.code == 0, done.said
    assert place.tags("staging")["web"] == "v4"
