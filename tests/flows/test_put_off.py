"""What the cluster holds back is applied and not running: it is told as that, and does not go on by itself."""

from __future__ import annotations

import json

from tests.flows.conftest import Place

STAGES = {"staging": "", "production": "promote_from: staging"}


def suspend(place: Place, *services: str, tag: str = "1.0.0", suspended: bool = True) -> None:
    """Push staging with some of its CronJobs suspended, as a person does."""
    files: dict[str, str | bytes | None] = {}
    for name in services:
        text = place.job(name, place.image(name, tag))
        line = f"spec:\n  suspend: {str(suspended).lower()}\n"
        files[f"staging/{name}.yaml"] = text.replace("spec:\n", line, 1)
    place.remote.push(files)


def released(place: Place, *words: str) -> str:
    """Release SERVICE=TAG words to staging; return what was printed."""
    images = [f"{it.partition('=')[0]}={place.image(*it.split('='))}" for it in words]
    done = place.run("release", "staging", *images)
    assert done.code == 0, done.said
    return done.said


def states(place: Place) -> list[str]:
    """Return the states in staging's history, the newest first."""
    return [it["state"] for it in json.loads(place.run("history", "staging", "--output", "json").out)]


def test_a_release_that_no_pod_runs_is_applied_and_not_live(place: Place) -> None:
    """Output, history and status say so with the reason, and what was live stays what is live."""
    place.start(**STAGES)
    suspend(place, "web")
    assert place.run("reconcile", "staging").code == 0
    live = place.remote.git("rev-parse", "refs/headway/staging/live")
    said = released(place, "web=1.1.0")
    assert "staging: applied, not running" in said
    assert "CronJob/web is applied, not running: suspended: it starts nothing" in said
    assert states(place)[0] == "applied"
    assert place.remote.git("rev-parse", "refs/headway/staging/live") == live
    assert "applied, not running" in place.run("status", "staging").out
    assert place.tags("staging")["web"] == "1.1.0"


def test_it_is_recorded_once_and_is_live_once_it_runs(place: Place) -> None:
    """Further looks add nothing; a later push that lets it run is live."""
    place.start(**STAGES)
    suspend(place, "web")
    released(place, "web=1.1.0")
    for _ in range(2):
        assert place.run("reconcile", "staging").code == 0
    notes = place.remote.git("notes", "--ref=headway", "show", "main")
    assert notes.count('"state":"applied"') == 1
    suspend(place, "web", tag="1.1.0", suspended=False)
    assert place.run("reconcile", "staging").code == 0
    assert states(place)[0] == "live"


def test_stopping_what_ran_is_no_news_of_its_image(place: Place) -> None:
    """An environment that is stopped for the night with the images that were live is live as it is."""
    place.start(**STAGES)
    suspend(place, "web", "api")
    assert place.run("reconcile", "staging").code == 0
    assert states(place)[0] == "live"


def test_only_the_service_that_does_not_run_is_kept_from_promotion(place: Place) -> None:
    """The other one goes; this one needs force and a reason, which is recorded."""
    place.start(**STAGES)
    suspend(place, "web")
    released(place, "web=1.1.0", "api=1.1.0")
    done = place.run("promote", "production")
    assert done.code == 3, done.said
    assert "not to be promoted: 1.1.0 is applied in staging, and no pod runs it: suspended" in done.err
    assert "api in production" not in done.err
    assert place.run("promote", "production", "--service", "api").code == 0
    assert place.tags("production") == {"web": "1.0.0", "api": "1.1.0"}
    assert place.run("promote", "production", "--force", "--reason", "tried by hand").code == 0
    assert place.tags("production")["web"] == "1.1.0"
    assert "Headway-Forced: web in production is not to be promoted" in place.message()


def test_a_rollback_goes_to_what_ran(place: Place) -> None:
    """A state that no pod ever ran is no state to go back to."""
    place.start(**STAGES)
    suspend(place, "web")
    released(place, "web=1.1.0")
    released(place, "web=1.2.0")
    assert place.run("rollback", "staging", "--service", "web").code == 0
    assert place.tags("staging")["web"] == "1.0.0"
