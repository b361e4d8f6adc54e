"""Watching: a rollback bounds automation also when the registry has forgotten what was rolled back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.flows.conftest import Place

BY_TIME = "release: automatic, services: {web: {tags: {match: 'glob:v*', order: created}}}"


def made(place: Place, tag: str, at: datetime) -> str:
    """Put an image of web into the registry that was built at a time; return it pinned."""
    place.registry.tag("shop/web", tag, place.registry.image(created=at))
    return place.image("web", tag)


def test_a_tag_that_is_deleted_after_its_rollback_still_bounds(place: Place) -> None:
    """With v3 rolled back to v1 and deleted, v2 is not picked; what is built after the rollback is."""
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


def test_what_is_no_image_is_never_released(place: Place) -> None:
    """A chart that was pushed under a newer tag is passed over by automation, and refused by hand with its name."""
    place.start("1.0.0", staging="release: automatic")
    place.image("web", "1.1.0")
    place.registry.tag(
        "shop/web", "1.2.0", place.registry.artifact("application/vnd.cncf.helm.config.v1+json")
    )
    said = place.run("images", "web").out
    assert "1.2.0  refused  is a Helm chart, not an image" in said
    assert place.run("watch").code == 0
    assert place.tags("staging")["web"] == "1.1.0"
    by_hand = place.run("release", "staging", "web=1.2.0")
    assert by_hand.code == 2
    assert "shop/web:1.2.0 is a Helm chart, not an image" in by_hand.err
    assert place.tags("staging")["web"] == "1.1.0"


def test_a_login_page_is_never_released(place: Place) -> None:
    """A registry behind a login page answers 200 to everything: nothing is committed."""
    place.start("1.0.0", staging="release: manual")
    head = place.remote.head()
    page = (200, {"Content-Type": "text/html"}, b"<html>please log in</html>")
    place.registry.mood = lambda path: page
    released = place.run("release", "staging", "web=1.1.0")
    assert released.code == 1
    assert "answers 127.0.0.1" in released.err
    assert "with text/html that is not a manifest" in released.err
    assert place.remote.head() == head
