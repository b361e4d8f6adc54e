"""A direct release to an environment that is promoted from another: warned of, held back by a veto there, or refused."""

from __future__ import annotations

from tests.flows.conftest import Place

STAGING, PRODUCTION = "release: manual", "promote_from: staging"


def test_what_was_never_live_upstream_is_warned_of(place: Place) -> None:
    """In the plan and in the log; what is live there now, or once was, is not."""
    place.start(staging=STAGING, production=PRODUCTION)
    place.image("web", "1.1.0")
    place.image("web", "1.2.0")
    said = "web 1.1.0 was never live in staging, which production is promoted from"
    assert said in place.run("release", "production", "web=1.1.0", "--dry-run").err
    assert place.run("release", "staging", "web=1.1.0").code == 0
    assert place.run("release", "staging", "web=1.2.0").code == 0
    done = place.run("release", "production", "web=1.1.0")
    assert done.code == 0, done.said
    assert "was never live" not in done.err


def test_a_tag_that_the_rule_keeps_out_is_warned_of(place: Place) -> None:
    """A rule holds automation and promotions back; a person's release goes, and the plan says what it goes past."""
    place.start(staging="services: {web: {tags: {match: 'semver:<2'}}}")
    place.image("web", "1.1.0")
    place.image("web", "2.0.0")
    said = "web in staging is kept out by its rule: 2.0.0 is outside <2"
    assert said in place.run("release", "staging", "web=2.0.0", "--dry-run").err
    assert "kept out" not in place.run("release", "staging", "web=1.1.0").err
    assert place.run("release", "staging", "web=2.0.0").code == 0


def test_what_is_vetoed_upstream_needs_force(place: Place) -> None:
    """It crashed in staging: production does not get it by accident, and the one who insists is recorded."""
    place.start(staging=STAGING, production=PRODUCTION)
    place.image("web", "1.5.0")
    assert place.run("veto", "staging", "web", "1.5.0", "--reason", "CrashLoopBackOff").code == 0
    done = place.run("release", "production", "web=1.5.0")
    assert done.code == 3, done.said
    assert "web in production is vetoed in staging at 1.5.0: CrashLoopBackOff" in done.err
    forced = place.run("release", "production", "web=1.5.0", "--force", "--reason", "only staging's database")
    assert forced.code == 0, forced.said
    assert "Headway-Forced: web in production is vetoed in staging at 1.5.0" in place.message()


def test_only_by_promotion(place: Place) -> None:
    """A person's release is refused with what to do instead; the promotion and the rollback go; force is recorded."""
    place.start(staging=STAGING, production=f"{PRODUCTION}, only_by_promotion: true")
    place.image("web", "1.1.0")
    head = place.remote.head()
    done = place.run("release", "production", "web=1.1.0")
    assert done.code == 3, done.said
    assert "production is released only by promotion from staging: `headway promote production`" in done.err
    assert place.remote.head() == head
    assert place.run("release", "staging", "web=1.1.0").code == 0
    assert place.run("promote", "production").code == 0
    assert place.tags("production")["web"] == "1.1.0"
    assert place.run("rollback", "production").code == 0
    forced = place.run("release", "production", "web=1.1.0", "--force", "--reason", "hotfix")
    assert forced.code == 0, forced.said
    assert "Headway-Forced: production is released only by promotion" in place.message()
