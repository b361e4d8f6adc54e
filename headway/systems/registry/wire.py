"""HTTP to one registry, and to where it sends us: connections, redirects, bounds on time and size.

What a server says wrongly, slowly or without end is one of headway's errors here. It knows
nothing of logins, but that none of them follows a redirect.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from headway.errors import FailedError, TransientError

AT_ONCE = 20
CONNECT, READ = 10.0, 30.0
REDIRECTS = 5
LARGEST = 8 << 20
"""Bytes of an answer. The specification asks registries to take manifests of 4 MiB."""


class RegistryBusy(TransientError):
    """The registry cannot answer now; `for_long` says that it was asked again and again already."""

    for_long = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registry answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def ok(self) -> bool:
        """Return whether it is a success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Read the body; raise FailedError where it is not JSON, or nested without end."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise FailedError(f"{urlsplit(self.url).netloc} answers something that is not JSON") from None


class Wire:
    """Connections to one registry and its neighbours. Safe to use from several threads."""

    def __init__(self, name: str, address: str, probe: str = "/v2/") -> None:
        self._name, self._address, self._probe = name, address, probe
        self._pools: dict[str, Any] = {}
        self.largest = LARGEST
        """Bytes that an answer may have."""
        self.last_answer = 0.0
        """When it last answered anything, in monotonic seconds."""

    def close(self) -> None:
        """Close the connections that nobody uses at the moment."""
        for pool in list(self._pools.values()):
            pool.clear() if isinstance(pool, urllib3.PoolManager) else pool.close()

    def send(self, method: str, path: str, headers: dict[str, str], until: float) -> Answer:
        """Ask the registry for a path, and follow where it sends us."""
        url, who = self._address + path, f"registry {self._name}"
        for _ in range(REDIRECTS):
            answer = self.exchange(who, method, url, headers, until)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            try:
                target = urljoin(url, answer.headers.get("location", ""))
                elsewhere = urlsplit(target)[:2] != urlsplit(url)[:2]
            except ValueError:
                raise FailedError(f"{who} redirects to something that is no address") from None
            if elsewhere:
                # Blobs often live elsewhere, behind an address that is signed itself; plain HTTP is elsewhere too.
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            url = target
        raise FailedError(f"{who} redirects for ever")

    def exchange(
        self,
        who: str,
        method: str,
        url: str,
        headers: dict[str, str],
        until: float,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask once. Raises RegistryBusy for what may pass (no answer, 429, 5xx), FailedError for nonsense."""
        options: dict[str, Any] = {}
        left = until - time.monotonic()
        if left < READ:
            left = max(left, 0.1)
            options["timeout"] = urllib3.Timeout(connect=min(CONNECT, left), read=left)
        if form is not None:
            options["body"] = urlencode(form).encode()
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            pool, target = self._pool(url)
            response = pool.urlopen(
                method,
                target,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                **options,
            )
            body = _body(response, until, self.largest)
        except (urllib3.exceptions.LocationValueError, ValueError):
            raise FailedError(f"{who} names something that is no address") from None
        except (urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
            raise RegistryBusy(
                f"{who} does not answer: {_reason(error)}",
                hint=f"is it running and reachable from here? try: curl {self._address}{self._probe}",
            ) from None
        self.last_answer = time.monotonic()
        status = response.status
        if status == 429 or status >= 500:
            raise RegistryBusy(
                f"{who} answers {status}", retry_after=_pause(status, response.headers.get("retry-after"))
            )
        if body is None:
            raise FailedError(f"{who} answers more than {self.largest >> 20} MB to {urlsplit(url).path}")
        return Answer(status, response.headers, body, url)

    def _pool(self, url: str) -> tuple[Any, str]:
        """Return the connections for a URL, and what to ask them for."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError
        origin = f"{parts.scheme}://{parts.netloc}"
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools.setdefault(origin, _connections(origin, parts.scheme, parts.hostname))
        if isinstance(pool, urllib3.ProxyManager):
            return pool, url  # A proxy wants whole URLs.
        return pool, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _connections(origin: str, scheme: str, host: str) -> Any:
    options: dict[str, Any] = {
        "maxsize": AT_ONCE,
        "retries": False,
        "timeout": urllib3.Timeout(connect=CONNECT, read=READ),
    }
    proxy = urllib.request.getproxies().get(scheme)
    if proxy and not urllib.request.proxy_bypass(host):
        return urllib3.ProxyManager(proxy, **options)
    # Without a proxy the host's own pool is the shorter way.
    return urllib3.PoolManager(**options).connection_from_url(origin)


def _body(response: Any, until: float, largest: int) -> bytes | None:
    """Read an answer whole, or return None where it is too long; raise where it does not end in time."""
    found = bytearray()
    while True:
        # Whatever there is, at once: a read of many bytes would wait for a server that drips, byte by byte.
        some: bytes = response.read1(1 << 16, decode_content=False)
        found += some
        if not some:
            break
        if len(found) > largest:
            response.close()
            return None
        if time.monotonic() > until:
            response.close()
            raise urllib3.exceptions.ReadTimeoutError(None, None, "it does not come to an end")  # type: ignore[arg-type]
    if response.length_remaining:
        raise urllib3.exceptions.IncompleteRead(len(found), response.length_remaining)
    return bytes(found)


def _reason(error: Exception) -> str:
    """Return the cause in a word: an address in it could hold a signature."""
    cause = getattr(error, "reason", None) or error
    return type(cause if isinstance(cause, Exception) else error).__name__


def _pause(status: int, header: str | None) -> float | None:
    """Read Retry-After, in seconds or as a date (RFC 9110, 10.2.3); a 429 without one waits a second."""
    try:
        if header and header.strip().isdigit():
            return float(header)
        if header:
            return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        pass
    return 1.0 if status == 429 else None
