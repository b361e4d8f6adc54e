"""A release as Slack's blocks: short, escaped, and never longer than Slack takes.

Limits (Slack, Block Kit): 50 blocks, 3000 characters in a section's text, 10 elements in a context.
"""

from __future__ import annotations

from typing import Any

from headway.domain.images.reference import Image
from headway.domain.notifications.notices import Notice
from headway.domain.notifications.slack_buttons import ACTIONS, buttons
from headway.domain.releases.message import short_tag
from headway.domain.text.visible import visible

SERVICES = 10
CAUSE = 600
DETAIL = 2800
REPLY = 3900
EVENT = "headway_release"
MESSAGE = "message"
"""The part of a release that is its one message; a reply's part is the state that it tells."""
_SIGNS = {
    "planned": ":memo:",
    "waiting": ":raised_hand:",
    "releasing": ":hourglass_flowing_sand:",
    "unfinished": ":grey_question:",
    "applied": ":double_vertical_bar:",
    "live": ":white_check_mark:",
    "failed": ":x:",
    "rolled-back": ":leftwards_arrow_with_hook:",
    "superseded": ":fast_forward:",
    "rejected": ":no_entry_sign:",
    "noticed": ":warning:",
}


def message(notice: Notice) -> dict[str, Any]:
    """Return the arguments of `chat.postMessage` and `chat.update` for a release's one message."""
    blocks: list[dict[str, Any]] = [_section(f"{_SIGNS[notice.state]} *{escaped(notice.headline, 600)}*")]
    if notice.changes:
        blocks.append(_section(_changes(notice)))
    if notice.cause:
        blocks.append(_section(f"*Cause:* {escaped(str(notice.cause), CAUSE)}"))
    blocks.append({"type": "context", "elements": [_markdown(it) for it in _small(notice)]})
    if notice.buttons and (found := buttons(notice)):
        blocks.append({"type": "actions", "block_id": ACTIONS, "elements": found})
    return {"text": escaped(notice.headline, 300), "blocks": blocks, **_metadata(notice, MESSAGE)}


def reply(notice: Notice) -> dict[str, Any]:
    """Return the message for a release's thread: the state with all that the first message has no room for."""
    lines = [notice.headline, *([f"Cause: {notice.cause}"] if len(escape(str(notice.cause))) > CAUSE else [])]
    if notice.reason and notice.state in ("planned", "waiting"):
        lines.append(f"Why: {notice.reason}")
    details = escaped("\n".join(notice.details).replace("```", "'''"), DETAIL)
    text = escaped("\n".join(lines), REPLY - (len(details) + 7 if details else 0))
    return {"text": f"{text}\n```{details}```" if details else text, **_metadata(notice, notice.mark)}


def escape(text: str) -> str:
    """Escape what Slack would read as markup or as a mention (Slack, "Formatting text": &, <, >)."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escaped(text: str, most: int) -> str:
    """Escape a text and shorten it, visibly and with no escape cut in two."""
    whole = escape(text)
    if len(whole) <= most:
        return whole
    # Every & begins an escape.
    head, amp, tail = whole[: most - 1].rpartition("&")
    return (head if amp and ";" not in tail else whole[: most - 1]) + "…"


def _changes(notice: Notice) -> str:
    rows = [
        f"• {escaped(name, 80)}  `{_tag(old)}` → `{_tag(new)}`"
        for name, old, new in notice.changes[:SERVICES]
    ]
    more = len(notice.changes) - SERVICES
    return "\n".join([*rows, *([f"… and {more} more"] if more > 0 else [])])


def _tag(image: Image) -> str:
    return escaped(short_tag(image).replace("`", ""), 80)


def _small(notice: Notice) -> list[str]:
    who = f"by {escaped(notice.actor, 200)}" if notice.actor else ""
    why = f": {escaped(notice.reason, 200)}" if notice.reason else ""
    found = [f"{who}{why}".lstrip(": ")] if who or why else []
    # An address of ours holds no `|` or `>`; what does, or is longer than a text may be, is not made a link of.
    links = ((name, url) for name, url in notice.links if not set(url) & set("|<> ") and len(url) < 2000)
    found += [f"<{url}|{escape(name)}>" for name, url in links]
    found.append(f"`{escape(notice.release)}`")
    return found[:10]


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _markdown(text)}


def _markdown(text: str) -> dict[str, Any]:
    # `verbatim`: a name that looks like a channel, a mention or a host stays the name that it is.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _metadata(notice: Notice, part: str) -> dict[str, Any]:
    """Mark a message as a release's, so that it is found again, and seen to be newer, by who does not know of it."""
    payload = {"release": notice.release, "part": part, "state": notice.state, "at": notice.at}
    return {"metadata": {"event_type": EVENT, "event_payload": payload}}


def is_of(message: dict[str, Any], release: str, part: str) -> bool:
    """Return whether a message that Slack has is the one of a release and a part."""
    payload = _payload(message)
    return (payload.get("release"), payload.get("part")) == (release, part)


def state_in(message: dict[str, Any]) -> tuple[str, str]:
    """Return the state that a message of headway's shows, and when that was."""
    payload = _payload(message)
    return str(payload.get("state", "")), str(payload.get("at", ""))


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    metadata = message.get("metadata") or {}
    found: dict[str, Any] = metadata.get("event_payload") or {}
    return found if metadata.get("event_type") == EVENT else {}
