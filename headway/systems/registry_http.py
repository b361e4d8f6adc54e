"""One registry's HTTP: its login, its pace, its patience. What is asked stands in `registry`.

Each registry has threads, connections and a pace of its own, so that a slow, dead or
overloaded one delays no other. A login goes to the registry that it is for, or to the
token server which that registry names, and never along a redirect.
"""

from __future__ import annotations

import base64
import json
import random
import threading
import time
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from headway.errors import FailedError, TransientError
from headway.systems.docker_config import DockerConfig, Login
from headway.systems.registry_auth import Challenge, address, parse_challenge

AT_ONCE = 20
CONNECT, READ = 10.0, 30.0
TOKEN_LIFE = 60.0
"""Seconds a token lives when its server does not say (distribution token specification)."""
FASTEST = 1000.0
"""Requests a second above which a pace is no limit."""
RECOVERY = 5.0
"""Seconds without a 429 after which a registry is asked a quarter faster."""
LONGEST_PAUSE = 60.0
REDIRECTS = 5


class RegistryDenied(FailedError):
    """The registry does not let us in."""


class RegistryBusy(TransientError):
    """The registry cannot answer now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registry answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def ok(self) -> bool:
        """Whether it is a success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Read the body; raise FailedError where it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise FailedError(f"{urlsplit(self.url).netloc} answers something that is not JSON") from None


class Pace:
    """How fast a registry is asked: as fast as it can, until it says that this is too fast."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rate: float | None = None
        self._next = 0.0
        self._closed_until = 0.0
        self._slowed = 0.0
        self._window, self._count = time.monotonic(), 0

    def delay(self) -> float:
        """Take a turn; give the seconds until it."""
        with self._lock:
            now = time.monotonic()
            if now - self._window > 1:
                self._window, self._count = now, 0
            self._count += 1
            if self._rate is not None and now - self._slowed > RECOVERY:
                self._slowed = now
                self._rate = self._rate * 1.25
                if self._rate > FASTEST:
                    self._rate = None
            start = max(now, self._closed_until)
            if self._rate is not None:
                start = max(start, self._next)
                self._next = start + 1 / self._rate
            return start - now

    def slow_down(self, pause: float) -> None:
        """Ask half as fast from now on, and nothing for `pause` seconds. Many 429s at once are one."""
        with self._lock:
            now = time.monotonic()
            if now >= self._closed_until:
                seen = self._count / max(now - self._window, 0.2)
                self._rate = max((self._rate or seen) / 2, 1.0)
                self._slowed = now + pause
            self._closed_until = max(self._closed_until, now + pause)
            self._next = self._closed_until


class Registry:
    """One registry: `localhost:5000`, `docker.io`. Safe to use from several threads."""

    def __init__(self, name: str, logins: DockerConfig) -> None:
        self.name = name
        self.address = address(name)
        self.pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"registry-{name}")
        self.pace = Pace()
        self._logins = logins
        manager = _manager(self.address)
        # A proxy wants whole URLs; without one the host's own pool is the shorter way.
        proxied = isinstance(manager, urllib3.ProxyManager)
        self._http = manager if proxied else manager.connection_from_url(self.address)
        self._prefix = self.address if proxied else ""
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, float]] = {}
        self._asking: dict[str, threading.Lock] = {}
        self._basic: str | None = None

    def close(self) -> None:
        """End its threads and connections."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        self._http.clear() if isinstance(self._http, urllib3.PoolManager) else self._http.close()

    @property
    def login(self) -> Login | None:
        """The login that Docker's configuration has for it."""
        return self._logins.login(self.name)

    def ask(
        self,
        method: str,
        path: str,
        repository: str,
        accept: str = "*/*",
        *,
        attempts: int = 1,
        deadline: float | None = None,
    ) -> Answer:
        """Ask for a path, logged in where that is wanted, at a pace that the registry bears.

        What is refused as too much (429) is asked again until `deadline` (monotonic seconds), what
        fails otherwise `attempts` times. Raises RegistryDenied and RegistryBusy.
        """
        until = deadline if deadline is not None else time.monotonic() + 2 * READ
        failures = 0
        while True:
            self._wait(until)
            try:
                answer = self._authorized(method, path, repository, accept)
            except RegistryBusy as error:
                failures += 1
                pause = min(0.2 * 2**failures, 5.0) * random.uniform(0.5, 1.5)
                if error.retry_after is not None:
                    pause = min(error.retry_after, LONGEST_PAUSE)
                    self.pace.slow_down(pause)
                    failures -= 1
                elif failures >= attempts:
                    raise
                if time.monotonic() + pause > until:
                    raise
                if error.retry_after is None:
                    time.sleep(pause)
                continue
            return answer

    def _wait(self, until: float) -> None:
        delay = self.pace.delay()
        if time.monotonic() + delay > until:
            raise RegistryBusy(f"registry {self.name} wants to be asked more slowly; there was no time left")
        if delay > 0:
            time.sleep(delay)

    def _authorized(self, method: str, path: str, repository: str, accept: str) -> Answer:
        tried = self._authorization(repository)
        answer = self._send(method, self.address + path, accept, tried)
        if answer.status != 401:
            return answer
        # Tokens run out; a fresh one is fetched once, and a second 401 is the answer.
        challenge = parse_challenge(answer.headers.get("www-authenticate", ""))
        login = self.login
        authorization = self._answer(challenge, login, repository, tried) if challenge else None
        if authorization is not None:
            answer = self._send(method, self.address + path, accept, authorization)
        if answer.status in (401, 403):
            with self._lock:
                self._basic = None
                self._tokens.pop(repository, None)
            raise _denied(self.name, login)
        return answer

    def _authorization(self, repository: str) -> str | None:
        with self._lock:
            token, expires = self._tokens.get(repository, ("", 0.0))
            return token if token and time.monotonic() < expires else self._basic

    def _answer(
        self, challenge: Challenge, login: Login | None, repository: str, tried: str | None
    ) -> str | None:
        if challenge.scheme == "basic":
            if login is None:
                return None
            with self._lock:
                self._basic = _basic(login)
            return self._basic
        with self._lock:
            asking = self._asking.setdefault(repository, threading.Lock())
        with asking:
            # Somebody else may have got one while this one waited for its turn.
            known = self._authorization(repository)
            if known is not None and known != tried:
                return known
            token, life = self._token(challenge, login, repository)
            with self._lock:
                self._tokens[repository] = (f"Bearer {token}", time.monotonic() + life * 0.9)
            return f"Bearer {token}"

    def _token(self, challenge: Challenge, login: Login | None, repository: str) -> tuple[str, float]:
        scope = challenge.scope or (f"repository:{repository}:pull" if repository else "")
        query = {name: it for name, it in (("service", challenge.service), ("scope", scope)) if it}
        headers = {"Authorization": _basic(login)} if login and not login.identity_token else {}
        if login and self.address.startswith("https:") and not challenge.realm.startswith("https:"):
            raise RegistryDenied(
                f"registry {self.name} names a token server without TLS; the login is not sent there"
            )
        http = _manager(challenge.realm)
        try:
            if login and login.identity_token:
                form = {**query, "grant_type": "refresh_token", "refresh_token": login.identity_token}
                form["client_id"] = "headway"
                response = http.request(
                    "POST", challenge.realm, fields=form, encode_multipart=False, redirect=False
                )
            else:
                separator = "&" if "?" in challenge.realm else "?"
                url = challenge.realm + (f"{separator}{urlencode(query)}" if query else "")
                response = http.request("GET", url, headers=headers, redirect=False)
        except (urllib3.exceptions.HTTPError, ValueError):
            raise RegistryBusy(f"the token server of {self.name} does not answer") from None
        if response.status == 429 or response.status >= 500:
            raise RegistryBusy(
                f"the token server of {self.name} answers {response.status}",
                retry_after=_pause(response.status, response.headers.get("retry-after")),
            )
        if response.status >= 300:
            raise _denied(self.name, login)
        try:
            body = json.loads(response.data)
            token = str(body.get("token") or body["access_token"])
            return token, float(body.get("expires_in") or TOKEN_LIFE)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FailedError(f"the token server of {self.name} gave no token") from None

    def _send(self, method: str, url: str, accept: str, authorization: str | None) -> Answer:
        headers = {"Accept": accept}
        if authorization:
            headers["Authorization"] = authorization
        http: Any = self._http
        target = self._prefix + url.removeprefix(self.address)
        for _ in range(REDIRECTS):
            try:
                response = http.urlopen(method, target, headers=headers, redirect=False, retries=False)
            except urllib3.exceptions.HTTPError as error:
                raise RegistryBusy(
                    f"registry {self.name} does not answer: {_reason(error)}",
                    hint=f"is it running and reachable from here? try: curl {self.address}/v2/",
                ) from None
            if response.status == 429 or response.status >= 500:
                raise RegistryBusy(
                    f"registry {self.name} answers {response.status}",
                    retry_after=_pause(response.status, response.headers.get("retry-after")),
                )
            if response.status not in (301, 302, 303, 307, 308):
                return Answer(response.status, response.headers, response.data, url)
            target = urljoin(url, response.headers.get("location", ""))
            if urlsplit(target)[:2] != urlsplit(url)[:2]:
                # Blobs often live elsewhere, behind an address that is signed itself; plain HTTP is elsewhere too.
                headers = {"Accept": accept}
            http, url = _manager(target), target
        raise FailedError(f"registry {self.name} redirects for ever")


def _manager(url: str) -> urllib3.PoolManager:
    parts = urlsplit(url)
    options: dict[str, Any] = {
        "maxsize": AT_ONCE,
        "retries": False,
        "timeout": urllib3.Timeout(connect=CONNECT, read=READ),
    }
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    """Name the cause in a word: an address in it could hold a signature."""
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


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


def _denied(registry: str, login: Login | None) -> RegistryDenied:
    if login is None:
        return RegistryDenied(
            f"registry {registry} wants a login, and there is none", hint=f"docker login {registry}"
        )
    return RegistryDenied(
        f"registry {registry} refuses the login from {login.source}", hint=f"docker login {registry}"
    )
