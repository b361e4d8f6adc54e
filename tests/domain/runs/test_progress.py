"""The log of a run as lines in place: what they show, what stays, and that they know what the log really says."""

from __future__ import annotations

import pytest

from headway.domain.health.workloads import assess_workload
from headway.domain.objects.identity import ObjectId
from headway.domain.runs.progress import Progress, lasted, told
from headway.domain.text.document import text_of
from headway.domain.text.widths import columns_of

WEB = "shop Deployment/web"


def after(*lines: str) -> tuple[Progress, list[str]]:
    """Take lines in, a second after another; return the progress, and what stays in the log."""
    progress, log = Progress(), []
    for second, line in enumerate(lines):
        progress, stay = progress.take(line, float(second))
        log += [text_of(it) for it in stay]
    return progress, log


def shown(progress: Progress, now: float, width: int = 60, most: int = 12) -> list[str]:
    """Return the lines in place at a time."""
    return [text_of(it) for it in progress.rows(now, width, most)]


@pytest.mark.parametrize(
    ("line", "count", "text", "ended"),
    [
        (f"{WEB}: 1 of 3 pods are of the new version", "1/3 new", "", False),
        (f"{WEB}: 2 of 3 new pods are ready; waiting: no node is free", "2/3 ready", "waiting: no node is free", False),
        (f"{WEB}: pods of the old version still there: 1", "", "pods of the old version still there: 1", False),
        (f"{WEB}: live", "", "live", True),
        (f"{WEB}: up; it has no readiness probe", "", "up; it has no readiness probe", True),
        ("Pod/web: succeeded", "", "succeeded", True),
        (f"{WEB} is failed: ImagePullBackOff", "", f"{WEB} is failed: ImagePullBackOff", True),
        ("web | Step 3/9 : RUN make", "step 3/9", "RUN make", False),
        ("web | gcc -c x.c", "", "gcc -c x.c", False),
        ("web | pushed 12.0 of 40.1 MB (30 %)", "30 %", "pushed 12.0 of 40.1 MB", False),
    ],
)  # fmt: skip
def test_what_a_line_says(line: str, count: str, text: str, ended: bool) -> None:
    """Of a workload or an image: how far it is, what it waits for, whether that is its end."""
    found = told(line)
    assert found is not None
    assert (found.name, found.count, found.text, found.ended) == ("web", count, text, ended)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "rehearsing on the cluster",
        "staging: rolling back to 9ab2c41f0",
        "changed staging CronJob/web",
        "taken over: shop Deployment/web",
        "pruned shop Service/web",
        "shop Deployment/web: container web: r.example/web:1 -> r.example/web:2",
        "shop Deployment/web is odd",
        "verified: https://shop.example answers 200",
    ],
)
def test_other_lines_stay_lines(line: str) -> None:
    """What is no progress of one thing is said as it is."""
    assert told(line) is None
    assert after(line)[1] == [line]


def deployment(**status: int) -> dict[str, object]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": 2},
        "spec": {"replicas": 3},
        "status": {"observedGeneration": 2, **status},
    }


@pytest.mark.parametrize(
    ("status", "count"),
    [
        ({"updatedReplicas": 1, "replicas": 3}, "1/3 new"),
        ({"updatedReplicas": 3, "replicas": 3, "availableReplicas": 2}, "2/3 ready"),
        ({"updatedReplicas": 3, "replicas": 4, "availableReplicas": 4}, ""),
    ],
)
def test_the_words_are_those_of_the_rollout(status: dict[str, int], count: str) -> None:
    """What headway says of a Deployment that rolls out is understood: the two may not drift apart."""
    said = assess_workload(deployment(**status), (), (), {}).text
    found = told(f"{ObjectId('apps', 'Deployment', 'shop', 'web')}: {said}")
    assert found is not None
    assert (found.count, bool(found.text)) == (count, not count)


def test_a_rollout_has_one_line_for_each_workload() -> None:
    """It is replaced by what is newer, counts its seconds, and stays as the log's once it is done."""
    progress, log = after(
        "applied 2 objects: Deployment",
        f"{WEB}: 1 of 3 pods are of the new version",
        "shop Deployment/orders: its controller has not seen the change yet",
        f"{WEB}: 2 of 3 new pods are ready; waiting: no node is free",
    )
    assert log == ["applied 2 objects: Deployment"]
    assert shown(progress, 13) == [
        "web     2/3 ready   12s  waiting: no node is free",
        "orders              11s  its controller has not seen the ch…",
    ]
    progress, stay = progress.take(f"{WEB}: live", 14)
    assert [text_of(it) for it in stay] == ["web  3/3 ready   13s  live"]
    progress, stay = progress.take("shop Deployment/orders is failed: ImagePullBackOff", 15)
    assert [text_of(it) for it in stay] == ["shop Deployment/orders is failed: ImagePullBackOff"]
    assert shown(progress, 15) == []


def test_what_became_live_and_is_not_any_more_comes_back() -> None:
    """A pod that ends after it was ready opens its workload's line again."""
    progress, log = after(f"{WEB}: live", f"{WEB}: 2 of 3 new pods are ready")
    assert log == ["web    0s  live"]
    assert shown(progress, 3) == ["web  2/3 ready    2s"]


def test_an_image_is_built_and_pushed_in_one_line() -> None:
    """Until the log says what it is called."""
    progress, log = after("web | Step 1/2 : FROM x", "web | downloading", "web | pushed 1.0 of 4.0 MB (25 %)")
    assert log == []
    assert shown(progress, 4) == ["web  25 %    4s  pushed 1.0 of 4.0 MB"]
    progress, stay = progress.take("web: r.example/web:1@sha256:1", 5)
    assert [text_of(it) for it in stay] == ["web: r.example/web:1@sha256:1"]
    assert progress.going == ()


def test_where_nothing_has_a_line_the_last_one_counts() -> None:
    """After two seconds of silence, what was said last is shown with the time since."""
    progress, _ = after("rehearsing on the cluster")
    assert shown(progress, 1) == []
    assert shown(progress, 75) == ["… 1m 15s  rehearsing on the cluster"]


def test_no_line_is_wider_than_the_terminal_and_they_are_not_too_many() -> None:
    """However many workloads there are, and whatever they are called."""
    lines = [f"shop Deployment/{'n' * 40}-{it}: waiting for 日本語 {'x' * 90}" for it in range(20)]
    progress, _ = after(*lines)
    for width in (20, 40, 80):
        rows = shown(progress, 90, width, most=5)
        assert len(rows) == 5
        assert all(columns_of(it) <= width for it in rows)
    assert rows[-1] == "… and 16 more"


def test_the_same_name_twice_is_told_apart() -> None:
    """Two namespaces, or two kinds, may have a `web` each."""
    progress, _ = after("a Deployment/web: x", "b Deployment/web: y")
    assert [it.split("  ")[0] for it in shown(progress, 2)] == ["a Deployment/web", "b Deployment/web"]
    assert [text_of(it) for it in progress.end(3)] == [
        "a Deployment/web    3s  x",
        "b Deployment/web    2s  y",
    ]


@pytest.mark.parametrize(("seconds", "said"), [(0.9, "0s"), (59.9, "59s"), (60, "1m 0s"), (3725, "1h 2m")])
def test_how_long(seconds: float, said: str) -> None:
    """In whole seconds, so that a line does not flicker."""
    assert lasted(seconds) == said
