"""Many registries at once: none waits for one that hangs, and one that answers is not cut off."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.domain.images.reference import ImageRef
from headway.systems.registry import client as registry_module
from headway.systems.registry import http as registry_http
from headway.systems.registry import scan as registry_scan
from headway.systems.registry.client import RegistryBusy, RegistryClient
from headway.systems.registry.facts import FactStore
from tests.servers.registry import FakeRegistry


class Hanging(FakeRegistry):
    """A registry that takes every question and answers none until it is let go."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.let_go = threading.Event()
        self.mood = lambda path: self.let_go.wait() and None

    def close(self) -> None:
        """End it."""
        self.let_go.set()
        super().close()


@pytest.fixture
def hanging() -> Iterator[list[Hanging]]:
    """Two registries that hang."""
    made = [Hanging(), Hanging()]
    yield made
    for each in made:
        each.close()


@pytest.mark.slow
def test_registries_that_hang_delay_no_other(
    registry: FakeRegistry, client: RegistryClient, hanging: list[Hanging], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many they are: the healthy one's answers are there, dead ones say so, the others are left."""
    # Only what it does about those that hang can end this look.
    monkeypatch.setattr(client, "_scan", _forever(client._scan))
    registry.tag("r", "1")
    dead = ImageRef("127.0.0.1:1", "gone")
    found = client.scan_tags([*(it.ref("r") for it in hanging), dead, registry.ref("r")])
    assert found[registry.ref("r").name] == ["1"]
    assert "does not answer" in str(found[dead.name])
    for each in hanging:
        assert "is slow" in str(found[each.ref("r").name])


def _forever(scan: object) -> object:
    def without_end(*arguments: object) -> object:
        return scan(*arguments, seconds=3600.0)  # type: ignore[operator]

    return without_end


@pytest.mark.slow
def test_a_registry_that_rides_out_a_pause_is_not_cut_off(
    registry: FakeRegistry, client: RegistryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause that it asked for, and that ends in time, is no silence: a fast one beside it waits."""
    monkeypatch.setattr(registry_scan, "GRACE", 1.0)
    tired = FakeRegistry()
    answers = [429]
    tired.mood = lambda path: (answers.pop(), {"Retry-After": "2"}) if answers else None
    registry.tag("r", "1")
    for number in range(5):
        tired.tag(f"r{number}", "1")
    found = client.scan_tags([registry.ref("r"), *(tired.ref(f"r{number}") for number in range(5))])
    tired.close()
    assert list(found.values()) == [["1"]] * 6


@pytest.mark.slow
def test_a_registry_that_answers_slowly_is_not_cut_off(
    registry: FakeRegistry, client: RegistryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it answers something every moment, all its answers are waited for."""
    monkeypatch.setattr(registry_scan, "GRACE", 1.0)
    slow, turn = FakeRegistry(), threading.Lock()

    def one_by_one(path: str) -> None:
        with turn:
            threading.Event().wait(0.15)

    slow.mood = one_by_one
    registry.tag("r", "1")
    for number in range(15):
        slow.tag(f"r{number}", "1")
    found = client.scan_tags([registry.ref("r"), *(slow.ref(f"r{number}") for number in range(15))])
    slow.close()
    assert list(found.values()) == [["1"]] * 16


def test_what_was_left_out_comes_first_the_next_time(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that bears thirty questions a look has answered all seventy after three, also across processes."""
    monkeypatch.setattr(registry_http, "AT_ONCE", 1)
    names = [f"r{number}" for number in range(70)]
    for name in names:
        registry.tag(name, "1")
    asked: list[str] = []

    def thirty_a_look(path: str) -> tuple[int, dict[str, str]] | None:
        asked.append(path)
        return None if len(asked) <= 30 else (429, {"Retry-After": "7200"})

    registry.mood = thirty_a_look
    seen: set[str] = set()
    for expected in (30, 60, 70):
        asked.clear()
        store = FactStore(tmp_path / "facts")
        with RegistryClient(str(tmp_path), store) as client:
            found = client.scan_tags(map(registry.ref, names))
        assert len(found) == 70
        seen |= {name for name, tags in found.items() if tags == ["1"]}
        assert len(seen) == expected
        # The pause ends.
        store._cache.use(lambda database: database.execute("DELETE FROM paces") and database.commit())
        store.close()
    registry.mood = lambda path: None
    with RegistryClient(str(tmp_path), FactStore(tmp_path / "facts")) as client:
        client.scan_tags(map(registry.ref, names))
    assert FactStore(tmp_path / "facts").left_out() == [], "who was answered is in no queue"


def test_only_registries_that_hang(
    client: RegistryClient, hanging: list[Hanging], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody has answers to wait with, what hangs has all the time of a look."""
    monkeypatch.setattr(registry_scan, "GRACE", 0.0)
    slow = hanging[0]
    slow.tag("r", "1")
    threading.Timer(0.5, slow.let_go.set).start()
    found = client.scan_tags([slow.ref("r")])
    assert found == {slow.ref("r").name: ["1"]}


_COMMAND = """
import sys
from headway.domain.images.reference import ImageRef
from headway.systems.registry import scan as registry_scan
from headway.systems.registry import wire as registry_wire
from headway.systems.registry.client import RegistryClient
# Nothing but its own end can end a question here.
registry_wire.READ = 3600.0
registry_scan.GRACE = 0.3
with RegistryClient("/nonexistent") as client:
    found = client.scan_tags([ImageRef(host, "r") for host in sys.argv[1:]])
print([type(it).__name__ for it in found.values()])
"""


def test_a_command_ends_though_a_registry_hangs(registry: FakeRegistry, hanging: list[Hanging]) -> None:
    """A process that has its answers does not stay for the threads that have none."""
    registry.tag("r", "1")
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, registry.host, hanging[0].host],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "['list', 'RegistryBusy']\n"
    assert hanging[0].asked
    assert not hanging[0].let_go.is_set()


def test_a_closed_client_asks_no_more(registry: FakeRegistry, client: RegistryClient) -> None:
    """What waits for its turn when the client is closed is told so, and asks nothing."""
    asked = client._registry(registry.host)
    asked.pace.slow_down(50.0)
    failed: list[object] = []

    def ask() -> None:
        with pytest.raises(RegistryBusy, match="was closed") as caught:
            asked.ask("GET", "/v2/", "")
        failed.append(caught.value)

    waiting = threading.Thread(target=ask)
    waiting.start()
    client.close()
    waiting.join()
    assert failed
    assert not registry.asked


class Dripping:
    """A server that answers every question byte by byte, and comes to no end."""

    def __init__(self, head: bytes) -> None:
        self.stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._head = head
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection = self._socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.sendall(self._head)
            while not self.stop.wait(0.02):
                connection.sendall(b"x")

    def close(self) -> None:
        """End it."""
        self.stop.set()
        self._socket.close()


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Long: "],
    ids=["in the body", "in a header"],
)
@pytest.mark.slow
def test_a_registry_that_drips(client: RegistryClient, monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    """Each byte comes in time and the answer never does: a question has an end of its own."""
    monkeypatch.setattr(registry_module, "SINGLE", 0.5)
    server = Dripping(head)
    try:
        for ask in (client.resolve, client.tags, client.exists):
            with pytest.raises(RegistryBusy):
                ask(ImageRef(server.host, "r", "1"))
        with pytest.raises(RegistryBusy):
            client.check(server.host)
        assert not server.stop.is_set()
    finally:
        server.close()
