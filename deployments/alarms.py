"""The Prefect block that alarms go to: one that people made, or one for Slack made from what headway knows.

The server's own services send them, and no run of headway's does: they come also where no worker is left to
say that none is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from headway.deployments.owner import TAG, Owner
from headway.domain.config.reading import Config
from headway.errors import UsageError
from headway.settings import Settings
from headway.systems.prefect.http import PrefectHttp

KIND = "custom-webhook"
SLACK = "https://slack.com/api/"
UNMADE = "00000000-0000-0000-0000-000000000000"
Say = Callable[[str, str], None]
Tell = Callable[[str], None]


def without_alarms(automations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the automations that notify somebody."""
    return [it for it in automations if not any("block" in action for action in it["actions"])]


def alarm_block(
    api: PrefectHttp,
    config: Config | None,
    settings: Settings,
    owner: Owner,
    say: Say,
    tell: Tell,
    *,
    check: bool,
) -> str:
    """Return the id of the block that alarms go to, made or changed where it must be; empty where there is none."""
    if settings.alarm:
        kind, _, name = settings.alarm.partition("/")
        found = api.find(f"/block_types/slug/{kind}/block_documents/name/{name}") if name else None
        if found is None:
            raise UsageError(
                f"HEADWAY_ALARM says {settings.alarm}, and the Prefect server has no such block",
                hint="give the type and the name of a notification block, such as slack-webhook/oncall",
            )
        return str(found["id"])
    name = _name(owner)
    found = api.find(f"/block_types/slug/{KIND}/block_documents/name/{name}?include_secrets=true")
    channel = _channel(config)
    token = settings.slack_token.get_secret_value()
    if not channel:
        if found is not None:
            say("remove", f"block {KIND}/{name}")
            if not check:
                api.call("DELETE", f"/block_documents/{found['id']}", missing=("", ""))
        return ""
    if not token:
        # Whoever syncs without the token leaves what another one made with it.
        if found is None:
            tell("no alarms: HEADWAY_SLACK_TOKEN is not set here")
        return str(found["id"]) if found is not None else ""
    data = _data(channel, token, settings.slack_url or SLACK)
    if found is not None and all(found["data"].get(key) == value for key, value in data.items()):
        return str(found["id"])
    say("change" if found else "create", f"block {KIND}/{name}")
    if check:
        return str(found["id"]) if found else UNMADE
    return _save(api.url, name, data)


def _name(owner: Owner) -> str:
    words = re.findall(r"[a-z0-9]+", f"{TAG} {owner.prefix} {owner.app}".lower())
    return "-".join([*words, "alarms"])


def _channel(config: Config | None) -> str:
    """Return the first channel that is notified of releases; empty where none is."""
    notify = config.document.notify if config is not None else None
    routes = [notify, *notify.routes] if notify is not None else []
    return next((it.slack.channel for it in routes if it.slack is not None), "")


def _data(channel: str, token: str, url: str) -> dict[str, Any]:
    return {
        "name": TAG,
        "url": f"{url.rstrip('/')}/chat.postMessage",
        "method": "POST",
        "json_data": {"channel": channel, "text": ":rotating_light: *{{subject}}*\n{{body}}"},
        "headers": {"Authorization": "Bearer {{token}}"},
        "secrets": {"token": token},
    }


def _save(url: str, name: str, data: dict[str, Any]) -> str:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.settings import PREFECT_API_URL, temporary_settings

    block: Any = CustomWebhookNotificationBlock(**data)
    with temporary_settings({PREFECT_API_URL: url}):
        return str(block.save(name, overwrite=True))
