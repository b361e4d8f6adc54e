"""Slack, by slack-sdk: one message for a release that changes with it, and its thread.

A message carries the release's id in its metadata. Whether one is there already is known from the
outbox; where a post may have got through without our knowing, Slack is asked before posting again.
"""

from __future__ import annotations

from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from headway.domain.slackblocks import is_of, message, reply
from headway.errors import FailedError, TransientError
from headway.systems.outbox import Outbox, Parcel

SECONDS = 10
PAGE, PAGES = 100, 5
_LATER = {
    "ratelimited",
    "rate_limited",
    "fatal_error",
    "internal_error",
    "service_unavailable",
    "request_timeout",
}
_HINTS = {
    "channel_not_found": "make the channel, or invite headway's app to it; `notify` in headway.yaml names it",
    "not_in_channel": "invite headway's app to the channel",
    "is_archived": "name another channel in headway.yaml",
    "missing_scope": "give headway's app the scopes that docs/notifications.md lists",
}
_TOKEN = "set HEADWAY_SLACK_TOKEN to a bot token that is valid; docs/notifications.md says how to get one"


class Slack:
    """One workspace, by its bot token."""

    def __init__(self, token: str, outbox: Outbox, url: str = "") -> None:
        if not token:
            raise FailedError("no Slack token is set", hint=_TOKEN)
        # What is to be tried again is the outbox's to decide, so that no release waits for it.
        options: dict[str, Any] = {"retry_handlers": [], "timeout": SECONDS}
        if url:
            options["base_url"] = url.rstrip("/") + "/"
        self._client = WebClient(token=token, **options)
        self._outbox = outbox
        self._ids: dict[str, str] = {}

    def check(self) -> str:
        """Say which workspace the token is for, and as whom; raise where it is not valid."""
        found = self._call("auth.test")
        return f"{found['team']}, as {found['user']}"

    def deliver(self, channel: str, parcel: Parcel) -> None:
        """Bring a release's message to its newest state, and its thread to the whole story.

        Raises TransientError, with Slack's `retry_after`, or FailedError with what to do.
        """
        newest = parcel.notices[-1][0]
        remembered = self._outbox.mark(parcel.target, parcel.release, "message")
        thread = remembered or self._find(channel, parcel, "message")
        # A try that was cut off may have got through; and where the message is known from Slack
        # alone, somebody else began its thread.
        unsure = parcel.attempts > 0 or bool(thread and not remembered)
        body = message(newest)
        if thread:
            self._call("chat.update", channel=self._id(channel), ts=thread, **body)
        else:
            thread = self._post(channel, parcel, "message", body)
        for notice, _ in parcel.notices:
            known = self._outbox.mark(parcel.target, parcel.release, notice.state)
            known = known or (self._find(channel, parcel, notice.state, thread) if unsure else "")
            if not (known or notice.progress):
                self._post(channel, parcel, notice.state, {**reply(notice), "thread_ts": thread})

    def _post(self, channel: str, parcel: Parcel, part: str, body: dict[str, Any]) -> str:
        answer = self._call(
            "chat.postMessage", channel=self._ids.get(channel, channel), unfurl_links=False, **body
        )
        # Slack's answer has the channel's id, which `chat.update` needs.
        self._ids[channel] = str(answer["channel"])
        self._outbox.set_mark(parcel.target, "", channel, str(answer["channel"]))
        self._outbox.set_mark(parcel.target, parcel.release, part, str(answer["ts"]))
        return str(answer["ts"])

    def _find(self, channel: str, parcel: Parcel, part: str, thread: str = "") -> str:
        """Look for a release's message in the channel's newest ones, or in a thread; give its timestamp, or nothing."""
        method = "conversations.replies" if thread else "conversations.history"
        more: dict[str, Any] = {"ts": thread} if thread else {}
        for _ in range(PAGES):
            try:
                answer = self._call(
                    method, channel=self._id(channel), limit=PAGE, include_all_metadata=True, **more
                )
            except FailedError as error:
                if "missing_scope" in error.message:
                    # It may post and not read: then what our own memory lost is posted again.
                    return ""
                raise
            for each in answer["messages"]:
                if is_of(each, parcel.release, part):
                    self._outbox.set_mark(parcel.target, parcel.release, part, str(each["ts"]))
                    return str(each["ts"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
            more["cursor"] = cursor
        return ""

    def _id(self, channel: str) -> str:
        """Give a channel's id: from a post of ours, or from Slack's list."""
        if channel not in self._ids:
            known = self._outbox.mark(f"slack:{channel}", "", channel)
            self._ids[channel] = known or self._listed(channel)
        return self._ids[channel]

    def _listed(self, channel: str) -> str:
        name, cursor = channel.removeprefix("#"), ""
        while True:
            answer = self._call(
                "conversations.list", limit=200, exclude_archived=True, types="public_channel,private_channel",
                cursor=cursor,
            )  # fmt: skip
            for each in answer["channels"]:
                if name in (each.get("name"), each["id"]):
                    return str(each["id"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                raise FailedError(f"Slack has no channel {channel}", hint=_HINTS["channel_not_found"])

    def _call(self, method: str, **arguments: Any) -> Any:
        try:
            return (
                self._client.api_call(method, json=arguments)
                if method.startswith("chat.")
                else (self._client.api_call(method, http_verb="GET", params=arguments))
            )
        except SlackApiError as error:
            answer: Any = error.response
            said = "" if isinstance(answer, str) else str(answer.get("error") or "")
            status = 0 if isinstance(answer, str) else answer.status_code
            if status == 429 or said in _LATER or status >= 500:
                wait = float(answer.headers.get("Retry-After") or 0) or None
                raise TransientError(f"Slack is busy ({said or status})", retry_after=wait) from None
            hint = _HINTS.get(said, _TOKEN if "auth" in said or "token" in said or "account" in said else "")
            raise FailedError(f"Slack refuses {method}: {said or status}", hint=hint) from None
        except (SlackClientError, OSError, ValueError) as error:
            raise TransientError(f"Slack cannot be reached: {type(error).__name__}") from None
