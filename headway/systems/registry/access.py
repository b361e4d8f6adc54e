"""What one registry is shown: a login, or a token for each repository that is had for it.

A registry says once which of them it wants, and where tokens are had. That is remembered, so that later
questions cost no refusal first; and the login is, for a short while, since a credential helper is a process
of its own. What was refused is renewed before it is believed: logins of cloud registries end after hours.
A login goes to its registry, or to the token server which that registry names.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from headway.errors import FailedError, HeadwayError, RegistryDenied
from headway.systems.machine.logins import DockerConfig, Login
from headway.systems.registry.auth import Challenge, is_refusal, may_have_login, parse_challenge
from headway.systems.registry.wire import Answer, Wire

LOGIN_LIFE = 300.0
"""Seconds after which a login is read again."""
FRESH = 30.0
"""Seconds in which a login or a token that is refused is not renewed: the refusal is meant."""
TOKEN_LIFE = 60.0
"""Seconds a token lives when its server does not say (distribution token specification)."""
LONGEST_LIFE = 86_400.0

_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class _Token:
    shown: str
    had: float
    ends: float


class Access:
    """One registry's login, challenge and tokens. Safe to use from several threads."""

    def __init__(self, registry: str, address: str, logins: DockerConfig, wire: Wire) -> None:
        self._registry, self._address, self._logins, self._wire = registry, address, logins, wire
        self._challenge: Challenge | None = None
        self._scopes: dict[str, str] = {}
        self._tokens: dict[str, _Token] = {}
        self._lock = threading.Lock()
        self._asking: dict[str, threading.Lock] = {}
        self._reading = threading.Lock()
        self._read_at = float("-inf")
        self._login: Login | HeadwayError | None = None

    def login(self, max_age: float = LOGIN_LIFE) -> Login | None:
        """Return the login that Docker's configuration has; raise what it raises."""
        with self._reading:
            age = time.monotonic() - self._read_at
            # A helper that fails or hangs is not started for every single question either.
            if age > (min(FRESH, max_age) if isinstance(self._login, HeadwayError) else max_age):
                try:
                    self._login = self._logins.login(self._registry)
                except HeadwayError as error:
                    self._login = error
                self._read_at = time.monotonic()
            if isinstance(self._login, HeadwayError):
                raise self._login
            return self._login

    def shown(self, repository: str, until: float) -> str | None:
        """Return the Authorization to ask with, as far as is known what the registry wants."""
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            return _basic(self.login())
        try:
            return self._token(challenge, repository, None, until)
        except RegistryDenied:
            # A repository that everybody may read needs none; any other says so itself.
            return None

    def after(self, refusal: Answer, repository: str, tried: str | None, until: float) -> str | None:
        """Return what else there is to show after a refusal; None where that was all."""
        challenged = parse_challenge(refusal.headers.get("www-authenticate", ""))
        if challenged is not None:
            self._challenge = challenged
            if challenged.scope:
                self._scopes[repository] = challenged.scope
        challenge = challenged or self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            shown = _basic(self.login(FRESH if tried else LOGIN_LIFE))
            return shown if shown != tried else None
        if refusal.status != 401 and tried:
            # A token that was not known would be a 401: this is about what its owner may do.
            token = self._tokens.get(repository)
            if token is not None and token.shown == tried and time.monotonic() - token.had < FRESH:
                return None
            self.login(FRESH)
        return self._token(challenge, repository, tried, until)

    def denied(self) -> RegistryDenied:
        """Make the error that says so."""
        login = self.login()
        said = f"refuses the login from {login.source}" if login else "wants a login, and there is none"
        return RegistryDenied(f"registry {self._registry} {said}", hint=f"docker login {self._registry}")

    def _token(self, challenge: Challenge, repository: str, tried: str | None, until: float) -> str:
        """Return a repository's token, another one than what was tried."""
        with self._lock:
            asking = self._asking.setdefault(repository, threading.Lock())
        with asking:
            # Somebody else may have got one while this one waited for its turn.
            known = self._tokens.get(repository)
            now = time.monotonic()
            if known is not None and known.shown != tried and now < known.ends:
                return known.shown
            token, life = self._fetch(challenge, repository, until)
            self._tokens[repository] = _Token(f"Bearer {token}", now, now + life * 0.9)
            return f"Bearer {token}"

    def _fetch(self, challenge: Challenge, repository: str, until: float) -> tuple[str, float]:
        login = self.login()
        answer = self._exchange(challenge, login, repository, until)
        if is_refusal(answer.status, answer.body) and (again := self.login(FRESH)) != login:
            answer = self._exchange(challenge, again, repository, until)
        if answer.status >= 300:
            raise self.denied()
        try:
            body = answer.json()
            token = body.get("token") or body["access_token"]
            if not _TOKEN.fullmatch(token):
                raise ValueError
            life = float(body.get("expires_in") or TOKEN_LIFE)
        except (FailedError, ValueError, KeyError, TypeError, AttributeError):
            raise FailedError(f"the token server of {self._registry} gave no token") from None
        return token, life if 0 < life <= LONGEST_LIFE else TOKEN_LIFE

    def _exchange(self, challenge: Challenge, login: Login | None, repository: str, until: float) -> Answer:
        if login and not may_have_login(self._address, challenge.realm):
            raise RegistryDenied(
                f"registry {self._registry} names a token server without TLS on another host; "
                "the login is not sent there",
                hint="have the registry name its token server (realm) by https",
            )
        scope = self._scopes.get(repository) or (f"repository:{repository}:pull" if repository else "")
        query = {name: it for name, it in (("service", challenge.service), ("scope", scope)) if it}
        who = f"the token server of {self._registry}"
        if login and login.identity_token:
            form = {**query, "grant_type": "refresh_token", "refresh_token": login.identity_token}
            form["client_id"] = "headway"
            return self._wire.exchange(who, "POST", challenge.realm, {}, until, form)
        shown = _basic(login)
        separator = "&" if "?" in challenge.realm else "?"
        url = challenge.realm + (f"{separator}{urlencode(query)}" if query else "")
        return self._wire.exchange(who, "GET", url, {"Authorization": shown} if shown else {}, until)


def _basic(login: Login | None) -> str | None:
    if login is None or not (login.username or login.password):
        return None
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
