"""A pod in the drawer: a table of what the kubelet says, and what is shown of it."""

from __future__ import annotations

from typing import Any

import pytest

from headway.domain.board.pods import LINE, TEXT, Pod, event_line, pod_of, tail, worst_first

RUNNING = {"running": {"startedAt": "2026-11-27T10:00:00Z"}}


def pod(
    *containers: dict[str, Any], phase: str = "Running", ready: bool = True, **meta: object
) -> dict[str, Any]:
    made = [{"name": f"c{at}", "restartCount": 0, **it} for at, it in enumerate(containers)]
    return {
        "metadata": {"name": "web-1", "uid": "u", "creationTimestamp": "2026-11-27T10:00:00Z", **meta},
        "spec": {"containers": [{"name": it["name"]} for it in made]},
        "status": {
            "phase": phase,
            "containerStatuses": made,
            "conditions": [
                {"type": "Ready", "status": "True" if ready else "False", "message": "no node fits"}
            ],
        },
    }


def waiting(reason: str, restarts: int = 0) -> dict[str, Any]:
    return {
        "ready": False,
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason, "message": f"about\n {reason}"}},
    }


WELL = {"ready": True, "state": RUNNING}


@pytest.mark.parametrize(
    ("label", "item", "word", "ready", "is_well", "container", "crashed"),
    [
        ("all is well", pod(WELL), "Running", "1/1", True, "c0", False),
        ("the second container crashes", pod(WELL, waiting("CrashLoopBackOff", 3), ready=False), "CrashLoopBackOff", "1/2", False, "c1", True),
        ("an image that is not there", pod(waiting("ErrImagePull"), ready=False), "ErrImagePull", "0/1", False, "c0", False),
        ("it has ended with an error", pod({"ready": False, "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}, ready=False), "OOMKilled", "0/1", False, "c0", False),
        ("it has ended well", pod({"ready": False, "state": {"terminated": {"exitCode": 0}}}, phase="Succeeded", ready=False), "Succeeded", "0/1", True, "c0", False),
        ("its probe fails", pod({"ready": False, "state": RUNNING}, ready=False), "Not ready", "0/1", False, "c0", False),
        ("no node takes it", pod(phase="Pending", ready=False), "Pending", "0/0", False, "", False),
        ("it starts", pod(waiting("ContainerCreating"), phase="Pending", ready=False), "Pending", "0/1", False, "c0", False),
        ("it is being deleted", pod(WELL, deletionTimestamp="2026-11-27T10:00:00Z"), "Terminating", "1/1", False, "c0", False),
        ("nothing is known of it", {}, "Unknown", "0/0", False, "", False),
    ],
)  # fmt: skip
def test_a_pod(
    label: str, item: dict[str, Any], word: str, ready: str, is_well: bool, container: str, crashed: bool
) -> None:
    found = pod_of(item)
    assert (found.word, found.ready, found.is_well, found.container, found.crashed) == (
        word, ready, is_well, container, crashed,
    ), label  # fmt: skip


def test_what_is_wrong_is_said_in_one_line() -> None:
    assert pod_of(pod(waiting("ErrImagePull"), ready=False)).message == "about ErrImagePull"
    assert pod_of(pod(phase="Pending", ready=False)).message == "no node fits"


def test_those_that_are_not_well_come_first_and_of_them_the_newest() -> None:
    made = [
        pod_of({**pod(WELL), "metadata": {"name": "old"}}),
        pod_of(pod(waiting("ErrImagePull"), ready=False, name="sick")),
        pod_of(pod(WELL, name="new")),
    ]
    assert [it.name for it in worst_first(made)] == ["sick", "new", "old"]


def test_a_log_s_end_is_bounded() -> None:
    """Long lines are cut; of what is too much the end stays."""
    assert tail(["a", "b"]) == ("a", "b")
    assert tail(["x" * 5000])[0] == "x" * LINE + "…"
    found = tail([f"{at:05} {'x' * 300}" for at in range(1000)])
    assert sum(map(len, found)) <= TEXT
    assert found[-1].startswith("00999")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"reason": "BackOff", "message": "Back-off\nrestarting", "count": 7}, "BackOff (7 times): Back-off restarting"),
        ({"reason": "Pulled", "message": "ok"}, "Pulled: ok"),
        ({"reason": "Failed", "message": "x", "series": {"count": 2}}, "Failed (2 times): x"),
        ({}, "?: "),
    ],
)  # fmt: skip
def test_an_event(event: dict[str, Any], said: str) -> None:
    assert event_line(event) == said


def test_nothing_breaks_on_odd_pods() -> None:
    found = pod_of(
        {
            "metadata": {"name": "x", "creationTimestamp": "yesterday"},
            "status": {"phase": "Failed", "reason": "Evicted"},
        }
    )
    assert found == Pod("x", "", "Evicted", "0/0", 0, False)
