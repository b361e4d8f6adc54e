"""Calls of Slack's Web API, by slack-sdk: what is busy is tried later, what is refused says what to do."""

from __future__ import annotations

from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from headway.errors import FailedError, TransientError

SECONDS = 10
_LATER = {
    "ratelimited",
    "rate_limited",
    "fatal_error",
    "internal_error",
    "service_unavailable",
    "request_timeout",
}
HINTS = {
    "channel_not_found": "make the channel, or invite headway's app to it; `notify` in headway.yaml names it",
    "not_in_channel": "invite headway's app to the channel",
    "is_archived": "name another channel in headway.yaml",
    "missing_scope": "give headway's app chat:write, channels:read, channels:history (groups:… for private channels), "
    "users:read for buttons, users:read.email for HEADWAY_SLACK_EMAILS, and install it again",
    "expired_trigger_id": "Slack gives three seconds for this; press again",
}
_TOKEN = "set HEADWAY_SLACK_TOKEN to a bot token (xoxb-…) of an app that is installed in the workspace"


class SlackRefused(FailedError):
    """Slack says no; `said` is its word for why."""

    def __init__(self, method: str, said: str) -> None:
        known = _TOKEN if "auth" in said or "token" in said or "account" in said else ""
        super().__init__(f"Slack refuses {method}: {said}", hint=HINTS.get(said, known))
        self.said = said


class SlackClient:
    """One workspace, by its bot token. Nothing is tried again here: whoever calls knows what can wait."""

    def __init__(self, token: str, url: str = "") -> None:
        if not token:
            raise FailedError("no Slack token is set", hint=_TOKEN)
        options: dict[str, Any] = {"retry_handlers": [], "timeout": SECONDS}
        if url:
            options["base_url"] = url.rstrip("/") + "/"
        self._client = WebClient(token=token, **options)

    def call(self, method: str, **arguments: Any) -> Any:
        """Call a method; raise TransientError where Slack is busy or away, SlackRefused where it says no."""
        try:
            return (
                self._client.api_call(method, json=arguments)
                if method.startswith(("chat.", "views."))
                else (self._client.api_call(method, http_verb="GET", params=arguments))
            )
        except SlackApiError as error:
            answer: Any = error.response
            said = "" if isinstance(answer, str) else str(answer.get("error") or "")
            status = 0 if isinstance(answer, str) else answer.status_code
            if status == 429 or said in _LATER or status >= 500:
                after = str(answer.headers.get("Retry-After") or "")
                wait = float(after) if after.isdigit() else None
                raise TransientError(f"Slack is busy ({said or status})", retry_after=wait or None) from None
            raise SlackRefused(method, said or str(status)) from None
        except (SlackClientError, OSError, ValueError) as error:
            raise TransientError(f"Slack cannot be reached: {type(error).__name__}") from None
