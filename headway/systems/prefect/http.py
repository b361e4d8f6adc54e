"""How headway talks to a Prefect server: one HTTP client, its credentials, and its errors in our words.

Prefect itself is not imported, which would take longer than most calls.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Self

import httpx

from headway.errors import FailedError, TransientError, UsageError
from headway.systems.machine.inflight import InFlight
from headway.systems.machine.tls import trusted

ATTEMPTS, PATIENCE, STUCK = 6, 10.0, 75.0
"""A call is sent again for about six seconds, and not once more where the tries before took ten.

What is keyed has longer: a SQLite server whose database is locked says nothing for up to a minute.
"""
TIMEOUT, CONNECT = 30.0, 10.0
"""Seconds that one request may be without an answer, and without a connection."""
FIRST, AGAIN = 3.0, 5.0
"""Seconds until a line says so at a terminal, and between two such lines."""
NOT_DONE = (429, 503)
"""A SQLite server answers 503 at once while another run is being written; a proxy answers 429."""
UNKNOWN = (502, 504)
"""What a proxy answers that has lost sight of the server."""


class PrefectHttp:
    """A client for one Prefect server. Credentials come from Prefect's own variables."""

    def __init__(self, url: str, *, local: bool = False, tell: Callable[[str], None] | None = None) -> None:
        """`local` says that the command can do without a server, by --local; `tell` is given a line while one hangs."""
        if not url:
            instead = ", or add --local to run in this process without Prefect" if local else ""
            raise UsageError("no Prefect server is set", hint=f"set PREFECT_API_URL{instead}")
        self.url, self.instead = url, "; --local works without it" if local else ""
        headers = {}
        auth: tuple[str, str] | None = None
        if key := os.environ.get("PREFECT_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        elif login := os.environ.get("PREFECT_API_AUTH_STRING"):
            name, _, password = login.partition(":")
            auth = (name, password)
        self._client = httpx.Client(
            verify=trusted(),
            base_url=url,
            headers=headers,
            auth=auth,
            timeout=httpx.Timeout(TIMEOUT, connect=CONNECT),
        )
        self._in_flight = InFlight(FIRST, AGAIN, f"the Prefect server at {url}")
        if tell is not None:
            self._in_flight.tell(tell)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._in_flight.close()
        self._client.close()

    def asks_for_a_login(self) -> bool:
        """Return whether somebody without a login is refused."""
        try:
            return httpx.get(f"{self.url}/admin/version", timeout=10, verify=trusted()).status_code in (
                401,
                403,
            )
        except httpx.HTTPError as error:
            raise TransientError(f"{self.url} does not answer: {type(error).__name__}") from None

    def find(self, path: str) -> dict[str, Any] | None:
        """Return what is at a path; None where nothing is."""
        try:
            found: dict[str, Any] = self.call("GET", path, missing=("", ""))
        except UsageError as error:
            if error.message:
                raise
            return None
        return found

    def call(
        self, method: str, path: str, body: object = None, missing: tuple[str, str] | None = None
    ) -> Any:
        """Ask the server and return its answer's JSON; `missing` is what to say, and what to do, at 404.

        Raises UsageError for what it refuses, TransientError where it cannot be reached or is busy.
        """
        response = self.send(method, path, body, missing)
        return response.json() if response.content else None

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        missing: tuple[str, str] | None = None,
        *,
        keyed: bool = False,
    ) -> httpx.Response:
        """Ask the server as `call` does, and return the whole answer; `keyed` says that asking twice is asking once.

        What the server says it has not done is sent again, whatever it is. Where nobody can say, as after a
        broken connection, a GET and what is keyed are sent again, and anything else is the caller's to decide.
        """
        repeatable, began, pause = keyed or method == "GET", time.monotonic(), 0.2
        patience = STUCK if keyed else PATIENCE
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._in_flight.request(f"{method} {path}"):
                    response = self._client.request(method, path, json=body)
            except httpx.HTTPError as error:
                if not repeatable or attempt == ATTEMPTS or time.monotonic() - began > patience:
                    raise TransientError(
                        f"the Prefect server at {self.url} does not answer: {type(error).__name__}",
                        hint=f"is it running? `headway doctor` checks{self.instead}",
                    ) from None
            else:
                again = (*NOT_DONE, *UNKNOWN) if repeatable else NOT_DONE
                if response.status_code not in again or attempt == ATTEMPTS:
                    break
            time.sleep(pause)
            pause *= 2
        if response.status_code == 404 and missing:
            raise UsageError(missing[0], hint=missing[1])
        if response.status_code in (401, 403):
            raise FailedError(
                f"the Prefect server at {self.url} refuses the login",
                hint="set PREFECT_API_AUTH_STRING or PREFECT_API_KEY",
            )
        if response.status_code in (409, 422):
            raise UsageError(f"the Prefect server refuses the request: {_detail(response)}")
        if response.status_code == 429 or response.status_code >= 500:
            raise TransientError(f"the Prefect server at {self.url} answers {response.status_code}")
        if response.is_error:
            raise FailedError(f"the Prefect server answers {response.status_code}: {_detail(response)}")
        return response


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json().get("detail", response.text))[:1000]
    except ValueError:
        return response.text[:1000]
