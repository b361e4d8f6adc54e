"""Promotion: what cannot go is said, what goes past a rule is recorded, and a chain goes in one pass."""

from __future__ import annotations

import json

from tests.flows.conftest import Place
from tests.systems.cluster.test_verify import prometheus, serving

FILTER = "promote_from: staging, services: {web: {tags: {match: 'semver:<2'}}}"


def released(place: Place, environment: str, *words: str) -> None:
    """Release SERVICE=TAG words."""
    images = [f"{it.partition('=')[0]}={place.image(*it.split('='))}" for it in words]
    done = place.run("release", environment, *images)
    assert done.code == 0, done.said


def without_api(place: Place) -> None:
    """Take the service api out of production, as a person does."""
    place.remote.push({"production/api.yaml": None})
    assert place.run("reconcile", "production").code == 0


def test_a_named_service_that_the_target_does_not_have(place: Place) -> None:
    """It is told at the environment's line with what to do, and nothing is promoted."""
    place.start(staging="", production="promote_from: staging")
    without_api(place)
    released(place, "staging", "web=1.1.0", "api=1.1.0")
    head = place.remote.head()
    done = place.run("promote", "production", "--service", "web", "--service", "api")
    assert done.code == 2, done.said
    assert "headway.yaml:8:3: no manifest below production/ has a container with the image" in done.err
    assert "of service api" in done.err
    assert "add its manifest to production/" in done.err
    assert place.remote.head() == head


def test_a_service_that_is_not_named_is_left_out_and_said(place: Place) -> None:
    """Promoting every service means those that the target has; the others are named."""
    place.start(staging="", production="promote_from: staging")
    without_api(place)
    released(place, "staging", "web=1.1.0", "api=1.1.0")
    done = place.run("promote", "production")
    assert done.code == 0, done.said
    assert "left out, since production has no manifest of it: api" in done.err
    assert place.tags("production") == {"web": "1.1.0"}


def test_going_past_the_targets_rule_needs_a_reason_that_is_recorded(place: Place) -> None:
    """The rule bars people like a lock does: exit 3, exit 2 for force without a reason, and then a trailer."""
    place.start(staging="", production=FILTER)
    released(place, "staging", "web=2.0.0")
    head = place.remote.head()
    shown = place.run("promote", "production", "--dry-run")
    assert (shown.code, "held back: web in production" in shown.err) == (0, True), shown.said
    refused = place.run("promote", "production")
    assert (refused.code, "2.0.0 is outside <2" in refused.err) == (3, True), refused.said
    silent = place.run("promote", "production", "--force")
    assert (silent.code, "force needs a reason" in silent.err) == (2, True), silent.said
    assert place.remote.head() == head
    forced = place.run("promote", "production", "--force", "--reason", "wanted")
    assert forced.code == 0, forced.said
    message = place.message()
    assert "Headway-Forced: web in production is kept out by its rule: 2.0.0 is outside <2" in message
    assert "Headway-Reason: wanted" in message


def test_the_targets_rule_bars_only_what_would_change(place: Place) -> None:
    """What runs there already passes no gate: the other service goes, without force."""
    place.start(staging="", production=FILTER)
    released(place, "staging", "web=2.0.0")
    assert place.run("promote", "production", "--force", "--reason", "wanted").code == 0
    released(place, "staging", "api=1.1.0")
    done = place.run("promote", "production")
    assert done.code == 0, done.said
    assert place.tags("production") == {"web": "2.0.0", "api": "1.1.0"}
    assert "Headway-Forced" not in place.message()


def test_a_chain_of_three_goes_in_one_pass(place: Place) -> None:
    """What is new goes to the first environment and through all that follow by themselves, a commit for each."""
    place.start(
        staging="release: automatic",
        acceptance="release: automatic, promote_from: staging",
        production="release: automatic, promote_from: acceptance",
    )
    before = len(place.remote.commits())
    image = place.image("web", "1.1.0")
    done = place.run("watch")
    assert done.code == 0, done.said
    for name in ("staging", "acceptance", "production"):
        assert place.kube.images(name)["web"] == image
        assert place.kube.images(name)["api"].partition("@")[0].endswith("api:1.0.0")
    subjects = place.remote.git(
        "log", "--format=%s", f"-{len(place.remote.commits()) - before}", "main"
    ).splitlines()
    assert subjects == ["Promote web to production", "Promote web to acceptance", "Release web to staging"]
    again = place.run("watch")
    assert (again.code, len(place.remote.commits())) == (0, before + 3), again.said


def test_a_link_that_soaks_stops_the_chain_there(place: Place) -> None:
    """Each link waits for the one before it, and says for what."""
    place.start(
        staging="release: automatic",
        acceptance="release: automatic, promote_from: staging, soak: 1h",
        production="release: automatic, promote_from: acceptance",
    )
    place.image("web", "1.1.0")
    done = place.run("watch")
    assert done.code == 0, done.said
    assert [place.tags(it)["web"] for it in ("staging", "acceptance", "production")] == [
        "1.1.0",
        "1.1.0",
        "1.0.0",
    ]
    assert "production: web 1.1.0 soaks in acceptance until" in done.err


def test_what_is_let_go_after_a_rollback_is_promoted_again(place: Place) -> None:
    """The veto is the hold: with it automation stays away from what was rolled back, without it it does not."""
    place.start(staging="", production="release: automatic, promote_from: staging")
    released(place, "staging", "web=1.1.0")
    assert place.run("watch").code == 0
    assert place.tags("production")["web"] == "1.1.0"
    assert place.run("rollback", "production", "--reason", "wrong totals").code == 0
    held = place.run("watch")
    assert (held.code, "web 1.1.0 is vetoed" in held.err) == (0, True), held.said
    assert place.tags("production")["web"] == "1.0.0"
    assert place.run("unveto", "production", "web", "--reason", "the totals were right").code == 0
    done = place.run("watch")
    assert done.code == 0, done.said
    assert place.tags("production")["web"] == "1.1.0"


def test_what_left_by_a_newer_release_does_not_come_back(place: Place) -> None:
    """Staging going back takes production nowhere by itself: nobody has said that it may."""
    place.start(staging="", production="release: automatic, promote_from: staging")
    for tag in ("1.1.0", "1.2.0"):
        released(place, "staging", f"web={tag}")
        assert place.run("watch").code == 0
    released(place, "staging", "web=1.1.0")
    done = place.run("watch")
    assert (done.code, "web 1.1.0 ran here before; automation does not" in done.err) == (0, True), done.said
    assert place.tags("production")["web"] == "1.2.0"


def test_what_was_rolled_back_without_a_veto_stays_away(place: Place) -> None:
    """Where holds.yaml was broken no veto could be written, so there is none that a person has taken away."""
    rules = "release: automatic, promote_from: staging"
    place.start(staging="", production=rules)
    released(place, "staging", "web=1.1.0")
    place.configure(production=f"{rules}, verify: {{promql: up, timeout: 1s}}")
    pushed = place.job("web", place.image("web", "1.1.0"))
    answers = ["0"]
    # No to what was pushed, yes to what it goes back to.
    with serving(lambda path: prometheus("scalar", [1, answers.pop() if answers else "1"])(path)) as url:
        place.remote.push({"holds.yaml": "vetoes: none of them\n", "production/web.yaml": pushed})
        failed = place.run("reconcile", "production", HEADWAY_PROMETHEUS=url)
    assert (failed.code, place.tags("production")["web"]) == (1, "1.0.0"), failed.said
    place.remote.push({"holds.yaml": None})
    place.configure(production=rules)
    done = place.run("watch")
    assert (done.code, "web 1.1.0 ran here before" in done.err) == (0, True), done.said
    assert place.tags("production")["web"] == "1.0.0"


def test_the_plan_says_why_a_service_of_two_images_is_not_promoted(place: Place) -> None:
    """The reason is the decision's own, not that of another service, and not that both are alike."""
    place.start(staging="release: automatic", production="promote_from: staging")
    both = place.job("web", place.image("web", "1.1.0"), place.image("web", "1.2.0"))
    place.remote.push({"staging/web.yaml": both})
    assert place.run("reconcile", "staging").code == 0
    rows = {
        it["service"]: it for it in json.loads(place.run("plan", "production", "-o", "json").out)["services"]
    }
    assert rows["web"]["why"] == "promotion waits: staging runs 2 images of web"
    assert rows["api"]["why"] == "as in staging"
    by_rule = json.loads(place.run("plan", "staging", "-o", "json").out)["services"]
    web = next(it for it in by_rule if it["service"] == "web")
    assert web["runs"] == "1.1.0, 1.2.0"


def test_the_plan_says_that_the_source_does_not_run_a_service(place: Place) -> None:
    """What is not there is not "as in staging"."""
    place.start(staging="release: automatic", production="promote_from: staging")
    place.remote.push({"staging/api.yaml": None})
    rows = {
        it["service"]: it for it in json.loads(place.run("plan", "production", "-o", "json").out)["services"]
    }
    assert (rows["api"]["why"], rows["web"]["why"]) == ("staging does not run it", "as in staging")
