"""Promotion: what is live and verified in one environment to the next, by hand and by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.lab.conftest import Lab
from tests.lab.watchapp import WatchedApp, live


@pytest.fixture(scope="module")
def app(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedApp]:
    """An application live at 1.0.0 in both environments."""
    with live(lab, tmp_path_factory.mktemp("app")) as made:
        yield made


def test_what_is_live_goes_on_as_one_release(app: WatchedApp) -> None:
    """Both services' exact digests, one commit, with where they come from."""
    assert app.release("staging", "web=1.1.0", "api=1.1.0").code == 0
    shown = app.run("promote", "production", "--dry-run", "--local")
    assert shown.code == 0, shown.said
    assert app.tag("production", "web") == "1.0.0"
    done = app.run("promote", "production", "--local")
    assert done.code == 0, done.said
    for service in ("web", "api"):
        assert app.running("production", service) == app.running("staging", service)
    assert app.commits()[0] == "Promote web, api to production"
    assert app.asked() == ("tester", "promotion")
    assert "Headway-Promoted-From: staging " in app.log("-1", "--format=%B")
    again = app.run("promote", "production", "--local")
    assert (again.code, app.commits()[0]) == (0, "Promote web, api to production")


def test_some_services_only(app: WatchedApp) -> None:
    """`--service` promotes one and leaves the other."""
    assert app.release("staging", "web=1.2.0", "api=1.2.0").code == 0
    assert app.run("promote", "production", "--service", "web", "--local").code == 0
    assert (app.tag("production", "web"), app.tag("production", "api")) == ("1.2.0", "1.1.0")


def test_what_is_not_live_there_is_refused(app: WatchedApp) -> None:
    """A workload that is not healthy in staging keeps its service back, with exit 3; the other may go."""
    app.kubectl("staging", "delete", "deployment/api")
    refused = app.run("promote", "production", "--local")
    assert refused.code == 3, refused.said
    assert "is not healthy in staging now" in refused.err
    assert app.run("promote", "production", "--service", "web", "--local").code == 0
    assert app.run("reconcile", "staging", "--local").code == 0
    assert app.run("promote", "production", "--local").code == 0
    assert app.tag("production", "api") == "1.2.0"


def test_a_target_that_names_no_source(app: WatchedApp) -> None:
    """Where nothing says what is promoted, the message says where to write it."""
    done = app.run("promote", "staging", "--local")
    assert (done.code, "add promote_from" in done.err) == (2, True)
    assert app.run("promote", "staging", "--from", "staging", "--local").code == 2


def test_the_targets_own_rule_is_a_filter(app: WatchedApp) -> None:
    """What the rule of the target does not take is refused, and may be forced with a reason."""
    app.configure(production="promote_from: staging, services: {web: {tags: {match: 'semver:<2'}}}")
    assert app.release("staging", "web=2.0.0").code == 0
    refused = app.run("promote", "production", "--local")
    assert (refused.code, "2.0.0 is outside <2" in refused.err) == (3, True)
    forced = app.run("promote", "production", "--force", "--reason", "wanted", "--local")
    assert forced.code == 0, forced.said
    app.configure(production="promote_from: staging")


def test_promotion_by_itself_after_the_soak(app: WatchedApp) -> None:
    """An automatic environment gets what has been live long enough; before that, status says until when."""
    app.configure(staging="soak: 1h", production="promote_from: staging, release: automatic")
    assert app.release("staging", "web=2.1.0").code == 0
    done = app.run("watch", "--local")
    assert done.code == 0, done.said
    assert "web 2.1.0 soaks in staging until" in done.err
    assert "web 2.1.0 soaks in staging until" in app.run("status", "production").out
    assert app.tag("production", "web") == "2.0.0"
    app.configure(staging="soak: 1s")
    assert app.run("watch", "--local").code == 0
    assert app.tag("production", "web") == "2.1.0"
    assert app.asked() == ("watch-registry", "promotion")


def test_what_is_sick_keeps_no_other_service_back(app: WatchedApp) -> None:
    """Automation promotes what is healthy, and says what the other waits for."""
    assert app.release("staging", "web=2.1.1", "api=1.3.0").code == 0
    app.kubectl("staging", "delete", "deployment/api")
    app.configure(staging="soak: 0s")
    done = app.run("watch", "--local")
    assert done.code == 0, done.said
    assert "Deployment/api is not healthy in staging now" in done.err
    assert (app.tag("production", "web"), app.tag("production", "api")) == ("2.1.1", "1.2.0")
    assert app.run("reconcile", "staging", "--local").code == 0
    assert app.run("watch", "--local").code == 0
    assert app.tag("production", "api") == "1.3.0"


def test_a_rollback_there_is_left_alone(app: WatchedApp) -> None:
    """What was rolled back in production is not promoted again; what is newer is."""
    done = app.run("rollback", "production", "--service", "web", "--reason", "wrong totals", "--local")
    assert done.code == 0, done.said
    assert app.tag("production", "web") == "2.1.0"
    head = app.log("-1", "--format=%H")
    assert app.run("watch", "--local").code == 0
    assert app.log("-1", "--format=%H") == head
    assert "is vetoed" in app.run("plan", "production").out
    assert app.release("staging", "web=2.2.0").code == 0
    assert app.run("watch", "--local").code == 0
    assert app.tag("production", "web") == "2.2.0"


def test_automation_does_not_follow_staging_back(app: WatchedApp) -> None:
    """Staging going back to something older does not roll production back by itself."""
    assert app.run("rollback", "staging", "--service", "web", "--local").code == 0
    assert app.run("watch", "--local").code == 0
    assert app.tag("production", "web") == "2.2.0"


def test_an_approval_is_refused_where_nobody_can_be_asked(app: WatchedApp) -> None:
    """Without Prefect a release that needs approval is exit 3; a rollback needs none; force says why."""
    app.configure(production="promote_from: staging, approvals: 1")
    assert app.release("staging", "web=2.3.0").code == 0
    refused = app.run("promote", "production", "--local")
    assert (refused.code, "requires an approval" in refused.err) == (3, True)
    forced = app.run("promote", "production", "--force", "--reason", "outage", "--local")
    assert forced.code == 0, forced.said
    assert "Headway-Forced: production requires 1 approvals" in app.log("-1", "--format=%B")
    assert app.run("rollback", "production", "--service", "web", "--local").code == 0


def test_what_nobody_has_seen_is_not_released(app: WatchedApp) -> None:
    """A plan that was empty when it would have been shown, and is not on the newer commit, is refused."""
    # What was rolled back upstream would be refused for that alone.
    assert app.run("unveto", "staging", "web", "--reason", "it may stay in production").code == 0
    image = app.running("production", "web")
    app.pull()
    other = app.deployment("web", app.image("web", "0.9.0"))
    code = """
import os, subprocess, sys
os.environ["HEADWAY_LOCAL"] = "1"
from headway.flows.release import execute
from headway.operations.connections import Connections
from headway.operations.proposal import Proposal, identified, plan_wanted
from headway.operations.release import Release
from headway.domain.images.reference import ImageRef
from headway.errors import RefusedError
from headway.requests import Forcible
from headway.tasks.deploy import rehearse

work, image, other = sys.argv[1:]
with Connections() as connections:
    connections.repo.fetch()
    pushed = []

    def propose(snapshot):
        plan = plan_wanted(snapshot, "production", {"web": (ImageRef.parse(image), "asked for")})
        if not pushed:
            # Right after it was looked at, somebody else pushes.
            pushed.append(open(f"{work}/production/web.yaml", "w").write(other))
            who = ["-c", "user.name=b", "-c", "user.email=b@b.example"]
            subprocess.run(["git", "-C", work, *who, "commit", "-qam", "Something else"], check=True)
            subprocess.run(["git", "-C", work, "push", "-q", "origin", "HEAD:main"], check=True)
        return Proposal("release", snapshot, plan, "")

    try:
        execute(Release(connections, identified(Forcible(actor="ann"), "production"), propose, rehearse))
    except RefusedError as error:
        print(error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(app.work), image, other],
        env=app.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "is no longer what would be done" in done.stdout, done.stderr
    assert app.commits()[0] == "Something else"
    app.pull()
    app.write("production/web.yaml", app.deployment("web", image))
    app.push("As it was")


def test_rollback_to_a_time(app: WatchedApp) -> None:
    """`--to TIME` restores the whole environment's images as they were then, after showing the table."""
    app.configure(production="promote_from: staging")
    times = {
        it["commit"]: it["outcomes"][-1]["at"]
        for it in json.loads(app.run("history", "production", "--output", "json", "--limit", "50").out)
        if it["kind"] == "promotion" and it["outcomes"]
    }
    first = list(times)[-1]
    shown = app.run("rollback", "production", "--to", times[first], "--dry-run", "--force", "--local")
    assert shown.code == 0, shown.said
    assert "| web |" in shown.err
    done = app.run(
        "rollback", "production", "--to", times[first], "--force", "--reason", "as it was", "--local"
    )
    assert done.code == 0, done.said
    assert (app.tag("production", "web"), app.tag("production", "api")) == ("1.1.0", "1.1.0")


def test_verification_decides(app: WatchedApp) -> None:
    """A Job that fails after the rollout fails the release: rolled back, vetoed, with the Job's last words."""
    job = (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: smoke}\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n"
        "      restartPolicy: Never\n      containers:\n      - name: smoke\n"
        f"        image: {app.image('web', '1.0.0')}\n        command: [/bin/busybox, sh, -c, 'echo totals are wrong; exit %s']\n"
    )
    app.configure(staging="verify: {job: verify/smoke.yaml, timeout: 60s}")
    app.write("verify/smoke.yaml", job % 1)
    app.push("A smoke test")
    failed = app.release("staging", "web=3.0.0")
    assert failed.code == 1, failed.said
    assert "verification" in failed.err
    assert "totals are wrong" in failed.err
    assert app.tag("staging", "web") != "3.0.0"
    assert "tag: 3.0.0" in app.show("holds.yaml").replace('"', "")
    app.pull()
    app.write("verify/smoke.yaml", job % 0)
    app.push("A smoke test that passes")
    done = app.release("staging", "web=3.1.0")
    assert done.code == 0, done.said
    assert "has completed" in done.err
    assert app.kubectl("staging", "get", "jobs", "--output", "name") == ""
