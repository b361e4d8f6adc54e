"""A release as Slack's blocks: short, escaped, and never longer than Slack takes.

Limits (Slack, Block Kit): 50 blocks, 3000 characters in a section's text, 10 elements in a context.
"""

from __future__ import annotations

from typing import Any

from headway.domain.notices import Notice
from headway.domain.releases import short_tag

SERVICES = 10
CAUSE = 600
DETAIL = 2800
EVENT = "headway_release"
_SIGNS = {
    "planned": ":memo:",
    "waiting": ":raised_hand:",
    "releasing": ":hourglass_flowing_sand:",
    "live": ":white_check_mark:",
    "failed": ":x:",
    "rolled-back": ":leftwards_arrow_with_hook:",
    "superseded": ":fast_forward:",
    "rejected": ":no_entry_sign:",
}


def message(notice: Notice) -> dict[str, Any]:
    """Give the arguments of `chat.postMessage` and `chat.update` for a release's one message."""
    blocks: list[dict[str, Any]] = [_section(f"{_SIGNS[notice.state]} *{escape(notice.headline)}*")]
    if notice.changes:
        blocks.append(_section(_changes(notice)))
    if notice.cause:
        blocks.append(_section(f"*Cause:* {escape(cut(notice.cause, CAUSE))}"))
    blocks.append(
        {"type": "context", "elements": [{"type": "mrkdwn", "text": cut(it, 2000)} for it in _small(notice)]}
    )
    return {
        "text": escape(cut(notice.headline, 300)),
        "blocks": blocks,
        **_metadata(notice.release, "message"),
    }


def reply(notice: Notice) -> dict[str, Any]:
    """Give the message for a release's thread: the state with all that the first message has no room for."""
    lines = [notice.headline, *([f"Cause: {notice.cause}"] if len(notice.cause) > CAUSE else [])]
    if notice.reason and notice.state in ("planned", "waiting"):
        lines.append(f"Why: {notice.reason}")
    text = escape("\n".join(lines))
    if notice.details:
        text += "\n```" + escape(cut("\n".join(notice.details), DETAIL)).replace("```", "'''") + "```"
    return {"text": cut(text, 3900), **_metadata(notice.release, notice.state)}


def escape(text: str) -> str:
    """Escape what Slack would read as markup or as a mention (Slack, "Formatting text": &, <, >)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int) -> str:
    """Shorten a text, visibly."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _changes(notice: Notice) -> str:
    rows = [
        f"• {escape(name)}  `{escape(short_tag(old)).replace('`', '')}` → `{escape(short_tag(new)).replace('`', '')}`"
        for name, old, new in notice.changes[:SERVICES]
    ]
    more = len(notice.changes) - SERVICES
    return "\n".join([*rows, *([f"… and {more} more"] if more > 0 else [])])


def _small(notice: Notice) -> list[str]:
    who = f"by {escape(notice.actor)}" if notice.actor else ""
    why = f": {escape(cut(notice.reason, 200))}" if notice.reason else ""
    found = [f"{who}{why}".lstrip(": ")] if who or why else []
    # An address of ours holds no `|` or `>`; what does is not made a link of.
    found += [f"<{url}|{escape(name)}>" for name, url in notice.links if not set(url) & set("|<> ")]
    found.append(f"`{escape(notice.release)}`")
    return found[:10]


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, 3000)}}


def _metadata(release: str, part: str) -> dict[str, Any]:
    """Mark a message as a release's, so that it is found again when our own memory of it is lost."""
    return {"metadata": {"event_type": EVENT, "event_payload": {"release": release, "part": part}}}


def is_of(message: dict[str, Any], release: str, part: str) -> bool:
    """Say whether a message that Slack gives is the one of a release and a part."""
    metadata = message.get("metadata") or {}
    return metadata.get("event_type") == EVENT and metadata.get("event_payload") == {
        "release": release,
        "part": part,
    }
