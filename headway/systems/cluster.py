"""A Kubernetes API server: who we are there, and raw JSON over its HTTP API.

The only importer of `kubernetes`. The client library gives what it is good at
(kubeconfig, exec plug-ins, token refresh, certificates, connection pool); objects
stay plain JSON, since turning a thousand of them into the library's models costs
more than the requests. It knows nothing of releases.
"""

from __future__ import annotations

import json
import os
import random
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.incluster_config import load_incluster_config
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

from headway.domain.secrecy import redacted
from headway.errors import FailedError, TransientError, UsageError

ATTEMPTS = 5
CONNECTIONS = 32
APPLY_PATCH = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
_AGAIN = frozenset({409, 429, 500, 502, 503, 504})
# The server answers 500 to a manifest that does not fit its schema; that stays so.
_MISFIT = re.compile(r"failed to create typed patch object|field not declared in schema|\.\w+: expected ")
_TOKEN_SECONDS = 5.0
_VERBS = {"GET": "get", "PATCH": "patch", "POST": "create", "DELETE": "delete", "PUT": "update"}


class ApiRefused(FailedError):
    """The API server answered with an error that stays the same when asked again."""

    def __init__(self, message: str, code: int, reason: str = "", body: str = "", *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.reason = reason
        self.said = body


class Cluster:
    """One API server, as one user. Safe to use from several threads."""

    def __init__(self, configuration: Configuration, where: str) -> None:
        configuration.connection_pool_maxsize = CONNECTIONS
        self.where = where
        self.host: str = configuration.host
        self._configuration = configuration
        self._pools: urllib3.PoolManager = RESTClientObject(configuration).pool_manager
        self._lock = threading.Lock()
        self._token = ""
        self._token_until = 0.0

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
        self._pools.clear()

    def __repr__(self) -> str:
        return f"Cluster({self.where!r})"

    def version(self) -> str:
        """Ask for the server's version, such as `v1.37.2`."""
        return str((self.get("/version") or {}).get("gitVersion", "?"))

    def get(self, path: str, query: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any] | None:
        """Read one resource; None when there is none."""
        try:
            found: dict[str, Any] = json.loads(self.send("GET", path, query, **more))
        except ApiRefused as error:
            if error.code == 404:
                return None
            raise
        return found

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
        """Send a request that is harmless to repeat, and give the answer's body.

        Conflicts, 429, 5xx and broken connections are tried again, `attempts` times in
        all; then TransientError. Any other error of the server is an ApiRefused.
        """
        refreshed = False
        attempt = 1
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
            final = refusal.reason == "AlreadyExists" or (
                answer.status == 500 and _MISFIT.search(refusal.said)
            )
            if answer.status not in _AGAIN or final:
                raise refusal
            if attempt >= attempts:
                raise TransientError(refusal.message, hint="the API server is busy or starting; try again")
            time.sleep(_pause(attempt, answer.headers.get("Retry-After")))
            attempt += 1

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
        """Send one request once and give the answer, whatever its status; `stream` leaves its body unread.

        `timeout` is in seconds between two reads. Raises TransientError without an answer.
        """
        url = f"{self.host}{path}?{urlencode(query)}" if query else self.host + path
        headers = {"Accept": accept, "User-Agent": "headway"}
        if body is not None:
            headers["Content-Type"] = content_type
        if token := self._authorization():
            headers["Authorization"] = token
        try:
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
            raise FailedError(
                f"the API server of {self.where} is not the one that the kubeconfig trusts: {error}",
                hint="check certificate-authority and the client certificate in the kubeconfig",
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransientError(
                f"the API server of {self.where} at {self.host} cannot be reached: {_plain(error)}",
                hint="is the cluster up, and does `kubectl version` reach it from here?",
            ) from error

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
        try:
            status = json.loads(data)
            said, reason = str(status.get("message") or ""), str(status.get("reason") or "")
        except (ValueError, AttributeError):
            said, reason = data[:300].decode(errors="replace").strip(), ""
        said = redacted(said, _parsed(sent), secret="/secrets" in path)
        if code == 401:
            text = f"the API server of {self.where} does not accept the credentials ({_verb(method, path)})"
            return ApiRefused(text, code, reason, said, hint="log in again, or check the kubeconfig's user")
        if code == 403 and "is forbidden: User" in said:
            hint = "give that user the right (RBAC), or use another context"
            if "system:anonymous" in said:
                hint = "the kubeconfig's user gave no credentials: log in again, or check its exec plug-in"
            return ApiRefused(f"{self.where}: {said}", code, reason, said, hint=hint)
        return ApiRefused(f"{self.where}: {_verb(method, path)}: {said or code}", code, reason, said)


def _verb(method: str, path: str) -> str:
    return f"{_VERBS.get(method, method.lower())} {path}"


def _pause(attempt: int, retry_after: str | None) -> float:
    if retry_after and retry_after.isdigit():
        return min(float(retry_after), 10.0) + random.random() * 0.1
    return min(0.1 * 2 ** (attempt - 1), 2.0) * (0.5 + random.random())


def _parsed(sent: bytes | None) -> object:
    try:
        return json.loads(sent or b"null")
    except ValueError:
        return None


def _plain(error: Exception) -> str:
    text = str(error)
    return text.rpartition(": ")[2] if ": " in text else text or type(error).__name__
