"""Deliver notices from the outbox to their recipients, beside the release and never in its way.

A release writes its notices down and goes on. One thread delivers; what cannot be delivered now is
delivered by whoever comes next: a later release, `reconcile`, `headway serve`, `headway notify`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from headway.domain.notifications.notices import Notice, Recipient
from headway.errors import FailedError, HeadwayError, TransientError
from headway.settings import Settings
from headway.systems.notify.outbox import Delivery, Outbox

if TYPE_CHECKING:
    from headway.systems.notify.code_hosts import Host
    from headway.systems.notify.slack import Slack

FIRST, LONGEST, REFUSED = 5.0, 3600.0, 600.0
"""Seconds until a try after the first that failed, at most, and after one that was refused."""
GOODBYE = 10.0
_log = logging.getLogger("headway.operations.dispatcher")


class Dispatcher:
    """One outbox and the thread that empties it. It never raises for what cannot be delivered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.outbox = Outbox(settings.state / "outbox.sqlite")
        self._wake = threading.Event()
        self._until: float | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._slack: Slack | None = None

    def send(self, notice: Notice, recipients: Iterable[Recipient]) -> None:
        """Write a notice down for its recipients, and begin to deliver it."""
        self.outbox.put(notice, recipients)
        self.start()

    def start(self) -> None:
        """Begin to deliver what is due, in a thread."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="dispatcher")
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
        """Deliver all that is due; return how many deliveries succeeded."""
        count, until = 0, time.monotonic() + GOODBYE
        while time.monotonic() < until and (delivery := self.outbox.take()) is not None:
            count += self._deliver(delivery)
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
                _log.warning("notices could not be delivered: %s: %s", type(error).__name__, error)
                wait = FIRST
            if self._until is None or self._wake.is_set():
                continue
            if wait is None or time.monotonic() + wait > self._until:
                return

    def waiting(self) -> list[tuple[str, str, str]]:
        """Return what is not delivered yet: to whom, the release, and why."""
        return [(_shown(target), release, why) for target, release, why in self.outbox.waiting()]

    def _deliver(self, delivery: Delivery) -> bool:
        try:
            self._notify(delivery)
        except TransientError as error:
            again = error.retry_after or min(FIRST * 3 ** min(delivery.attempts, 10), LONGEST)
            # Others of this target wait as long as it asks, or else only a little: it may be this one's fault.
            self._put_back(delivery, again, _said(error), target_for=error.retry_after or FIRST)
            return False
        except Exception as error:  # noqa: BLE001 - what nobody thought of is put back too, with its reason
            seconds = min(REFUSED * 2 ** min(delivery.attempts, 4), LONGEST)
            self._put_back(delivery, seconds, _said(error))
            return False
        self.outbox.delivered(delivery)
        return True

    def _put_back(self, delivery: Delivery, seconds: float, why: str, target_for: float = 0.0) -> None:
        self.outbox.later(delivery, seconds, why, target_for=target_for)
        _log.warning("%s is notified later of %s: %s", _shown(delivery.target), delivery.release, why)

    def _notify(self, delivery: Delivery) -> None:
        kind, _, address = delivery.target.partition(":")
        settings = self._settings
        if kind == "slack":
            self.slack().deliver(address, delivery)
        elif kind == "commit":
            # A host keeps one state of a commit, and refuses some ways back to an older one.
            self._notify_host(address, delivery.newest)
        else:
            for notice, version in delivery.notices:
                if kind == "webhook":
                    from headway.systems.notify.webhook import post

                    post(address, settings.webhook_secret.get_secret_value(), notice)
                elif kind == "apprise":
                    from headway.systems.notify.mail import send

                    send(settings.apprise.get_secret_value(), address, notice)
                self.outbox.delivered_one(delivery, notice, version)

    def slack(self) -> Slack:
        """Return the Slack workspace; raise FailedError where no token is set."""
        if self._slack is None:
            from headway.systems.notify.slack import Slack

            token = self._settings.slack_token.get_secret_value()
            self._slack = Slack(token, self.outbox, self._settings.slack_url)
        return self._slack

    def hosts(self) -> list[Host]:
        """Return the hosts of source repos that a token is set for."""
        from headway.systems.notify.code_hosts import known_hosts

        settings = self._settings
        tokens = {"github": settings.github_token, "gitlab": settings.gitlab_token}
        apis = {"github": settings.github_url, "gitlab": settings.gitlab_url}
        return known_hosts({kind: (apis[kind], it.get_secret_value()) for kind, it in tokens.items()})

    def _notify_host(self, address: str, notice: Notice) -> None:
        from headway.systems.notify.code_hosts import CodeHost

        kind, name, path, sha = address.split(" ")
        host = next((it for it in self.hosts() if (it.kind, it.name) == (kind, name)), None)
        if host is None:
            raise FailedError(
                f"no token is set for {name}",
                hint=f"set HEADWAY_{kind.upper()}_TOKEN, and _URL for a host of your own",
            )
        there = CodeHost(host.kind, host.api, host.token)
        try:
            there.notify(path, sha, notice, dict(notice.links).get("run", ""))
        finally:
            there.close()


def _said(error: Exception) -> str:
    if isinstance(error, HeadwayError):
        return str(error).replace("\n  ", "; ")
    return f"{type(error).__name__}: {error}"


def _shown(target: str) -> str:
    """Return a target's name for people and logs: a webhook's path may be its secret."""
    kind, _, address = target.partition(":")
    if kind != "webhook":
        return f"{kind} {address}"
    url = urlsplit(address)
    return f"{kind} {url.scheme}://{url.netloc}"
