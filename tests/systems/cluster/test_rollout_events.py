"""A rollout whose API server is away or whose connections are dead: no verdict without a look."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headway.domain.objects.identity import ObjectId
from headway.errors import FailedError, TransientError
from headway.systems.cluster import rollout_events as news
from headway.systems.cluster import streams
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.rollout import Rollout, watch_workloads
from tests.servers.kubernetes import CLOSED, SILENT, Answer, KubeServer

JOB = ObjectId("batch", "Job", "shop", "migrate")


def jobs(done: bool) -> Answer:
    """List one Job."""
    item = {
        "metadata": {
            "name": "migrate",
            "namespace": "shop",
            "uid": "u",
            "generation": 1,
            "resourceVersion": "1",
        },
        "spec": {"template": {"spec": {"containers": []}}},
        "status": {"conditions": [{"type": "Complete", "status": "True"}] if done else []},
    }
    return 200, {"metadata": {"resourceVersion": "1"}, "items": [item]}


NOTHING: Answer = (200, {"metadata": {"resourceVersion": "1"}, "items": []})


class Place:
    """A cluster with one Job that has not ended at first; `later` says what is answered after that."""

    def __init__(self, folder: Path) -> None:
        self.server = KubeServer()
        self.listed = set[str]()
        self.later: Callable[[bool], Answer] = lambda watching: SILENT if watching else jobs(False)
        (folder / "kubeconfig").write_text(self.server.kubeconfig)
        self.cluster = Cluster.open("shop", str(folder / "kubeconfig"))
        self.server.mood = self._mood

    def _mood(self, method: str, path: str, body: dict[str, Any]) -> Answer | None:
        kind, watching = path.partition("?")[0], "watch=true" in path
        if not watching and kind not in self.listed:
            self.listed.add(kind)
            answer = jobs(False)
        else:
            answer = self.later(watching)
        return NOTHING if answer[0] == 200 and not kind.endswith("/jobs") else answer

    def watch(self, timeout: float, **more: Any) -> Rollout:
        return watch_workloads(self.cluster, [JOB], {}, timeout=timeout, **more)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    it = Place(tmp_path)
    yield it
    it.server.close()
    it.cluster.close()


def answers(watching: bool) -> Answer:
    return SILENT if watching else jobs(True)


def test_a_connection_that_died_silently_is_noticed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the open connections are dead: a new one sees that the rollout is done."""
    monkeypatch.setattr(streams, "_SILENCE", 0.2)
    place.later = answers
    rollout = place.watch(600.0)
    assert rollout.live


def test_no_time_is_up_without_a_look(place: Place) -> None:
    """Nothing was heard until the end: the last look decides."""
    place.later = answers
    assert place.watch(0.3).live


def test_what_a_last_look_finds_unready_has_failed(place: Place) -> None:
    """The look shows that the time was not enough."""
    rollout = place.watch(0.3)
    assert not rollout.live
    assert "not live after 0.3 s" in rollout.cause.text


@pytest.mark.slow
def test_time_without_sight_does_not_count(place: Place) -> None:
    """The API server is away for longer than the rollout may take, then the rollout goes on and ends well."""
    began = time.monotonic()
    lines: list[str] = []

    def later(watching: bool) -> Answer:
        if time.monotonic() - began < 2.5:
            return CLOSED
        return answers(watching)

    place.later = later
    rollout = place.watch(1.0, on_progress=lines.append)
    assert rollout.live
    assert any("does not answer" in it for it in lines)
    assert any("answers again" in it for it in lines)


def test_who_sees_nothing_for_long_gives_no_verdict(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The release stays unfinished."""
    monkeypatch.setattr(news, "BLIND_LIMIT", 0.5)
    place.later = lambda watching: CLOSED
    with pytest.raises(TransientError, match="has not been seen for"):
        place.watch(1.0)


def test_what_the_other_thread_meets_reaches_the_caller(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    """An error while it is asked whether to stop ends the watch with that error, and no traceback."""

    def stop() -> bool:
        raise ValueError("odd")

    with pytest.raises(FailedError, match="unexpected ValueError: odd"):
        place.watch(600.0, stop=stop)
    assert "Traceback" not in capfd.readouterr().err


def test_who_may_no_longer_look_gives_no_verdict(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that ends during a rollout says nothing about it."""
    monkeypatch.setattr(streams, "_SILENCE", 0.2)
    place.later = lambda watching: (401, {"kind": "Status", "message": "Unauthorized"})
    with pytest.raises(FailedError, match="does not accept the credentials"):
        place.watch(600.0)
