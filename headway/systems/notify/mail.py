"""Mail, Teams, Discord and all the rest, by apprise. Addresses hold passwords, so they come from HEADWAY_APPRISE."""

from __future__ import annotations

import logging

from headway.domain.notifications.notices import FAILURES, WARNINGS, Notice
from headway.domain.releases.message import short_tag
from headway.domain.text.visible import visible, visible_line
from headway.errors import FailedError, TransientError


def address(said: str, name: str) -> str:
    """Find an address by its name in `name=url name=url …`; raise FailedError where there is none."""
    known = dict(it.partition("=")[::2] for it in said.split())
    if name not in known:
        raise FailedError(
            f"HEADWAY_APPRISE has no address named {name}",
            hint=f"it has {', '.join(known) or 'none'}; add {name}=URL, as apprise writes its URLs",
        )
    return known[name]


def send(said: str, name: str, notice: Notice) -> None:
    """Send a notice to a named address; raise TransientError where that fails."""
    import apprise

    # It logs addresses, and those hold passwords.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    there = apprise.Apprise()
    if not there.add(address(said, name)):
        raise FailedError(
            f"the address {name} in HEADWAY_APPRISE is none that apprise knows",
            hint="see apprise's list of URLs",
        )
    lines = [f"{service}: {short_tag(old)} -> {short_tag(new)}" for service, old, new in notice.changes]
    lines += [f"Cause: {notice.cause}"] if notice.cause else []
    lines += [f"By {notice.actor}" + (f": {notice.reason}" if notice.reason else "")] if notice.actor else []
    lines += [f"{name}: {url}" for name, url in notice.links]
    kinds = {"live": "success", **dict.fromkeys(WARNINGS, "warning"), **dict.fromkeys(FAILURES, "failure")}
    kind = kinds.get(notice.state, "info")
    title, body = visible_line(notice.headline), visible("\n".join(lines))
    if not there.notify(title=title, body=body or title, notify_type=kind):
        raise TransientError(f"the message to {name} could not be sent")
