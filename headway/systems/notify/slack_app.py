"""Slack's app as people press and type in it: who they are, whether it is Slack that asks, and the answers to it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from slack_sdk.errors import SlackClientError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.webhook import WebhookClient

from headway.domain.notifications.slack_blocks import state_in
from headway.domain.slack.people import Profile, Workspace
from headway.domain.slack.views import without_buttons
from headway.errors import TransientError
from headway.systems.notify.slack_client import SECONDS, SlackClient, SlackRefused

PROFILES, KEPT = 1000, 300.0
"""So many members are remembered, for so many seconds."""
ANSWERS = ("hooks.slack.com", "hooks.slack-gov.com")
"""The hosts that take answers."""


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether Slack has signed a request, in the last five minutes (Slack, "Verifying requests")."""
    try:
        return SignatureVerifier(secret).is_valid_request(body, headers)
    except (ValueError, TypeError, OverflowError):
        # A time that is none, a body that is no text.
        return False


class SlackApp:
    """One workspace's app. Safe to use from several threads."""

    def __init__(self, token: str, url: str = "") -> None:
        self._call = SlackClient(token, url).call
        self._own = urlsplit(url).netloc if url else ""
        self._here: Workspace | None = None
        self._profiles: OrderedDict[str, tuple[float, Profile]] = OrderedDict()
        self._lock = threading.Lock()

    def workspace(self) -> Workspace:
        """Return which workspace and app the token is of. Slack is asked once."""
        if self._here is None:
            found = self._call("auth.test")
            self._here = Workspace(str(found["team_id"]), self._app(str(found.get("bot_id") or "")))
        return self._here

    def _app(self, bot: str) -> str:
        try:
            answer = self._call("bots.info", bot=bot) if bot else {}
        except SlackRefused as error:
            if error.said != "missing_scope":
                raise
            # The signature and the token are an app's own; this is a second look.
            return ""
        return str((answer.get("bot") or {}).get("app_id") or "")

    def profile(self, user: str) -> Profile:
        """Return what Slack says of a member; it is asked again after some minutes."""
        with self._lock:
            at, found = self._profiles.get(user, (0.0, None))
        if found is not None and time.monotonic() - at < KEPT:
            return found
        it = self._call("users.info", user=user)["user"]
        about = it.get("profile") or {}
        found = Profile(
            str(it.get("id") or ""),
            str(it.get("team_id") or ""),
            str(about.get("email") or ""),
            bool(it.get("is_email_confirmed")),
            bool(it.get("is_bot")),
            bool(it.get("deleted")),
            bool(it.get("is_stranger") or it.get("is_ultra_restricted") or it.get("is_restricted")),
        )
        with self._lock:
            self._profiles.pop(user, None)
            self._profiles[user] = (time.monotonic(), found)
            while len(self._profiles) > PROFILES:
                self._profiles.popitem(last=False)
        return found

    def open_view(self, trigger: str, view: Mapping[str, Any]) -> str:
        """Open a modal; return its id."""
        return str(self._call("views.open", trigger_id=trigger, view=view)["view"]["id"])

    def update_view(self, view_id: str, view: Mapping[str, Any]) -> None:
        """Show something else in a modal, unless somebody has closed it."""
        try:
            self._call("views.update", view_id=view_id, view=view)
        except SlackRefused as error:
            if error.said != "not_found":
                raise

    def answer(self, url: str, body: Mapping[str, Any], *, replace: bool = False) -> bool:
        """Answer where a payload says, for the eyes of whoever sent it; return False where no host of Slack's is named.

        With `replace`, the answer takes the place of the message whose button it was.
        """
        found = urlsplit(url)
        slack = found.scheme == "https" and found.hostname in ANSWERS
        if not slack and not (self._own and found.netloc == self._own):
            return False
        try:
            sent = WebhookClient(url, timeout=SECONDS, retry_handlers=[]).send(
                text=body.get("text"),
                blocks=body.get("blocks"),
                response_type="ephemeral",
                replace_original=replace,
            )
        except (SlackClientError, OSError, ValueError) as error:
            raise TransientError(f"Slack cannot be reached: {type(error).__name__}") from None
        return sent.status_code < 300

    def whisper(self, channel: str, user: str, body: Mapping[str, Any]) -> None:
        """Say something in a channel that only one member sees."""
        self._call("chat.postEphemeral", channel=channel, user=user, **body)

    def settle(self, channel: str, at: str, line: str, *, over: bool) -> None:
        """Note on a release's message what was answered; with `over`, its buttons go.

        Only while it waits: what the release's own run says after that is newer, and stays.
        """
        answer = self._call(
            "conversations.history",
            channel=channel,
            latest=at,
            inclusive=True,
            limit=1,
            include_all_metadata=True,
        )
        found = next((it for it in answer["messages"] if it["ts"] == at), None)
        if found is None or state_in(found)[0] != "waiting":
            return
        blocks = found.get("blocks") or []
        actions = [] if over else [it for it in blocks if it.get("type") == "actions"]
        # The metadata that is there stays, since none is given.
        self._call(
            "chat.update",
            channel=channel,
            ts=at,
            text=found["text"],
            blocks=[*without_buttons(blocks, line), *actions],
        )
