"""How a run says that it ended: what the cluster said, what was done, what to do next, and no more than is read."""

from __future__ import annotations

from dataclasses import replace

from headway.domain.health.cause import Cause
from headway.domain.health.verdict import Verdict
from headway.domain.images.reference import ImageRef
from headway.domain.objects.applied import Applied
from headway.domain.objects.identity import ObjectId
from headway.errors import TransientError
from headway.operations.reports.outcome import result_report, set_image_report, unfinished_report
from headway.operations.result import Result
from headway.systems.cluster.set_image import ImageSet
from tests.images import moved

WEB = ObjectId("apps", "Deployment", "shop", "web")
API = ObjectId("apps", "Deployment", "shop", "api")
ROLLOUT = ObjectId("argoproj.io", "Rollout", "shop", "edge")
COMMIT, BACK, BY = "a" * 40, "b" * 40, "c" * 40
IMAGE = f"r.example/shop/web:2.0.0@sha256:{'1' * 64}"
CRASHED = Verdict(
    "failed", WEB, Cause("CrashLoopBackOff", "container web ended with code 3", "web-1", "web"),
    logs=("no `database`", "```", "bye"), events=("BackOff: Back-off restarting | failed container",),
)  # fmt: skip


def no_page(commit: str) -> str:
    return ""


def failed(**more: object) -> Result:
    applied = Applied(changed=(WEB,), unchanged=(API,))
    verdicts = (CRASHED, Verdict("live", API, changed=False))
    result = Result(
        "staging", COMMIT, "failed", 61.0, applied=applied, verdicts=verdicts, cause=Cause(text=str(CRASHED)),
        steps=(("apply", 0.4), ("roll out", 60.2)),
    )  # fmt: skip
    return replace(result, **more)  # type: ignore[arg-type]


def test_what_the_cluster_and_the_container_said() -> None:
    """Events of the failing pod and its last log lines, each in a block of its own that they cannot close."""
    said = result_report(failed(), no_page, changes=[moved("web", "", IMAGE)], context="shop")
    assert (
        "**Cause:** shop Deployment/web is failed: CrashLoopBackOff: container web ended with code 3" in said
    )
    assert "Events of `web-1`:\n\n```\nBackOff: Back-off restarting | failed container\n```\n" in said
    assert "Last log lines of `web-1`:\n\n````\nno `database`\n```\nbye\n````\n" in said
    assert "| `shop Deployment/web` | changed | failed: CrashLoopBackOff |" in said
    assert "Deployment/api" not in said
    assert "| web | `2.0.0` |" in said
    assert f"\nweb  {IMAGE}\n" in said
    assert (
        "**Now:** the cluster is as the failed rollout left it; `headway rollback staging` rolls back."
        in said
    )
    assert "| roll out | 1m |" in said


def test_commands_that_show_the_objects() -> None:
    """One that gets the workloads and one that describes the failed pod; kinds of others have their group."""
    result = failed(verdicts=(CRASHED, Verdict("progressing", ROLLOUT, Cause(text="1 of 3 pods are ready"))))
    said = result_report(result, no_page, context="my cluster")
    kubectl = "kubectl --context 'my cluster' --namespace shop"
    assert (
        f"```sh\n{kubectl} get deployment/web rollout.argoproj.io/edge\n{kubectl} describe pod/web-1\n```"
        in said
    )
    assert "| `shop Rollout/edge` |  | progressing: 1 of 3 pods are ready |" in said


def test_what_headway_did_and_how_things_are_after_it() -> None:
    """The commit that took it back as a link, the veto, both states of each object, and the times of both ways."""
    back = Result("staging", BY, "live", 3.0, verdicts=(Verdict("live", WEB),), steps=[("apply", 0.2)])
    ended = failed().rolled_back(BACK, BY, back, 4.0, vetoed=True)
    said = result_report(ended, lambda commit: f"https://git.example/{commit[:3]}")
    assert said.startswith("## staging: failed, and rolled back to `bbbbbbbbb`\n")
    assert "Commit [`aaaaaaaaa`](https://git.example/aaa), 1m 5s." in said
    assert "commit [`ccccccccc`](https://git.example/ccc) puts the environment's folder back" in said
    assert "vetoes what failed" in said
    assert "| object |  | state at the failure | after the rollback |" in said
    assert "| `shop Deployment/web` | changed | failed: CrashLoopBackOff | live |" in said
    assert "| roll out | 1m |\n| roll back: apply | 0.2s |" in said
    assert "Last log lines of `web-1`:" in said
    # The pod that failed is gone by then.
    assert "describe" not in said
    assert "vetoes" not in result_report(failed().rolled_back(BACK, BY, back, 4.0, vetoed=False), no_page)


def test_nothing_was_to_do() -> None:
    """A look that found everything equal says so in two lines: there are hundreds of them."""
    said = result_report(
        Result("staging", COMMIT, "unchanged", 0.1, applied=Applied(unchanged=(WEB,))),
        no_page,
        before=[("wait for its turn", 0.0)],
        changes=[moved("web", "", IMAGE)],
        context="shop",
    )
    assert said == "## staging: nothing to change\n\nCommit `aaaaaaaaa`.\n"


def test_a_large_environment_is_counted() -> None:
    """A page of a first release of hundreds of objects is still read: the rest is a number."""
    keys = tuple(ObjectId("apps", "Deployment", "shop", f"web-{it}") for it in range(200))
    verdicts = tuple(Verdict("failed", it, Cause("NotReady", pod=it.name), logs=("x",)) for it in keys)
    result = Result("staging", COMMIT, "failed", 1.0, applied=Applied(created=keys), verdicts=verdicts)
    said = result_report(result, no_page)
    assert "| … and 170 more |" in said
    assert said.count("Last log lines of") == 3
    assert len(said) < 6_000


def test_what_broke_off_tells_what_had_failed() -> None:
    """The cause of the end, how things are, what is next; then what had failed before, with its last words."""
    error = TransientError("the lease was *lost*", hint="`headway reconcile staging` finishes it")
    said = unfinished_report(
        "staging", error, no_page, before=[("commit", 0.3)], now="nobody knows", failed=[failed()]
    )
    assert said.startswith("## staging: unfinished\n")
    assert r"**Cause:** the lease was \*lost\*" in said
    assert "**Now:** nobody knows." in said
    assert "**Next:** `headway reconcile staging` finishes it." in said
    assert "Before that, `aaaaaaaaa` had failed and was to be rolled back." in said
    assert "Last log lines of `web-1`:" in said
    assert "| commit | 0.3s |\n| apply | 0.4s |\n| roll out | 1m |" in said


def test_an_image_that_was_set_and_is_not_live() -> None:
    """From what to what, the cause, the container's words, and how to get back."""
    changed = [ImageSet(WEB, "web", "r.example/shop/web:1.0.0", IMAGE)]
    said = set_image_report(
        ImageRef.parse(IMAGE), changed, [CRASHED], context="shop", cause=str(CRASHED), advice="set `x` again"
    )
    assert said.startswith(f"## `{IMAGE}`: not live\n")
    assert "| `shop Deployment/web` | `web` | `1.0.0` | failed: CrashLoopBackOff |" in said
    assert "\nshop Deployment/web web, before  r.example/shop/web:1.0.0\n" in said
    assert "**Now:** set `x` again." in said
    assert "Last log lines of `web-1`:" in said
