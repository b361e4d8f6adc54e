"""Carries what is told of releases from the outbox to those who hear it, beside the release and never in its way.

A release writes down what is to be told and goes on. One thread delivers; what cannot be delivered now is
delivered by whoever comes next: a later release, `reconcile`, `headway serve`, `headway notify`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from headway.domain.notices import Heard, Notice
from headway.errors import FailedError, HeadwayError, TransientError
from headway.settings import Settings
from headway.systems.outbox import Outbox, Parcel

if TYPE_CHECKING:
    from headway.systems.slack import Slack

FIRST, LONGEST, REFUSED = 5.0, 3600.0, 600.0
GOODBYE = 10.0
_log = logging.getLogger("headway.courier")


class Courier:
    """One outbox and the thread that empties it. It never raises for what cannot be delivered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.outbox = Outbox(settings.state / "outbox.sqlite")
        self._wake = threading.Event()
        self._until: float | None = None
        self._thread: threading.Thread | None = None
        self._slack: Slack | None = None
        self.problems: dict[str, str] = {}

    def send(self, notice: Notice, heard: Iterable[Heard]) -> None:
        """Write down what is to be told, and begin to tell it."""
        self.outbox.put(notice, heard)
        self.start()

    def start(self) -> None:
        """Begin to deliver what is due, in a thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name="courier")
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """Deliver what is due in some seconds, and end. What is left is in the outbox."""
        if self._thread is not None:
            self._until = time.monotonic() + GOODBYE
            self._wake.set()
            self._thread.join(timeout=GOODBYE + 5)
        self.outbox.close()

    def deliver(self) -> int:
        """Deliver all that is due; give how many parcels were told."""
        count, until = 0, time.monotonic() + GOODBYE
        while time.monotonic() < until and (parcel := self.outbox.take()) is not None:
            count += self._deliver(parcel)
        return count

    def _run(self) -> None:
        wait: float | None = None
        while True:
            self._wake.wait(wait)
            self._wake.clear()
            try:
                self.deliver()
                wait = self.outbox.next_due()
            except Exception as error:  # noqa: BLE001 - whatever breaks here, the release goes on
                _log.warning("what is to be told could not be told: %s: %s", type(error).__name__, error)
                wait = FIRST
            if self._until is None or self._wake.is_set():
                continue
            if wait is None or time.monotonic() + wait > self._until:
                return

    def _deliver(self, parcel: Parcel) -> bool:
        try:
            self._tell(parcel)
        except TransientError as error:
            again = error.retry_after or min(FIRST * 3 ** min(parcel.attempts, 10), LONGEST)
            self._put_back(parcel, again, error)
            return False
        except FailedError as error:
            self._put_back(parcel, min(REFUSED * 2 ** min(parcel.attempts, 4), LONGEST), error)
            return False
        self.outbox.told(parcel)
        self.problems.pop(parcel.target, None)
        return True

    def _put_back(self, parcel: Parcel, seconds: float, error: HeadwayError) -> None:
        self.outbox.later(parcel, seconds, str(error).replace("\n  ", "; "))
        self.problems[parcel.target] = str(error)
        _log.warning("%s is told later of %s: %s", _shown(parcel.target), parcel.release, error)

    def _tell(self, parcel: Parcel) -> None:
        kind, _, address = parcel.target.partition(":")
        settings = self._settings
        if kind == "slack":
            self.slack().deliver(address, parcel)
            return
        for notice, _ in parcel.notices:
            if kind == "webhook":
                from headway.systems.webhook import post

                post(address, settings.webhook_secret.get_secret_value(), notice)
            elif kind == "apprise":
                from headway.systems.apprise_mail import send

                send(settings.apprise.get_secret_value(), address, notice)
            elif kind == "commit":
                self._tell_host(address, notice)

    def slack(self) -> Slack:
        """Give the Slack workspace; raise FailedError where no token is set."""
        if self._slack is None:
            from headway.systems.slack import Slack

            token = self._settings.slack_token.get_secret_value()
            self._slack = Slack(token, self.outbox, self._settings.slack_url)
        return self._slack

    def _tell_host(self, address: str, notice: Notice) -> None:
        from headway.systems.code_hosts import CodeHost

        kind, host, path, sha = address.split(" ")
        settings = self._settings
        if kind == "gitlab":
            api, token = settings.gitlab_url or f"https://{host}/api/v4", settings.gitlab_token
        else:
            public = "https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"
            api, token = settings.github_url or public, settings.github_token
        there = CodeHost(kind, api, token.get_secret_value())
        try:
            there.tell(path, sha, notice, dict(notice.links).get("run", ""))
        finally:
            there.close()


def _shown(target: str) -> str:
    """Name a target in a log: a webhook's address may hold a token."""
    kind, _, address = target.partition(":")
    return f"{kind} {address.partition('?')[0] if kind == 'webhook' else address}"
