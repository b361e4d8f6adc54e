"""Talking to an API server that is in trouble, and to none at all."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from headway.errors import FailedError, HeadwayError, TransientError, UsageError
from headway.systems.cluster.client import ApiRefused, Cluster
from tests.servers.http import BREAK, HttpServer, Listener

CONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: s3cret-token}}}}]
contexts: [{{name: shop, context: {{cluster: c, user: u}}}}, {{name: other, context: {{cluster: c, user: u}}}}]
current-context: shop
"""


class Api:
    """An HTTP server that gives prepared answers, one after the other, and then 200 for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], dict[str, Any] | bytes]] = []
        self.asked: list[tuple[str, str, str]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
                code, headers, body = api.answers.pop(0) if api.answers else (200, {}, {"ok": True})
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(code)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_PATCH = do_POST = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                return

        self.server = Listener(Handler)
        self.port = self.server.server_port

    def says(self, code: int, message: str = "", reason: str = "", **headers: str) -> None:
        """Prepare an answer as the API server words its errors."""
        self.answers.append((code, headers, {"kind": "Status", "message": message, "reason": reason}))


@pytest.fixture
def api() -> Iterator[Api]:
    it = Api()
    yield it
    it.server.close()


@pytest.fixture
def cluster(api: Api, tmp_path: Path) -> Iterator[Cluster]:
    file = tmp_path / "config"
    file.write_text(CONFIG.format(port=api.port))
    it = Cluster.open("shop", str(file))
    yield it
    it.close()


@pytest.mark.parametrize("code", [409, 429, 500, 502, 503, 504])
def test_trouble_that_passes_is_not_noticed(api: Api, cluster: Cluster, code: int) -> None:
    """A conflict, a busy server or one that is just starting is asked again."""
    api.says(code, "a moment please")
    assert json.loads(cluster.send("PATCH", "/x", body=b"{}")) == {"ok": True}
    assert len(api.asked) == 2


def test_trouble_that_stays_is_worth_another_try_later(api: Api, cluster: Cluster) -> None:
    """After a few tries the caller is told, in the server's words."""
    for _ in range(2):
        api.says(503, "etcd is away")
    with pytest.raises(TransientError, match="etcd is away"):
        cluster.send("GET", "/x", attempts=2)


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        (422, "spec.replicas: must be greater than or equal to 0", "Invalid"),
        (400, "strict decoding error", "BadRequest"),
        (409, 'namespaces "a" already exists', "AlreadyExists"),
        (500, "failed to create typed patch object (a): .x: field not declared in schema", ""),
        (500, "failed to create typed patch object (a): .data.x: expected string, got &value", ""),
    ],
)
def test_a_refusal_is_not_asked_again(
    api: Api, cluster: Cluster, code: int, message: str, reason: str
) -> None:
    """What stays wrong is said at once, also where the server calls it its own error."""
    api.says(code, message, reason)
    with pytest.raises(ApiRefused) as caught:
        cluster.send("PATCH", "/x", body=b"{}")
    assert (caught.value.code, caught.value.said) == (code, message)
    assert len(api.asked) == 1


def test_what_is_not_there_is_none(api: Api, cluster: Cluster) -> None:
    """Absence is an answer and no error."""
    api.says(404, "not found", "NotFound")
    assert cluster.get("/x") is None


def test_wrong_credentials_are_named_and_never_shown(api: Api, cluster: Cluster) -> None:
    """The message says where and what to do; the token is in no message and no repr."""
    api.says(401, "Unauthorized")
    api.says(401, "Unauthorized")
    with pytest.raises(FailedError) as caught:
        cluster.get("/version")
    assert "context shop" in caught.value.message
    assert caught.value.hint
    assert "s3cret" not in f"{caught.value}{cluster!r}"
    assert [it[2] for it in api.asked] == ["Bearer s3cret-token"] * 2


def test_a_missing_right_is_reported_in_the_server_s_words(api: Api, cluster: Cluster) -> None:
    """Verb, resource and user are what an administrator needs to know."""
    said = 'secrets is forbidden: User "u" cannot list resource "secrets" in the namespace "a"'
    api.says(403, said, "Forbidden")
    with pytest.raises(FailedError) as caught:
        cluster.get("/api/v1/namespaces/a/secrets")
    assert said in caught.value.message
    assert "RBAC" in caught.value.hint


def test_a_secret_s_value_in_the_server_s_words_is_left_out(api: Api, cluster: Cluster) -> None:
    """The API server quotes what it cannot read."""
    said = "failed to create typed patch object: .data.x: expected string, got &value.valueUnstructured{Value:hunter2}"
    api.says(500, said)
    with pytest.raises(FailedError) as caught:
        cluster.send("PATCH", "/api/v1/namespaces/a/secrets/x", body=b"{}")
    assert "hunter2" not in str(caught.value)
    assert "expected string" in str(caught.value)


def test_nobody_there_is_worth_another_try(tmp_path: Path) -> None:
    """A cluster that is down is named with its address and what to look at."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        (tmp_path / "config").write_text(CONFIG.format(port=port))
        cluster = Cluster.open("shop", str(tmp_path / "config"))
        with pytest.raises(TransientError) as caught:
            cluster.send("GET", "/version", attempts=1)
    assert f"127.0.0.1:{port} cannot be reached" in caught.value.message
    assert caught.value.hint


def test_a_connection_that_breaks_is_told_in_words(tmp_path: Path) -> None:
    """What went wrong, and not the exception as Python writes it."""
    server = HttpServer()
    server.answers.append((BREAK, {}, {}))
    (tmp_path / "config").write_text(CONFIG.format(port=server.url.rpartition(":")[2]))
    with pytest.raises(TransientError) as caught:
        Cluster.open("shop", str(tmp_path / "config")).send("GET", "/version", attempts=1)
    server.close()
    assert caught.value.message.endswith("cannot be reached: Remote end closed connection without response")


def test_an_unknown_context_names_those_there_are(tmp_path: Path) -> None:
    """A misspelt context is corrected without opening the file."""
    (tmp_path / "config").write_text(CONFIG.format(port=1))
    with pytest.raises(UsageError) as caught:
        Cluster.open("shpo", str(tmp_path / "config"))
    assert "'shpo'" in caught.value.message
    assert caught.value.hint == "the contexts there are: other, shop"


@pytest.mark.parametrize("text", ["", "[]", "{", "contexts: 5", "current-context: shop", "contexts: [{}]"])
def test_a_file_that_is_no_kubeconfig_is_one_clear_error(tmp_path: Path, text: str) -> None:
    """Whatever stands in the file, the answer is a sentence and no traceback."""
    (tmp_path / "config").write_text(text)
    with pytest.raises(UsageError):
        Cluster.open("shop", str(tmp_path / "config"))


def test_a_missing_kubeconfig_says_how_to_name_one(tmp_path: Path) -> None:
    """The path is told, and the setting that changes it."""
    with pytest.raises(UsageError, match="nowhere") as caught:
        Cluster.open(None, str(tmp_path / "nowhere"))
    assert "HEADWAY_KUBECONFIG" in caught.value.hint


def test_a_refusal_does_not_repeat_the_values_of_the_secret_that_was_sent(api: Api, cluster: Cluster) -> None:
    api.says(422, 'admission webhook "pw.example" denied the request: hunter2 is too weak', "Invalid")
    body = json.dumps({"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "hunter2"}}).encode()
    with pytest.raises(ApiRefused) as refused:
        cluster.send("PATCH", "/api/v1/namespaces/shop/secrets/s", body=body)
    error = refused.value
    assert "hunter2" not in f"{error}{error.message}{error.said}{error.hint}"
    assert "pw.example" in error.message


BASE64 = "failed to convert new object: error decoding from json: illegal base64 data at input byte 0"
PAGE = b"<html><title>Log in</title></html>"


def test_an_error_that_repeats_while_the_server_is_well_is_a_verdict(api: Api, cluster: Cluster) -> None:
    """The server answers 500 to what it cannot decode: with the same words, for ever."""
    for _ in range(3):
        api.says(500, BASE64)
    with pytest.raises(ApiRefused, match="illegal base64") as caught:
        cluster.send("PATCH", "/x", body=b"{}", attempts=3)
    assert caught.value.verdict
    assert api.asked[-1][1] == "/readyz"


@pytest.mark.parametrize(
    "answers",
    [
        [(500, BASE64), (500, BASE64), (500, "another error")],
        [(503, "starting"), (500, BASE64), (500, BASE64)],
        [(500, BASE64)] * 3 + [(503, "not ready")],
        [(500, "failed calling webhook w: connection refused")] * 3,
    ],
    ids=["other words", "another status", "not ready", "a webhook is away"],
)
def test_an_error_that_may_pass_is_no_verdict(
    api: Api, cluster: Cluster, answers: list[tuple[int, str]]
) -> None:
    """Only the same words each time, from a server that calls itself ready, are about the object."""
    for code, said in answers:
        api.says(code, said)
    with pytest.raises(TransientError):
        cluster.send("PATCH", "/x", body=b"{}", attempts=3)


@pytest.mark.parametrize("code", [200, 404])
@pytest.mark.parametrize(
    "body", [PAGE, b"{}", b"[]", b"", b"[" * 100_000, b"null", b'"x"'], ids=lambda it: repr(it[:9])
)
def test_what_is_no_answer_of_an_api_server(api: Api, cluster: Cluster, code: int, body: bytes) -> None:
    """A proxy's page is neither an object, nor the word that there is none."""
    api.answers = [(code, {}, body)] * 9
    with pytest.raises(
        HeadwayError, match=r"a proxy|no Kubernetes API server|which no API server says"
    ) as caught:
        cluster.get("/api/v1/namespaces/a")
    assert not getattr(caught.value, "verdict", False)


@pytest.mark.parametrize(
    "body",
    [{"items": {}}, {"items": [1]}, {"items": [{"metadata": 1}]}, {"metadata": "x"}, {"metadata": None}],
    ids=str,
)
def test_an_answer_of_an_odd_shape(api: Api, cluster: Cluster, body: dict[str, Any]) -> None:
    """Nobody further up has to ask whether an item is an object."""
    api.answers = [(200, {}, body)] * 9
    with pytest.raises(TransientError, match="no Kubernetes API server"):
        cluster.get("/api/v1/namespaces/a/configmaps")


def test_a_proxys_refusal_is_no_verdict(api: Api, cluster: Cluster) -> None:
    """Whatever status a proxy gives with its page, the API server has not judged anything."""
    for code in (400, 403, 413, 422):
        api.answers = [(code, {}, PAGE)]
        with pytest.raises(ApiRefused, match="no API server says") as caught:
            cluster.send("PATCH", "/x", body=b"{}")
        assert not caught.value.verdict


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Cluster, list[ssl.SSLContext | None]]]:
    """A cluster behind a port that says what each of its connections meets: a certificate, or nothing."""
    meets: list[ssl.SSLContext | None] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                if meets[0] is None:
                    connection.recv(1)
                else:
                    meets[0].wrap_socket(connection, server_side=True).close()

    threading.Thread(target=serve, daemon=True).start()
    file = tmp_path / "secure"
    file.write_text(CONFIG.format(port=listener.getsockname()[1]).replace("http://", "https://"))
    it = Cluster.open("shop", str(file))
    yield it, meets
    it.close()
    listener.close()


def test_a_connection_that_a_load_balancer_closes_may_be_tried_again(
    secure: tuple[Cluster, list[ssl.SSLContext | None]],
) -> None:
    """The end of a TLS connection in the middle of a handshake says nothing about certificates."""
    cluster, meets = secure
    meets.append(None)
    with pytest.raises(TransientError, match="cannot be reached"):
        cluster.send("GET", "/x", attempts=2)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="it makes a certificate with openssl")
def test_a_certificate_that_nobody_vouches_for_is_named(
    secure: tuple[Cluster, list[ssl.SSLContext | None]], tmp_path: Path
) -> None:
    """Asking again would give the same certificate; it is no verdict on any object either."""
    cluster, meets = secure
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=127.0.0.1",
        "-days",
        "1",
    ]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    meets.append(context)
    with pytest.raises(FailedError, match="not the one that the kubeconfig trusts"):
        cluster.send("GET", "/x")


def test_a_namespace_that_goes_is_reported_with_a_hint(api: Api, cluster: Cluster) -> None:
    """The server calls it forbidden; no right would help."""
    said = 'cronjobs "a" is forbidden: unable to create new content in namespace x because it is being terminated'
    api.says(403, said, "Forbidden")
    with pytest.raises(ApiRefused, match="being terminated") as told:
        cluster.send("PATCH", "/x", body=b"{}")
    assert "its namespace is being deleted: see what holds it" in told.value.hint
