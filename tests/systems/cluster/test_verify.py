"""Verification by HTTP and by Prometheus, against servers on loopback that speak the real formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from headway.domain.config.model import Verify, is_url
from headway.domain.health.verification import job_for, promql_verdict, unaskable
from headway.errors import FailedError, HeadwayError
from headway.systems.cluster.verify import Verification, verify
from tests.servers.http import Listener

Answer = Callable[[str], tuple[int, bytes]]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Serve answers on loopback; return the URL."""

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = Listener(Handler)
    yield f"http://127.0.0.1:{server.server_port}"
    server.close()


def check(prometheus: str = "", stop: Callable[[], bool] = lambda: False, **rule: str) -> Verification:
    """Verify a rule that needs no cluster."""
    return verify(
        Verify.model_validate({"timeout": "2s", **rule}), None, "space",  # type: ignore[arg-type]
        job=None, environment="staging", key="k", prometheus=prometheus, stop=stop, on_progress=lambda line: None,
    )  # fmt: skip


def test_a_url_that_answers() -> None:
    """2xx is enough, and it is said what was asked."""
    with serving(lambda path: (204, b"")) as url:
        found = check(http=f"{url}/healthz")
        assert (found.ok, found.checks[0].said) == (True, f"{url}/healthz answers 204")


def test_a_url_that_needs_a_moment() -> None:
    """Right after a rollout an endpoint may not be there yet: it is asked again."""
    answers = [503]
    with serving(lambda path: (answers.pop() if answers else 200, b"")) as url:
        assert check(http=url).ok


@pytest.mark.slow
def test_a_url_that_stays_wrong() -> None:
    """The last answer is told."""
    with serving(lambda path: (500, b"")) as url:
        found = check(http=url)
        assert not found.ok
        assert "answers 500 Internal Server Error" in found.cause.text
    assert "does not answer: ConnectError" in check(http=url).cause.text


def test_a_login_in_a_url_is_never_shown() -> None:
    """A URL may carry a login; what is told does not."""
    with serving(lambda path: (500, b"")) as url:
        found = check(http=url.replace("://", "://ann:hunter2@"))
        assert "hunter2" not in found.cause.text
        assert not found.ok


def test_something_newer_ends_it() -> None:
    """A verification gives way as soon as the repo has moved on."""
    with serving(lambda path: (500, b"")) as url:
        asked = iter([False, True])
        found = check(http=url, stop=lambda: next(asked, True))
        assert (found.superseded, found.ok) == (True, False)


def prometheus(kind: str, result: Any) -> Answer:
    """Answer as Prometheus does."""
    body = json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()
    return lambda path: (200, body)


@pytest.mark.parametrize(
    ("kind", "result", "passes", "said"),
    [
        ("vector", [{"metric": {}, "value": [1700000000.1, "1"]}], True, "1"),
        ("vector", [{"metric": {}, "value": [1.1, "1"]}, {"metric": {}, "value": [1.1, "0"]}], False, "1, 0"),
        ("vector", [{"metric": {}, "value": [1.1, "NaN"]}], False, "nan"),
        ("vector", [], False, "no samples"),
        ("scalar", [1.1, "0.5"], True, "0.5"),
        ("scalar", [1.1, "0"], False, "0"),
        ("matrix", [{"metric": {}, "values": [[1, "0"], [2, "3"]]}], True, "3"),
        ("string", [1.1, "true"], False, "a result of the kind string"),
        ("vector", [{"metric": {}}], False, "cannot be read"),
    ],
)
def test_a_query_is_read_as_prometheus_answers(kind: str, result: Any, passes: bool, said: str) -> None:
    """It passes with samples of which none is 0 or NaN."""
    with serving(prometheus(kind, result)) as url:
        found = check(url, promql="up == 1", timeout="1s")
        assert found.ok is passes
        assert said in found.checks[0].said


def test_the_query_arrives_whole() -> None:
    """Braces, quotes and spaces reach Prometheus as they stand in headway.yaml."""
    asked: list[str] = []

    def answer(path: str) -> tuple[int, bytes]:
        asked.append(parse_qs(urlsplit(path).query)["query"][0])
        return prometheus("scalar", [1, "1"])(path)

    query = 'sum(rate(errors{job="a b"}[1m])) < bool 0.01 & %'
    with serving(answer) as url:
        assert check(url, promql=query).ok
    assert asked == [query]


def test_a_wrong_query_fails_at_once() -> None:
    """Prometheus's own words are told, and it is asked once."""
    asked: list[str] = []

    def answer(path: str) -> tuple[int, bytes]:
        asked.append(path)
        return 400, json.dumps(
            {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected }"}
        ).encode()

    with serving(answer) as url:
        found = check(url, promql="up}", timeout="1m")
    assert "parse error: unexpected }" in found.cause.text
    assert len(asked) == 1


@pytest.mark.parametrize("body", [None, [], {}, {"data": 1}, {"data": {"resultType": "vector", "result": 7}}])
def test_something_that_is_not_prometheus(body: Any) -> None:
    """Whatever answers, it is read or said to be unreadable."""
    assert promql_verdict(body)[0] is False


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://shop.example/healthz", True),
        ("https://ann:secret@shop.example:8443/x?y={z}", True),
        ("http://[::1]:8080/", True),
        ("shop.example/healthz", False),
        ("healthz", False),
        ("ftp://shop.example/", False),
        ("http:///healthz", False),
        ("http://shop.example:99999/", False),
        ("http://[::1", False),
        ("http://shop example/", False),
        ("http://shop.example/a b", False),
    ],
)
def test_what_is_a_url(url: str, good: bool) -> None:
    """What could never be asked is found when headway.yaml is read."""
    assert is_url(url) is good


JOB = b"apiVersion: batch/v1\nkind: Job\nmetadata: {name: smoke, labels: {a: b}}\nspec: {template: {spec: {containers: []}}}\n"


@pytest.mark.parametrize(
    ("rule", "job", "prometheus", "said"),
    [
        ({"http": "http://x/"}, None, "", ""),
        ({"job": "v.yaml", "promql": "up"}, JOB, "http://prometheus:9090", ""),
        ({"promql": "up"}, None, "", "promql: promql needs a Prometheus"),
        ({"promql": "up"}, None, "prometheus:9090", "promql: HEADWAY_PROMETHEUS is not a URL"),
        ({"job": "v.yaml"}, None, "", "job: v.yaml is not a file of the config repo"),
        ({"job": "v.yaml"}, b"a: b: c\n", "", "job: v.yaml:1:5: not YAML"),
        ({"job": "v.yaml"}, b"", "", "job: v.yaml: one Job of batch/v1 is expected"),
    ],
)
def test_what_cannot_be_asked(rule: dict[str, str], job: bytes | None, prometheus: str, said: str) -> None:
    """What a rule names and nobody could answer is told with its key."""
    found = unaskable(Verify.model_validate(rule), job, prometheus)
    assert (f"{found.key}: {found.why}" if found else "").startswith(said)
    assert (found is None) is (said == "")


def test_what_cannot_be_asked_any_more() -> None:
    """After a rollout it is a failure that names the way out, and no verdict about the release."""
    with pytest.raises(FailedError, match="staging has rolled out and cannot be verified") as caught:
        check(promql="up")
    assert "promql needs a Prometheus" in caught.value.message
    assert "headway reconcile staging" in caught.value.hint


def test_a_job_has_one_name_for_one_release() -> None:
    """The same release finds the same Job, another release makes another; its labels are not the environment's."""
    first, again, other = (
        job_for(JOB, "v.yaml", "ns", "staging", key)["metadata"] for key in ("k1", "k1", "k2")
    )
    assert first["name"] == again["name"] != other["name"]
    assert first["name"].startswith("smoke-")
    assert first["namespace"] == "ns"
    assert set(first["labels"]) == {"a", "headway.dev/verifies", "headway.dev/verify-job"}
    long = job_for(JOB.replace(b"smoke", b"x" * 80), "v.yaml", "ns", "staging", "k")
    assert len(long["metadata"]["name"]) == 63


@pytest.mark.parametrize(
    "data", [b"", b"a: b: c\n", b"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n", JOB + b"---\n" + JOB]
)
def test_what_is_not_one_job(data: bytes) -> None:
    """Anything but one Job is refused with its file."""
    with pytest.raises(HeadwayError, match=r"v\.yaml"):
        job_for(data, "v.yaml", "ns", "staging", "k")
