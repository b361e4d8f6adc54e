"""A Kubernetes API server: who we are there, and raw JSON over its HTTP API.

The only importer of `kubernetes`. The client library gives what it is good at
(kubeconfig, exec plug-ins, token refresh, certificates, connection pool); objects
stay plain JSON, since turning a thousand of them into the library's models costs
more than the requests. It knows nothing of releases.
"""

from __future__ import annotations

import contextlib
import copy
import os
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.incluster_config import load_incluster_config
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

from headway.domain.objects.refusals import goes, is_verdict, may_be_verdict, next_step
from headway.domain.objects.secrecy import redacted
from headway.errors import FailedError, TransientError, UsageError
from headway.systems.cluster.answers import excerpt, parsed, read_object
from headway.systems.machine.deadline import bounded, ran_out, within
from headway.systems.machine.inflight import InFlight

L = TypeVar("L")
ATTEMPTS = 5
CONNECTIONS = 32
WHOLE = 2
"""So many times the pause that is allowed between two reads may a whole answer take."""
APPLY_PATCH = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
_AGAIN = frozenset({409, 429, 500, 502, 503, 504})
# What Go's HTTP servers, and so API servers, answer for an address that they do not have.
_NO_PAGE = "404 page not found"
_TOKEN_SECONDS = 5.0
_ODD_ATTEMPTS = 3
_VERBS = {"GET": "get", "PATCH": "patch", "POST": "create", "DELETE": "delete", "PUT": "update"}


class ApiRefused(FailedError):
    """The API server answered with an error that stays the same when asked again.

    `verdict` says that it is about the object that was sent; without it, it says nothing about that object.
    """

    def __init__(
        self,
        message: str,
        code: int,
        reason: str = "",
        body: str = "",
        *,
        hint: str = "",
        verdict: bool = False,
        is_status: bool = True,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.reason = reason
        self.said = body
        self.verdict = verdict
        self.is_status = is_status


class Cluster:
    """One API server, as one user. Safe to use from several threads."""

    def __init__(self, configuration: Configuration, where: str) -> None:
        configuration.connection_pool_maxsize = CONNECTIONS
        self.where, self.host = where, str(configuration.host)
        self._configuration = configuration
        self._pools: urllib3.PoolManager = bounded(RESTClientObject(configuration).pool_manager)
        self.in_flight = InFlight()
        self._lock = threading.Lock()
        self._fence: Callable[[], None] = lambda: None
        self._learned: dict[type, Any] = {}
        self._token, self._token_until = "", 0.0

    @classmethod
    def open(cls, context: str | None = None, kubeconfig: str | None = None) -> Cluster:
        """Get ready to talk to a kubeconfig's context; nothing is sent yet.

        Without a context the kubeconfig's current one is taken; without a kubeconfig,
        what kubectl would take, and in a pod its service account.
        Raises UsageError for a missing kubeconfig or context.
        """
        configuration = Configuration()
        files = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
        there = any(Path(name).expanduser().is_file() for name in files.split(os.pathsep) if name)
        try:
            if not there and not kubeconfig and not context and os.environ.get("KUBERNETES_SERVICE_HOST"):
                load_incluster_config(client_configuration=configuration)
                return cls(configuration, "this pod's cluster")
            if not there:
                raise UsageError(
                    f"no kubeconfig at {files}",
                    hint="set HEADWAY_KUBECONFIG or KUBECONFIG to the file that kubectl uses",
                )
            config = KubeConfigMerger(files).config
            contexts = [str(each["name"]) for each in config.safe_get("contexts") or ()]
            chosen = context or config.safe_get("current-context")
            if chosen not in contexts:
                what = f"no context {context!r}" if context else "no current context"
                raise UsageError(
                    f"{what} in {files}",
                    hint=f"the contexts there are: {', '.join(sorted(contexts)) or 'none'}",
                )
            loader = KubeConfigLoader(config, active_context=chosen, config_base_path=None)
            loader.load_and_set(configuration)
        except yaml.YAMLError as error:
            # Its text may quote the file, where tokens stand.
            line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
            raise UsageError(f"the kubeconfig {files} is not YAML (line {line})") from None
        except (ConfigException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"the kubeconfig {files} cannot be used: {error}") from error
        return cls(configuration, f"context {chosen}")

    def close(self) -> None:
        """Close the connections that are idle."""
        self.in_flight.close()
        for key in list(self._pools.pools.keys()):
            # Without this they are closed when nobody has the pool any more, as an error's traceback may for long.
            if (pool := self._pools.pools.get(key)) is not None:
                pool.close()
        self._pools.clear()

    def apart(self) -> Cluster:
        """Return the same API server over connections of its own, which share nothing with those that may be dead."""
        made = Cluster(self._configuration, self.where)
        made._learned = self._learned
        return made

    def learned(self, kind: type[L]) -> L:
        """Return what was learned of this cluster since it was opened, one of each kind; an empty one at first."""
        with self._lock:
            found: L = self._learned.setdefault(kind, kind())
        return found

    def fenced(self, fence: Callable[[], None]) -> Cluster:
        """Return the same API server, over the same connections, with a question before each write.

        `fence` raises where the write may no longer be made.
        """
        made = copy.copy(self)
        made._fence = fence
        return made

    def __repr__(self) -> str:
        return f"Cluster({self.where!r})"

    def version(self) -> str:
        """Ask for the server's version, such as `v1.37.2`."""
        return str((self.get("/version") or {}).get("gitVersion", "?"))

    def get(self, path: str, query: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any] | None:
        """Read one resource; None when there is none."""
        try:
            return self.ask("GET", path, query, **more)
        except ApiRefused as error:
            if error.code == 404 and (error.is_status or error.said == _NO_PAGE):
                return None
            raise

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Send a request that is harmless to repeat, and return the object or the list that the answer is.

        Raises as `send` does, and TransientError where the answer is neither.
        """
        attempt = 1
        while True:
            data = self.send(method, path, query, body, **more)
            found = read_object(data)
            if found is not None:
                return found
            if attempt >= _ODD_ATTEMPTS:
                break
            time.sleep(_pause(attempt, None))
            attempt += 1
        raise TransientError(
            f"what answers at {self.host} ({self.where}) is no Kubernetes API server: {_verb(method, path)} gave "
            f"{excerpt(data)}",
            hint="is there a proxy or a login page in between? See what `kubectl get --raw /version` says",
        )

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float = 60.0,
        attempts: int = ATTEMPTS,
    ) -> bytes:
        """Send a request that is harmless to repeat, and return the answer's body.

        Conflicts, 429, 5xx and broken connections are tried again, `attempts` times in
        all; then TransientError. Any other error of the server is an ApiRefused, and so is a 500
        that says the same each time while the server is well.
        """
        refreshed = False
        attempt = 1
        refusals: list[str] = []
        while True:
            try:
                answer = self.exchange(
                    method, path, query, body, content_type=content_type, accept=accept, timeout=timeout
                )
            except TransientError:
                if attempt >= attempts:
                    raise
                time.sleep(_pause(attempt, None))
                attempt += 1
                continue
            data: bytes = answer.data
            if answer.status < 400:
                return data
            if answer.status == 401 and not refreshed:
                refreshed, self._token_until = True, 0.0
                continue
            refusal = self._refusal(method, path, answer.status, data, body)
            final = refusal.verdict or refusal.reason == "AlreadyExists"
            if answer.status not in _AGAIN or final:
                raise refusal
            if may_be_verdict(answer.status, refusal.said, is_status=refusal.is_status):
                refusals.append(refusal.said)
            if attempt >= attempts:
                if 1 < attempts == len(refusals) and len(set(refusals)) == 1 and self.ready():
                    refusal.verdict = method != "GET"
                    raise refusal
                raise TransientError(refusal.message, hint=next_step(answer.status, refusal.said))
            time.sleep(_pause(attempt, answer.headers.get("Retry-After")))
            attempt += 1

    def ready(self) -> bool:
        """Ask whether the server calls itself ready; return False where it does not answer that either."""
        try:
            return self.exchange("GET", "/readyz", accept="*/*", timeout=5.0).status == 200
        except (TransientError, FailedError):
            return False

    def exchange(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float = 60.0,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """Send one request once and return the answer, whatever its status; `stream` leaves its body unread.

        `timeout` is in seconds between two reads; one that is no stream ends within WHOLE times as many.
        Raises TransientError without an answer.
        """
        url = f"{self.host}{path}?{urlencode(query)}" if query else self.host + path
        headers = {"Accept": accept, "User-Agent": "headway"}
        if body is not None:
            headers["Content-Type"] = content_type
        if token := self._authorization():
            headers["Authorization"] = token
        if method != "GET":
            # As late as can be: a process may have slept since it decided to write.
            self._fence()
        try:
            bound = contextlib.nullcontext() if stream else within(WHOLE * timeout)
            with self.in_flight.request(_verb(method, path)), bound:
                return self._pools.request(
                    method,
                    url,
                    body=body,
                    headers=headers,
                    timeout=urllib3.Timeout(connect=5.0, read=timeout),
                    retries=False,
                    redirect=False,
                    preload_content=not stream,
                )
        except urllib3.exceptions.SSLError as error:
            if not _about_certificates(error):
                # A load balancer that closes a connection looks like this, too.
                raise self._unreachable(error) from error
            raise FailedError(
                f"the API server of {self.where} is not the one that the kubeconfig trusts: {error}",
                hint="check certificate-authority and the client certificate in the kubeconfig",
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if ran_out(error):
                raise TransientError(
                    f"the API server of {self.where} at {self.host} answers {_verb(method, path)} without end: "
                    f"given up after {WHOLE * timeout:.0f} s",
                    hint="is there a proxy or a slow link in between? See what `kubectl get --raw /version` says",
                ) from error
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> TransientError:
        return TransientError(
            f"the API server of {self.where} at {self.host} cannot be reached: {_plain(error)}",
            hint="is the cluster up, and does `kubectl version` reach it from here?",
        )

    def _authorization(self) -> str:
        # Looking at the token also looks at its expiry; once in a few seconds is often enough.
        if time.monotonic() >= self._token_until:
            with self._lock:
                if time.monotonic() >= self._token_until:
                    auth: Any = self._configuration.auth_settings().get("BearerToken")
                    self._token = str((auth or {}).get("value") or "")
                    self._token_until = time.monotonic() + _TOKEN_SECONDS
        return self._token

    def _refusal(
        self, method: str, path: str, code: int, data: bytes, sent: bytes | None = None
    ) -> ApiRefused:
        status = read_object(data) or {}
        is_status = status.get("kind") == "Status"
        if is_status:
            said, reason = str(status.get("message") or ""), str(status.get("reason") or "")
        else:
            said, reason = data[:300].decode(errors="replace").strip(), ""
        verdict = method != "GET" and is_verdict(code, said, is_status=is_status)
        said = redacted(said, parsed(sent), secret="/secrets" in path)
        if code == 401:
            text = f"the API server of {self.where} does not accept the credentials ({_verb(method, path)})"
            hint = "log in again, or check the kubeconfig's user"
            return ApiRefused(text, code, reason, said, hint=hint, is_status=is_status)
        if code == 403 and "is forbidden: User" in said:
            hint = "give that user the right (RBAC), or use another context"
            if "system:anonymous" in said:
                hint = "the kubeconfig's user gave no credentials: log in again, or check its exec plug-in"
            return ApiRefused(f"{self.where}: {said}", code, reason, said, hint=hint)
        if is_status or said == _NO_PAGE:
            text, hint = f"{_verb(method, path)}: {said or code}", next_step(code, said) if goes(said) else ""
        else:
            text = f"{_verb(method, path)} gave {code} with {excerpt(data)}, which no API server says"
            hint = "is there a proxy or a login page in between? See what `kubectl get --raw /version` says"
        message = f"{self.where}: {text}"
        return ApiRefused(message, code, reason, said, hint=hint, verdict=verdict, is_status=is_status)


def _verb(method: str, path: str) -> str:
    return f"{_VERBS.get(method, method.lower())} {path}"


def _pause(attempt: int, retry_after: str | None) -> float:
    if retry_after and retry_after.isdigit():
        return min(float(retry_after), 10.0) + random.random() * 0.1
    return min(0.1 * 2.0 ** (attempt - 1), 2.0) * (0.5 + random.random())


def _about_certificates(error: BaseException) -> bool:
    """Return whether a TLS error is about whom to trust, and not about a connection that broke."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return True
        reason = str(getattr(inner, "reason", "") or "")
        if isinstance(inner, ssl.SSLError) and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
            return True
        found = [it for it in inner.args if isinstance(it, BaseException)]
        inner = found[0] if found else inner.__cause__
    return False


def _plain(error: Exception) -> str:
    # urllib3 wraps what happened, and would print it as Python writes it.
    inner = error.args[-1] if error.args else None
    text = str(inner if isinstance(inner, Exception) else error)
    return text.rpartition(": ")[2] if ": " in text else text or type(error).__name__
