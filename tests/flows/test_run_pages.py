"""What a run's page tells: the plan before anything happens, and how it ended, whatever comes in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from headway.flows import build_images, deliver, rollback
from headway.flows.release import release as run_release
from headway.operations import approvals, proposal
from headway.operations import release as release_operation
from headway.requests import ReleaseRequest, ServiceImage
from headway.systems.cluster import lease
from tests.flows.conftest import Place
from tests.repos import Remote

INVALID = {"kind": "Status", "reason": "Invalid", "message": "spec.`image`: no | such thing"}
FORBIDDEN = {"kind": "Status", "reason": "Forbidden", "message": "nobody may"}


def refusing(place: Place, *words: str) -> None:
    """Have the cluster refuse CronJobs in which one of these words stands, once they are written and not only tried."""

    def mood(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        refused = "/cronjobs/" in path and "dryRun" not in path and any(it in str(body) for it in words)
        return (422, INVALID) if refused else None

    place.kube.mood = mood


def released(place: Place, *words: str) -> None:
    """Release SERVICE=TAG words to staging."""
    done = release(place, *words)
    assert done.code == 0, done.said


def release(place: Place, *words: str) -> Any:
    """Release SERVICE=TAG words to staging, however that ends."""
    images = [f"{it.partition('=')[0]}={place.image(*it.split('='))}" for it in words]
    return place.run("release", "staging", *images)


def shown_files(said: str) -> list[str]:
    """Return the files that a shown plan's diff changes."""
    return [it.removeprefix("+++ b/") for it in said.splitlines() if it.startswith("+++ ")]


def test_a_rollbacks_plan_shows_every_file_of_its_commit(place: Place) -> None:
    """The vetoes that go into holds.yaml are in the plan, of a dry run too, which also says who asked."""
    place.start(staging="")
    released(place, "web=1.1.0")
    tried = place.run("rollback", "staging", "--reason", "wrong *totals*", "--dry-run")
    assert tried.code == 0, tried.said
    assert r"Requested by **tester**: wrong \*totals\*." in tried.err
    done = place.run("rollback", "staging", "--reason", "wrong totals")
    assert done.code == 0, done.said
    assert "rolled back: wrong totals" in done.err
    changed = place.remote.git("diff", "--name-only", "main~1", "main").split()
    assert shown_files(tried.err) == shown_files(done.err) == changed == ["holds.yaml", "staging/web.yaml"]


def test_a_dry_run_says_in_its_plan_what_holds_it_back(place: Place) -> None:
    """A lock stands in the plan that the page shows, not in the log alone."""
    place.start(staging="")
    assert place.run("lock", "staging", "--reason", "until | Friday").code == 0
    image = place.image("web", "1.1.0")
    done = place.run("release", "staging", f"web={image}", "--dry-run")
    assert done.code == 0, done.said
    assert "- held back: " in done.err
    assert "until | Friday" in done.err


def test_how_a_release_went(place: Place) -> None:
    """The times of its steps, the whole image, each object with its state, and the command that shows them."""
    place.start(staging="")
    image = place.image("web", "1.1.0")
    done = release(place, "web=1.1.0")
    assert done.code == 0, done.said
    outcome = done.err[done.err.index("## staging: live") :]
    assert "| web | `1.1.0` |" in outcome
    assert f"\nweb  {image}\n" in outcome
    assert "| `staging CronJob/web` | changed | live: applied; what it runs is started later |" in outcome
    assert "CronJob/api" not in outcome
    assert "kubectl --context shop --namespace staging get cronjob/web" in outcome
    for step in ("commit", "wait for its turn", "apply", "roll out"):
        assert f"| {step} | " in outcome


def test_how_long_people_were_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that restarts when the answer comes counts from when it was first to start."""
    place.start(staging="")
    place.configure(staging="approvals: 1")
    place.image("web", "1.1.0")
    asked = datetime.now(UTC) - timedelta(minutes=5)

    def answer(number: int, app: str, environment: str, plan: str, text: str, timeout: float) -> Any:
        return SimpleNamespace(decision="approve", by="bob", reason="", plan=plan)

    monkeypatch.setattr(approvals, "ask", answer)
    for module in (approvals, proposal, release_operation):
        monkeypatch.setattr(module, "run_identity", lambda: (asked, "a run"))
    images = [ServiceImage(service="web", image="1.1.0")]
    request = ReleaseRequest(environment="staging", images=images, actor="ann")
    done = place.call(lambda: run_release(request))
    assert "| wait for approval | 5m" in done.err[done.err.index("## staging: live") :]


def test_what_failed_and_what_was_done_about_it(place: Place) -> None:
    """Taken back: the cause as it was said, the commit that took it back, the veto, and the times of both ways."""
    place.start(staging="")
    before = place.remote.head()
    refusing(place, "2.0.0")
    done = release(place, "web=2.0.0")
    assert done.code == 1, done.said
    outcome = done.err[done.err.index("## staging: failed, and rolled back to `") :]
    assert r"spec.\`image\`: no | such thing" in outcome
    assert (
        f"**What headway did:** commit `{place.remote.head()[:9]}` puts the environment's folder back to what it was "
        f"at `{before[:9]}`" in outcome
    )
    assert "vetoes what failed" in outcome
    assert f"**Now:** staging runs what was live at {before[:9]} again, in the repo too." in outcome
    assert "| apply | " in outcome
    assert "| roll back: apply | " in outcome
    assert "| roll back: roll out | " in outcome


def test_a_rollback_fails_too(place: Place) -> None:
    """The page tells both causes, that the repo is back, and what to do; the run ends with exit code 1."""
    place.start(staging="")
    before = place.remote.head()

    def mood(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        # Half of the change arrives, and that half cannot go back.
        stuck = ("/cronjobs/web" in path and "2.0.0" in str(body)) or (
            "/cronjobs/api" in path and "1.0.0" in str(body)
        )
        return (422, INVALID) if stuck and method == "PATCH" and "dryRun" not in path else None

    place.kube.mood = mood
    done = release(place, "web=2.0.0", "api=2.0.0")
    assert done.code == 1, done.said
    assert place.tags("staging") == {"web": "1.0.0", "api": "2.0.0"}
    outcome = done.err[done.err.index(f"## staging: failed, and so did rolling back to `{before[:9]}`") :]
    assert "staging CronJob/web: spec" in outcome
    assert f"rolling back to {before[:9]} did not succeed either: " in outcome
    assert "staging CronJob/api: spec" in outcome
    assert "**What headway did:** commit `" in outcome
    assert (
        "**Now:** the repo is back at what was live; see the cluster, then run `headway reconcile staging`"
        in outcome
    )
    assert "| roll back: apply | " in outcome


def test_a_run_that_breaks_off_has_an_outcome_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease cannot be had: the page says why, how things are now, and what to do next."""
    monkeypatch.setattr(lease, "SLOW", 0.5)
    place.start(staging="")
    live = place.remote.head()

    def mood(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        return (500, {}) if (method, "/leases/" in path) == ("PUT", True) else None

    place.kube.mood = mood
    done = release(place, "web=1.1.0")
    assert done.code == 1, done.said
    outcome = done.err[done.err.index("## staging: unfinished") :]
    assert "**Cause:** the API server answers 500 to a lease" in outcome
    assert (
        f"**Now:** staging should be as {place.remote.head()[:9]} says, and no outcome of it is recorded yet; "
        f"what was live last is {live[:9]}." in outcome
    )
    assert "`headway reconcile staging` finishes it." in outcome
    assert "| commit | " in outcome


def test_a_cluster_that_lets_nobody_look(place: Place) -> None:
    """What is forbidden ends the run before it knows anything of what was pushed, and has an outcome."""
    place.start(staging="")
    place.remote.push({"staging/web.yaml": place.job("web", place.image("web", "1.1.0"))})

    def mood(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        return (403, FORBIDDEN) if "/cronjobs" in path else None

    place.kube.mood = mood
    done = place.run("reconcile", "staging")
    assert done.code == 1, done.said
    assert "## staging: unfinished" in done.err
    assert "no outcome of it is recorded yet" in done.err


def with_source(place: Place) -> str:
    """Return the service web a source repo; return the commit of its branch."""
    source = Remote(place.folder / "web.git")
    commit = source.push({"Dockerfile": "FROM scratch\n"})
    text = place.headway_yaml().replace("shop/web, ", f"shop/web, source: {{repo: '{source.url}'}}, ")
    place.remote.push({"headway.yaml": text})
    return commit


def test_a_dry_run_of_a_build_says_what_would_be_built(place: Place) -> None:
    """The commit, the tag, and whether the registry has it already; nothing is built and nothing is pushed."""
    place.start(staging="")
    commit = with_source(place)
    done = place.run("build", "--dry-run")
    assert done.code == 0, done.said
    image = f"{place.registry.host}/shop/web:sha-{commit}"
    assert "Requested by **tester**." in done.err
    assert f"| web | `{commit[:9]}` | `sha-{commit[:12]}…` | would be built and pushed |" in done.err
    assert f"\nweb  {image}\n" in done.err
    place.image("web", f"sha-{commit}")
    done = place.run("build", "web", "--ref", commit, "--dry-run")
    assert f"| web | `{commit[:9]}` | `sha-{commit[:12]}…` | in the registry already |" in done.err
    assert f"\nweb  {image}\n" in done.err


def test_a_dry_run_of_a_delivery_says_what_runs_now(place: Place) -> None:
    """Beside what would be built stands what the environment runs in its place."""
    place.start(staging="")
    commit = with_source(place)
    done = place.run("deliver", "staging", "--dry-run")
    assert done.code == 0, done.said
    image = f"{place.registry.host}/shop/web:sha-{commit}"
    assert "## Plan for staging: build, then release" in done.err
    assert (
        f"| web | `{commit[:9]}` | `1.0.0` | `sha-{commit[:12]}…` | would be built and pushed |" in done.err
    )
    assert f"\nweb  {image}\n" in done.err
    head = place.remote.head()
    assert place.tags("staging")["web"] == "1.0.0"
    assert place.remote.head() == head


def test_a_delivery_tells_how_long_the_build_took(place: Place) -> None:
    """What came before the release is a step of its outcome."""
    place.start(staging="")
    commit = with_source(place)
    place.image("web", f"sha-{commit}")
    done = place.run("deliver", "staging")
    assert done.code == 0, done.said
    assert "| look the images up | " in done.err[done.err.index("## staging: live") :]


def test_set_image_shows_what_would_change_and_what_did(place: Place) -> None:
    """Each container from what to what; a dry run changes nothing; the outcome names what was there before."""
    place.start(staging="")
    old, new = place.image("web", "1.0.0"), place.image("web", "1.1.0")
    words = ("set-image", "web", "1.1.0", "--env", "staging")
    tried = place.run(*words, "--dry-run")
    assert tried.code == 0, tried.said
    assert "| `staging CronJob/web` | `c0` | `1.0.0` | `1.1.0` |" in tried.err
    assert "the next reconcile of staging takes this back; `headway release staging web=…`" in tried.err
    assert "## `" not in tried.err
    assert place.tags("staging")["web"] == "1.0.0"
    done = place.run(*words)
    assert done.code == 0, done.said
    assert place.tags("staging")["web"] == "1.1.0"
    assert f"## `{new}`: live" in done.err
    assert "| `staging CronJob/web` | `c0` | `1.0.0` | live: " in done.err
    assert f"\nstaging CronJob/web c0, before  {old}\n" in done.err
    assert "| set the image | " in done.err
    again = place.run(*words, "--dry-run")
    assert "| `staging CronJob/web` | `c0` | `1.1.0` | the same |" in again.err


def test_set_image_where_nothing_runs_it(place: Place) -> None:
    """It is told in the plan, and is an error, of a dry run too."""
    place.start(staging="")
    assert place.image("more", "1.0.0")
    name = f"{place.registry.host}/shop/more"
    done = place.run("set-image", name, "1.0.0", "--namespace", "staging", "--dry-run")
    assert done.code == 1, done.said
    assert f"No workload there runs an image of `{name}`." in done.err


def test_set_image_that_breaks_off(place: Place) -> None:
    """The cluster refuses the change: the outcome says what it was before."""
    place.start(staging="")
    refusing(place, "1.1.0")
    place.image("web", "1.1.0")
    done = place.run("set-image", "web", "1.1.0", "--env", "staging")
    assert done.code == 1, done.said
    outcome = done.err[done.err.rindex("## `") :]
    assert ": not live" in outcome
    assert f"before it was `{place.image('web', '1.0.0')}`" in outcome


PRODUCTION, COMMIT = {"environment": "production"}, "9ab2c41" + "0" * 33


@pytest.mark.parametrize(("flow", "request_", "name"), [
    (rollback, {**PRODUCTION, "services": ["orders"]}, "production: rollback orders to what was live before"),
    (rollback, {**PRODUCTION, "services": ["orders"], "to": COMMIT}, "production: rollback orders to 9ab2c4100"),
    (rollback, {**PRODUCTION, "to": "20261123T101502Z-7f3a0b1c"}, "production: rollback to 20261123T101502Z-7f3a0b1c"),
    (rollback, {**PRODUCTION, "to": "2026-11-23T10:00"}, "production: rollback to 2026-11-23T10:00"),
    (build_images, {"services": ["web"], "ref": "feature/long-running"}, "build web at feature/long-running"),
    (deliver, {"environment": "staging", "ref": COMMIT}, "staging: deliver every service at 9ab2c4100"),
])  # fmt: skip
def test_names_of_runs(flow: Any, request_: dict[str, Any], name: str) -> None:
    """A run is named after what it does, with its target; a commit is shortened and nothing else is."""
    assert flow.title({"request": request_}) == name
