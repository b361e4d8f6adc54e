"""headway's own endpoint as CI sees it: start a flow with a token, and follow the run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

import httpx

from headway.errors import FailedError, RefusedError, TransientError, UsageError
from headway.systems.machine.inflight import InFlight
from headway.systems.machine.tls import trusted
from headway.systems.prefect.api import FINAL, Ended
from headway.systems.prefect.http import AGAIN, FIRST
from headway.systems.prefect.run_log import TAIL

POLL, PATIENCE = 1.0, 120.0
SILENCE = 5.0
"""Seconds between two lines that say that nobody answers."""


class Endpoint:
    """A client for one `headway serve`."""

    def __init__(self, url: str, token: str, say: Callable[[str], None] = lambda said: None) -> None:
        if not token:
            raise UsageError("no token is set", hint="set HEADWAY_TOKEN to what `headway token` printed")
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"HEADWAY_URL is {url!r}", hint="it begins with https:// or http://")
        self.url, self._say = url.rstrip("/"), say
        self._in_flight = InFlight(FIRST, AGAIN, f"headway at {self.url}")
        self._in_flight.tell(say)
        self._client = httpx.Client(
            verify=trusted(),
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}", "User-Agent": "headway"},
            timeout=httpx.Timeout(60, connect=5),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._in_flight.close()
        self._client.close()

    def start(self, flow: str, request: dict[str, Any], key: str) -> tuple[str, str]:
        """Start a flow, or find the run of the same key; return its id and its page."""
        headers = {"Idempotency-Key": key} if key else {}
        found = self._patiently(lambda: self._call("POST", f"/api/{flow}", request, headers))
        return str(found["run"]), str(found["page"])

    def follow(self, run: str, tell: Callable[[str, str, str], None]) -> Ended:
        """Pass on a run's log lines as they come, until it has ended and none is left."""
        after, told_state = 0, ""
        until: float | None = None
        while True:
            path = f"/api/runs/{run}?after={after}"
            found = self._patiently(lambda path=path: self._call("GET", path))  # type: ignore[misc]
            for line in found["log"]:
                tell("log", "", line)
            read, after = found["next"] - after, found["next"]
            if found["state"] in FINAL:
                until = until or time.monotonic() + TAIL
                if found["complete"] or (not read and time.monotonic() > until):
                    for report in found.get("reports", ()):
                        tell("report", report["key"], report["text"])
                    return Ended(run, found["state"], found["name"], found["message"])
                if read:
                    continue
            else:
                until = None
                if found["name"] != told_state and found["state"] != "RUNNING":
                    tell("log", "", f"the run is {found['name'].lower()}")
                told_state = found["name"]
            time.sleep(POLL)

    def _patiently(self, call: Callable[[], Any]) -> Any:
        """Try again for two minutes: the call carries a key, and a look changes nothing."""
        until, pause, said = time.monotonic() + PATIENCE, 0.5, 0.0
        while True:
            try:
                return call()
            except TransientError as error:
                if time.monotonic() + pause > until:
                    raise
                if time.monotonic() - said > SILENCE:
                    said = time.monotonic()
                    self._say(f"{error.message}; trying again for {until - said:.0f} s")
                time.sleep(error.retry_after or pause)
                pause = min(pause * 2, 10.0)

    def _call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Any:
        try:
            with self._in_flight.request(f"{method} {path}"):
                answer = self._client.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise TransientError(f"headway at {self.url} does not answer: {type(error).__name__}") from None
        if answer.status_code < 300:
            try:
                return answer.json()
            except ValueError:
                raise FailedError(
                    f"{self.url} does not answer as headway does", hint="set HEADWAY_URL to a `headway serve`"
                ) from None
        try:
            said = answer.json()
            message, hint = str(said["error"]), str(said.get("hint", ""))
        except (ValueError, KeyError, TypeError):
            message, hint = f"headway at {self.url} answers {answer.status_code}", ""
        kinds = {401: RefusedError, 403: RefusedError, 400: UsageError, 404: UsageError, 422: UsageError}
        if answer.status_code in (429, 502, 503, 504):
            raise TransientError(message, hint=hint)
        raise kinds.get(answer.status_code, FailedError)(message, hint=hint)
