"""Slack, by slack-sdk: one message for a release that changes with it, and its thread.

A message carries the release's id in its metadata. Whether one is there already is known from the
outbox; where a post may have got through without our knowing, Slack is asked before posting again.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from headway.domain.notifications.notices import Notice
from headway.domain.notifications.slack_blocks import MESSAGE, is_of, message, reply, state_in
from headway.errors import FailedError
from headway.systems.notify.outbox import Delivery, Outbox
from headway.systems.notify.slack_client import HINTS, SlackClient, SlackRefused

PAGE, PAGES = 200, 5
CHANNELS = 999
"""The most that Slack lists at once: names are looked for in the whole workspace."""
LATE = 30.0
"""Seconds after which another machine may have posted a state meanwhile."""
MISSING = 86_400.0
"""Seconds for which a message that others should have posted, and that is not there, is posted in their place."""


class Slack:
    """One workspace, by its bot token."""

    def __init__(self, token: str, outbox: Outbox, url: str = "") -> None:
        # What is to be tried again is the outbox's to decide, so that no release waits for it.
        self._call = SlackClient(token, url).call
        self._outbox = outbox
        self._ids: dict[str, str] = {}

    def check(self) -> str:
        """Return which workspace the token is for, and as whom; raise where it is not valid."""
        found = self._call("auth.test")
        return f"{found['team']}, as {found['user']}"

    def deliver(self, channel: str, delivery: Delivery) -> None:
        """Bring a release's message to its newest state, and its thread to the whole story.

        Raises TransientError, with Slack's `retry_after`, or FailedError with what to do.
        """
        newest = delivery.newest
        # What is late may have been posted by somebody else meanwhile, and a try that was cut off may have got through.
        late = delivery.attempts > 0 or newest.corrects or _age(newest) > LATE
        remembered = self._outbox.mark(delivery.target, delivery.release, MESSAGE)
        found, sure = None, True
        if not remembered:
            found, sure = self._find(channel, delivery, MESSAGE)
        elif late:
            found = self._look_at(channel, remembered)
        thread = remembered or (str(found["ts"]) if found else "")
        corrects = all(it.corrects for it, _ in delivery.notices)
        if corrects and not thread and (not sure or _age(newest) > MISSING):
            # It may be there and not be seen, and nobody is helped by a second one.
            return
        body = message(newest)
        if not thread:
            thread = self._post(channel, delivery, MESSAGE, body)
        elif found is None or not newest.overtaken(*state_in(found)):
            thread = self._update(channel, delivery, thread, body)
        for notice, _ in delivery.notices:
            if self._outbox.mark(delivery.target, delivery.release, notice.mark):
                continue
            # Where the message is known from Slack alone, somebody else began its thread.
            if (found or (late and remembered)) and self._find(channel, delivery, notice.mark, thread)[0]:
                continue
            # How far it is stands in the message; the thread has each state, as it began.
            begun = dataclasses.replace(notice, progress="")
            self._post(channel, delivery, notice.mark, {**reply(begun), "thread_ts": thread})

    def _post(self, channel: str, delivery: Delivery, part: str, body: dict[str, Any]) -> str:
        answer = self._call(
            "chat.postMessage", channel=self._ids.get(channel, channel), unfurl_links=False, **body
        )
        # Slack's answer has the channel's id, which `chat.update` needs.
        self._ids[channel] = str(answer["channel"])
        self._outbox.set_mark(delivery.target, "", channel, str(answer["channel"]))
        self._outbox.set_mark(delivery.target, delivery.release, part, str(answer["ts"]))
        return str(answer["ts"])

    def _update(self, channel: str, delivery: Delivery, message_at: str, body: dict[str, Any]) -> str:
        """Change a release's message, or post it again where somebody has deleted it; return its timestamp."""
        try:
            self._call("chat.update", channel=self._id(channel), ts=message_at, **body)
        except SlackRefused as error:
            if error.said != "message_not_found":
                raise
            newest = delivery.newest
            if newest.corrects and self._outbox.mark(delivery.target, delivery.release, newest.mark):
                # This state was posted before, and whoever deleted it has seen it.
                return message_at
            self._outbox.forget_marks(delivery.target, delivery.release)
            return self._post(channel, delivery, MESSAGE, body)
        return message_at

    def _look_at(self, channel: str, message_at: str) -> dict[str, Any] | None:
        """Read one message; None where it is gone or may not be read."""
        try:
            answer = self._call(
                "conversations.history", channel=self._id(channel), latest=message_at, inclusive=True, limit=1,
                include_all_metadata=True,
            )  # fmt: skip
        except SlackRefused as error:
            if error.said != "missing_scope":
                raise
            return None
        return next((it for it in answer["messages"] if it["ts"] == message_at), None)

    def _find(
        self, channel: str, delivery: Delivery, part: str, thread: str = ""
    ) -> tuple[dict[str, Any] | None, bool]:
        """Look for a release's message in the channel's newest ones, or in a thread.

        Gives the message, or None and whether it is certain that there is none.
        """
        method = "conversations.replies" if thread else "conversations.history"
        more: dict[str, Any] = {"ts": thread} if thread else {}
        for _ in range(PAGES):
            try:
                answer = self._call(
                    method, channel=self._id(channel), limit=PAGE, include_all_metadata=True, **more
                )
            except SlackRefused as error:
                if error.said == "missing_scope":
                    # It may post and not read: then what our own memory lost is posted again.
                    return None, False
                raise
            for each in answer["messages"]:
                if is_of(each, delivery.release, part):
                    self._outbox.set_mark(delivery.target, delivery.release, part, str(each["ts"]))
                    return each, True
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None, True
            more["cursor"] = cursor
        return None, False

    def _id(self, channel: str) -> str:
        """Return a channel's id: from a post of ours, or from Slack's list."""
        if channel not in self._ids:
            known = self._outbox.mark(f"slack:{channel}", "", channel)
            self._ids[channel] = known or self._listed(channel)
        return self._ids[channel]

    def _listed(self, channel: str) -> str:
        try:
            return self._listed_among("public_channel,private_channel", channel)
        except SlackRefused as error:
            if error.said != "missing_scope":
                raise
            # Without `groups:read` private channels are not listed, and Slack then lists none at all.
            return self._listed_among("public_channel", channel)

    def _listed_among(self, types: str, channel: str) -> str:
        name, cursor = channel.removeprefix("#"), ""
        while True:
            answer = self._call(
                "conversations.list", limit=CHANNELS, exclude_archived=True, types=types, cursor=cursor
            )
            for each in answer["channels"]:
                if name in (each.get("name"), each["id"]):
                    return str(each["id"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                raise FailedError(f"Slack has no channel {channel}", hint=HINTS["channel_not_found"])


def _age(notice: Notice) -> float:
    """Return the seconds since a notice's time; much where it has none."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(notice.at)).total_seconds()
    except (ValueError, TypeError):
        return MISSING + 1
