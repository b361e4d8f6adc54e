"""Asks what must be true after a rollout: a URL, a Job, Prometheus. It decides nothing about releases."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from headway.domain.config.model import Verify
from headway.domain.health.verification import (
    BASE,
    VERIFIES,
    Check,
    Verification,
    job_for,
    promql_verdict,
    unaskable,
)
from headway.domain.objects.identity import ObjectId, selector
from headway.domain.objects.names import segment
from headway.domain.objects.wanted import apply_body
from headway.errors import FailedError
from headway.systems.cluster.client import Cluster
from headway.systems.cluster.rollout import watch_workloads
from headway.systems.machine.parallel import each
from headway.systems.machine.tls import trusted

__all__ = ["Check", "Verification", "verify"]

HTTP_PAUSE, PROMQL_PAUSE = 1.0, 2.0
ASK_TIMEOUT = 10.0
_JOBS = "/apis/batch/v1/namespaces/{}/jobs"


def verify(
    rule: Verify,
    cluster: Cluster,
    namespace: str,
    *,
    job: bytes | None,
    environment: str,
    key: str,
    prometheus: str,
    stop: Callable[[], bool],
    on_progress: Callable[[str], None],
) -> Verification:
    """Check everything that a rule names, side by side, until each is true or the time is up.

    `job` is the content of the manifest that the rule names; `key` tells one release from another, so
    that a run which is done again finds the Job of the first. Raises FailedError for what cannot be asked:
    of the release nothing is known then.
    """
    if missing := unaskable(rule, job, prometheus):
        raise FailedError(
            f"{environment} has rolled out and cannot be verified: {missing.why}",
            hint=f"{missing.hint}; then `headway reconcile {environment}` finishes the release",
        )
    began = time.monotonic()
    until = began + rule.timeout.total_seconds()
    work: list[Callable[[], Check | None]] = []
    if rule.http:
        url = rule.http
        work.append(lambda: _http(url, until, stop))
    if rule.promql:
        query = rule.promql
        work.append(lambda: _promql(prometheus, query, until, stop))
    if rule.job and job is not None:
        made = job_for(job, rule.job, namespace, environment, key)
        work.append(lambda: _job(cluster, namespace, made, until, stop, on_progress))
    on_progress(f"verifying: {', '.join(name for name in ('http', 'promql', 'job') if getattr(rule, name))}")
    found = each(lambda check: check(), work)
    checks = tuple(it for it in found if it is not None)
    return Verification(checks, time.monotonic() - began, len(checks) < len(found))


def _shown(url: str) -> str:
    """Write a URL without the login that may be in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _http(url: str, until: float, stop: Callable[[], bool]) -> Check | None:
    said = ""
    with httpx.Client(follow_redirects=True, timeout=ASK_TIMEOUT, verify=trusted()) as client:
        while not stop():
            try:
                answer = client.get(url)
                if answer.is_success:
                    return Check("http", True, f"{_shown(url)} answers {answer.status_code}")
                said = f"answers {answer.status_code} {answer.reason_phrase}".rstrip()
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                said = f"does not answer: {type(error).__name__}"
            if time.monotonic() + HTTP_PAUSE > until:
                return Check("http", False, f"{_shown(url)} {said}")
            time.sleep(HTTP_PAUSE)
    return None


def _promql(base: str, query: str, until: float, stop: Callable[[], bool]) -> Check | None:
    with httpx.Client(timeout=ASK_TIMEOUT, verify=trusted()) as client:
        while not stop():
            try:
                answer = client.get(f"{base.rstrip('/')}/api/v1/query", params={"query": query})
                body = _json(answer)
                if answer.status_code in (400, 422) and isinstance(body, Mapping):
                    # The query itself is wrong: asking again gives the same answer.
                    return Check("promql", False, f"Prometheus refuses {query}: {body.get('error', '')}")
                passed, said = (
                    promql_verdict(body) if answer.is_success else (False, f"HTTP {answer.status_code}")
                )
                asked = answer.is_success
            except httpx.HTTPError as error:
                passed, said = False, f"no answer from {_shown(base)}: {type(error).__name__}"
                asked = False
            if not asked and time.monotonic() + PROMQL_PAUSE > until:
                # A Prometheus that is away says nothing about the release.
                raise FailedError(
                    f"{query} could not be asked: {said}",
                    hint="is HEADWAY_PROMETHEUS the URL of a Prometheus?",
                )
            if passed or time.monotonic() + PROMQL_PAUSE > until:
                return Check("promql", passed, f"{query} gives {said}")
            time.sleep(PROMQL_PAUSE)
    return None


def ask_prometheus(url: str) -> str:
    """Ask Prometheus something that is always true, once; raise FailedError where it does not say so."""
    check = _promql(url, "vector(1)", 0.0, lambda: False)
    if check is None or not check.ok:
        raise FailedError(
            check.said if check else "not asked", hint="is HEADWAY_PROMETHEUS the URL of a Prometheus?"
        )
    return f"Prometheus answers at {_shown(url)}"


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _job(
    cluster: Cluster,
    namespace: str,
    job: Mapping[str, Any],
    until: float,
    stop: Callable[[], bool],
    on_progress: Callable[[str], None],
) -> Check | None:
    name = job["metadata"]["name"]
    jobs = _JOBS.format(segment(namespace))
    _clean(cluster, jobs, job)
    query = {"fieldManager": "headway-verify", "force": "true"}
    body = apply_body(job)
    cluster.send("PATCH", f"{jobs}/{segment(name)}", query, body, content_type="application/apply-patch+yaml")
    followed = ObjectId("batch", "Job", namespace, name)
    left = max(until - time.monotonic(), 1.0)
    rollout = watch_workloads(cluster, [followed], {}, timeout=left, stop=stop, on_progress=on_progress)
    if rollout.superseded:
        _delete(cluster, jobs, name)
        return None
    if rollout.live:
        _delete(cluster, jobs, name)
        return Check("job", True, f"Job {name} has completed")
    verdict = next((it for it in rollout.verdicts if it.status != "live"), None)
    logs = verdict.logs if verdict else ()
    last = f": {logs[-1]}" if logs else ""
    return Check("job", False, f"{rollout.cause or verdict}{last}", logs)


def _clean(cluster: Cluster, jobs: str, job: Mapping[str, Any]) -> None:
    """Remove what earlier verifications left for people to look at, and this one's where it has failed before."""
    labels = {name: job["metadata"]["labels"][name] for name in (VERIFIES, BASE)}
    found = cluster.get(jobs, {"labelSelector": selector(labels)}) or {}
    for item in found.get("items") or ():
        conditions = (item.get("status") or {}).get("conditions") or ()
        failed = any(it.get("type") == "Failed" and it.get("status") == "True" for it in conditions)
        if item["metadata"]["name"] != job["metadata"]["name"]:
            _delete(cluster, jobs, item["metadata"]["name"])
        elif failed:
            _delete(cluster, jobs, item["metadata"]["name"], policy="Foreground")
            _wait_gone(cluster, f"{jobs}/{segment(item['metadata']['name'])}", item["metadata"]["uid"])


def _wait_gone(cluster: Cluster, path: str, uid: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        item = cluster.get(path)
        if item is None or item["metadata"]["uid"] != uid:
            return
        time.sleep(0.1)


def _delete(cluster: Cluster, jobs: str, name: str, policy: str = "Background") -> None:
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}
    if cluster.get(f"{jobs}/{segment(name)}") is not None:
        cluster.send("DELETE", f"{jobs}/{segment(name)}", body=json.dumps(options).encode())
