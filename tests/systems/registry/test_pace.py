"""How fast registries are asked: what they say of it holds for all processes, and is waited out where there is time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from headway.errors import FailedError
from headway.systems.registry import client as registry_module
from headway.systems.registry import http as registry_http
from headway.systems.registry import pace as registry_pace
from headway.systems.registry.client import RegistryBusy, RegistryClient
from headway.systems.registry.facts import FactStore, Slowed
from headway.systems.registry.pace import Pace
from tests.servers.registry import FakeRegistry


@pytest.mark.slow
def test_too_many_requests_are_ridden_out(registry: FakeRegistry, client: RegistryClient) -> None:
    """A registry that says 429 is left alone for as long as it says, then asked more slowly; all answers come."""
    began = time.monotonic()
    refused: list[float] = []

    def tired(path: str) -> tuple[int, dict[str, str]] | None:
        if len(registry.asked) > 10 and time.monotonic() - began < 1.2:
            refused.append(time.monotonic())
            return 429, {"Retry-After": "1"}
        return None

    registry.mood = tired
    for number in range(60):
        registry.tag(f"r{number}", "1")
    found = client.scan_tags(registry.ref(f"r{number}") for number in range(60))
    assert list(found.values()) == [["1"]] * 60
    assert refused
    assert len(registry.asked) <= 60 + 2 * 20, "at most what was under way is asked twice"


@pytest.mark.parametrize("header", ["date", "nonsense", ""])
def test_every_form_of_retry_after(registry: FakeRegistry, client: RegistryClient, header: str) -> None:
    """Seconds, an HTTP date, nonsense or none: it waits, and then it comes."""
    answers = [429]
    when = (
        format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True) if header == "date" else header
    )
    registry.mood = lambda path: (answers.pop(), {"Retry-After": when} if when else {}) if answers else None
    registry.tag("r", "1")
    assert client.scan_tags([registry.ref("r")]) == {registry.ref("r").name: ["1"]}


def test_a_long_pause_holds_for_every_process(registry: FakeRegistry, tmp_path: Path) -> None:
    """A registry that says an hour is asked nothing for an hour, by nobody here, and the error says until when."""
    registry.tag("r", "1")
    registry.mood = lambda path: (429, {"Retry-After": "3600"})
    file = tmp_path / "facts"
    with RegistryClient(str(tmp_path), FactStore(file)) as client:
        first = client.scan_tags([registry.ref("r")])[registry.ref("r").name]
    registry.mood = lambda path: None
    asked = len(registry.asked)
    for _ in range(2):
        with RegistryClient(str(tmp_path), FactStore(file)) as client:
            then = client.scan_tags([registry.ref("r")])[registry.ref("r").name]
            with pytest.raises(RegistryBusy, match="headway tries again at"):
                client.resolve(registry.ref("r", "1"))
    assert asked == len(registry.asked) == 1
    for said in (first, then):
        assert isinstance(said, RegistryBusy)
        when = datetime.fromisoformat(str(said).rpartition("headway tries again at ")[2])
        assert timedelta(minutes=58) < when - datetime.now(UTC) < timedelta(minutes=62)
        assert said.retry_after is None, "or whoever tries again by himself waits for it"


def test_a_process_that_runs_learns_of_a_pause(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one process is told another one that is running already knows at its next question."""
    monkeypatch.setattr(registry_pace, "READ_AGAIN", 0.0)
    registry.tag("r", "1")
    with (
        RegistryClient(str(tmp_path), FactStore(tmp_path / "facts")) as long,
        RegistryClient(str(tmp_path), FactStore(tmp_path / "facts")) as short,
    ):
        assert long.tags(registry.ref("r")) == ["1"]
        registry.mood = lambda path: (429, {"Retry-After": "3600"})
        with pytest.raises(RegistryBusy):
            short.tags(registry.ref("r"))
        asked = len(registry.asked)
        with pytest.raises(RegistryBusy, match="headway tries again at"):
            long.tags(registry.ref("r"))
    assert len(registry.asked) == asked


def test_a_person_does_not_wait_for_a_pause(registry: FakeRegistry, client: RegistryClient) -> None:
    """Whether old images are still there is not waited for: in a pause that is longer than a moment, nobody asks."""
    digest = registry.tag("r", "1")
    image = registry.ref("r", "1").pinned(None, digest)
    assert client.missing([image]) == []
    registry.mood = lambda path: (429, {"Retry-After": "40"})
    for _ in range(2):
        with pytest.raises(RegistryBusy, match="headway tries again at"):
            client.missing([image])
        with pytest.raises(RegistryBusy, match="headway tries again at"):
            client.resolve(image, briefly=True)
    assert len(registry.asked) == 2


def test_the_pace_outlives_its_process(tmp_path: Path) -> None:
    """The next run begins as slowly as the last one had to go, and not at full speed."""
    store = FactStore(tmp_path / "facts")
    now = time.time()
    store.slow("r", Slowed(closed_until=now - 1, rate=4.0, since=now - 1))
    pace = Pace("r", FactStore(tmp_path / "facts"))
    far = time.monotonic() + 60
    turns = [pace.turn(far) for _ in range(5)]
    assert turns == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0], abs=0.1)
    assert Pace("another", FactStore(tmp_path / "facts")).turn(far) == 0.0


def test_the_pace_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without another 429 it gets faster step by step, for all, and in the end has no limit."""
    monkeypatch.setattr(registry_pace, "RECOVERY", -1.0)
    store = FactStore(tmp_path / "facts")
    store.slow("r", Slowed(time.time() - 1, 500.0, time.time() - 1))
    pace, far = Pace("r", store), time.monotonic() + 60
    rates = []
    for _ in range(4):
        pace.turn(far)
        kept = store.pace("r")
        assert kept is not None
        rates.append(kept.rate)
    assert rates == [625.0, 781.25, 976.5625, 0.0]


@pytest.mark.parametrize(
    "told", [Slowed(4e9, 2.0, 4e9), Slowed(float("inf"), 2.0, float("inf")), Slowed(0, -5, 0)]
)
def test_nonsense_in_the_store(tmp_path: Path, told: Slowed) -> None:
    """A clock that was wrong once closes no registry for years."""
    store = FactStore(tmp_path / "facts")
    store.slow("r", told)
    assert Pace("r", store).turn(time.monotonic() + 1) == 0.0


def test_who_has_no_time_takes_no_turn() -> None:
    """Questions that are given up do not push back those that come after them."""
    pace = Pace("r")
    pace.slow_down(0.0)
    now = time.monotonic()
    turns = [pace.turn(now + 2.5) for _ in range(100)]
    assert sum(it is not None for it in turns) == 3
    assert (pace.turn(now + 60) or 0) < 4


def test_a_pause_without_measure_is_cut_off(
    registry: FakeRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A Retry-After of thirty years is a mistake: an hour is waited, for every process, and it is told."""
    registry.mood = lambda path: (429, {"Retry-After": "1000000000"})
    for _ in range(2):
        with RegistryClient(str(tmp_path), FactStore(tmp_path / "facts")) as client:
            with pytest.raises(RegistryBusy) as told:
                client.tags(registry.ref("r"))
            when = datetime.fromisoformat(str(told.value).rpartition("headway tries again at ")[2])
            assert when - datetime.now(UTC) < timedelta(minutes=62)
    assert len(registry.asked) == 1
    assert "asks for a pause of 1000000000 s; headway tries again after 3600 s" in caplog.text


@pytest.mark.slow
def test_a_registry_that_refuses_for_ever_is_reported_and_given_up(
    registry: FakeRegistry,
    client: RegistryClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who waits sees a line that says for what, and the end is no error that is tried again."""
    monkeypatch.setattr(registry_module, "SINGLE", 2.5)
    monkeypatch.setattr(registry_http, "PROGRESS", 0.0)
    registry.mood = lambda path: (429, {"Retry-After": "0"})
    with pytest.raises(FailedError, match="too many \\(429\\) all the time"):
        client.resolve(registry.ref("r", "1"))
    assert "refuses questions as too many (429); it is asked again for at most" in caplog.text
