"""The endpoint for push events, through a real server on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from headway.domain.events import Event, ImagePushed
from headway.errors import UsageError
from headway.web.app import make_app
from headway.web.bursts import Bursts
from headway.web.protocol import Guarded

SECRET = "s3cret"
BODY = json.dumps({"image": "localhost:5000/shop/web:1.2"}).encode()


class Impatient(Guarded):
    """Takes twenty connections, and waits a second for a head."""

    most, header_seconds = 20, 1.0


class Served:
    """A running endpoint and what it was told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        app = make_app(self.events.extend, SECRET, body_limit=2000)
        self.server = uvicorn.Server(
            uvicorn.Config(
                app, host="127.0.0.1", port=0, log_level="error", timeout_keep_alive=1, http=Impatient
            )
        )
        self.socket = self.server.config.bind_socket()
        self.socket.listen(100)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()

    def post(self, path: str, body: bytes = BODY, **headers: str) -> tuple[int, Any]:
        """Post a body; return status and JSON."""
        return self.ask("POST", path, body, **headers)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        """Ask for anything."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {name.replace("_", "-"): it for name, it in headers.items()})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        try:
            return answer.status, json.loads(data or b"null")
        except ValueError:
            return answer.status, data.decode()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """An endpoint."""
    made = Served()
    yield made
    made.server.should_exit = True
    made.thread.join()


def sign(body: bytes) -> str:
    """Sign a body."""
    return "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def test_an_event_is_taken(served: Served) -> None:
    """Signed and understood: 202, and it is passed on."""
    served.events.clear()
    assert served.post("/hooks/generic", x_headway_signature=sign(BODY)) == (202, {"events": 1})
    assert served.events == [ImagePushed("localhost:5000/shop/web", "1.2")]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "said"),
    [
        ("/hooks/generic", BODY, {}, 401, "signature or token is missing or wrong"),
        ("/hooks/generic", BODY, {"authorization": "Bearer no"}, 401, "missing or wrong"),
        ("/hooks/github", BODY, {"authorization": f"Bearer {SECRET}"}, 401, "missing or wrong"),
        ("/hooks/nobody", BODY, {"authorization": f"Bearer {SECRET}"}, 404, "no sender 'nobody'"),
        ("/hooks/generic", b"{", {"authorization": f"Bearer {SECRET}"}, 400, "not JSON"),
        (
            "/hooks/generic",
            b"{}",
            {"authorization": f"Bearer {SECRET}"},
            400,
            "image, images or git is missing",
        ),
        ("/hooks/generic", b"x" * 3000, {"authorization": f"Bearer {SECRET}"}, 413, "at most 2000 bytes"),
    ],
)
def test_what_is_refused(
    served: Served, path: str, body: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    """Each with its status and a sentence, and nothing is passed on."""
    served.events.clear()
    code, answer = served.post(path, body, **headers)
    assert (code, said in answer["error"]) == (status, True), answer
    assert served.events == []


def test_a_length_that_lies_does_not_pass(served: Served) -> None:
    """A body without a length, in chunks, is counted as it comes."""
    with socket.create_connection(("127.0.0.1", served.port), 30) as connection:
        head = f"POST /hooks/generic HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(
            head.encode() + b"3e8\r\n" + b"x" * 1000 + b"\r\n" + b"7d0\r\n" + b"x" * 2000 + b"\r\n"
        )
        assert b" 413 " in connection.recv(1000)


def test_other_methods_and_pages(served: Served) -> None:
    """GET on a hook is 405; health and a word about itself are there; a CloudEvents handshake is answered."""
    assert served.ask("GET", "/hooks/generic")[0] == 405
    assert served.ask("GET", "/healthz") == (200, "ok\n")
    assert "generic" in served.ask("GET", "/")[1]
    assert served.ask("OPTIONS", "/hooks/acr", webhook_request_origin="eventgrid.azure.net")[0] == 200


def test_it_is_not_made_without_a_secret() -> None:
    """An endpoint that believes everybody must be asked for."""
    with pytest.raises(UsageError):
        make_app(print, "")


def test_a_burst_becomes_one_look() -> None:
    """Two hundred posts of four events, replays included, are one look that is about all four."""
    looks: list[frozenset[Event]] = []
    bursts: Bursts[Event] = Bursts(looks.append, quiet=60, longest=60)
    bodies = [json.dumps({"image": f"a.b/web:{number % 4}"}).encode() for number in range(200)]
    original = list.extend

    class Sink(list):  # type: ignore[type-arg]
        def extend(self, events: Any) -> None:
            original(self, events)
            bursts.add(events)

    app = make_app(Sink().extend, SECRET)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_keep_alive=1, http=Guarded)
    )
    listening = server.config.bind_socket()
    listening.listen(100)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=30)
    for body in bodies:
        connection.request("POST", "/hooks/generic", body, {"Authorization": f"Bearer {SECRET}"})
        assert connection.getresponse().read()
    connection.close()
    bursts.close()
    server.should_exit = True
    thread.join()
    assert looks == [frozenset(ImagePushed("a.b/web", str(number)) for number in range(4))]


def test_looks_never_overlap_and_what_comes_meanwhile_is_one_more() -> None:
    """While one look works, everything that comes is one next look."""
    entered, leave = threading.Event(), threading.Event()
    looks: list[frozenset[str]] = []

    def work(events: frozenset[str]) -> None:
        looks.append(events)
        entered.set()
        leave.wait(30)

    bursts: Bursts[str] = Bursts(work, quiet=0.001)
    bursts.add(["a"])
    assert entered.wait(30)
    for name in "bcdb":
        bursts.add([name])
    leave.set()
    bursts.close()
    assert looks == [frozenset("a"), frozenset("bcd")]


def test_an_error_loses_no_event() -> None:
    """What a look that broke was about is taken along once more, and not for ever."""
    looks: list[frozenset[str]] = []
    twice = threading.Event()

    def work(events: frozenset[str]) -> None:
        looks.append(events)
        if len(looks) == 2:
            twice.set()
        raise ValueError("broken")

    bursts: Bursts[str] = Bursts(work, quiet=0.001)
    bursts.add(["a"])
    assert twice.wait(30)
    bursts.close()
    assert looks == [frozenset("a"), frozenset("a")]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1900,
        b'{"a":' * 300,
        b'"\\ud800"',
        b"1e999",
        b"9" * 1900,
        b"\xff\xfe",
        b"NaN",
        b"null",
        b'{"image": "\\udfff"}',
        b"",
    ],
    ids=lambda it: repr(it[:8]),
)
@pytest.mark.parametrize("sender", ["generic", "github", "distribution"])
def test_no_body_breaks_the_endpoint(served: Served, sender: str, body: bytes) -> None:
    """Whoever knows the secret may still send nonsense: it gets an answer that says so, and the next one is taken."""
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X_Hub_Signature_256": f"sha256={signature}", "Authorization": f"Bearer {SECRET}"}
    status, _ = served.post(f"/hooks/{sender}", body, **headers)
    assert status in (200, 202, 400, 401, 404)
    assert served.ask("GET", "/healthz")[0] == 200


def test_a_signature_that_is_no_ascii_is_wrong(served: Served) -> None:
    """It is refused like any other."""
    status, _ = served.post("/hooks/github", BODY, X_Hub_Signature_256="sha256=\xe4\xff")
    assert status == 401


def test_requests_that_never_end_hold_nothing(served: Served) -> None:
    """Half-sent heads are closed after a while, and more connections than may be open at once."""
    half = [socket.create_connection(("127.0.0.1", served.port), timeout=30) for _ in range(40)]
    for each in half:
        with contextlib.suppress(OSError):
            each.sendall(b"POST /hooks/generic HTTP/1.1\r\nHost: x\r\n")
    for each in half:
        with contextlib.suppress(ConnectionError):
            assert each.recv(1) == b""
        each.close()
    assert served.ask("GET", "/healthz")[0] == 200
