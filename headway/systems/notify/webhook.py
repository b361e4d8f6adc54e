"""Notify programs over HTTP: CloudEvents 1.0, signed as Standard Webhooks 1.0 says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx

from headway.domain.notifications.notices import Notice
from headway.errors import FailedError, TransientError
from headway.systems.machine.tls import trusted

SECONDS = 10.0


def event(notice: Notice) -> dict[str, Any]:
    """Return a notice as a CloudEvent; a receiver that gets the same id twice has it already."""
    data = notice.as_dict()
    del data["corrects"]
    data.pop("buttons", None)
    data["changes"] = [
        {"service": name, "from": old.text, "to": new.text} for name, old, new in notice.changes
    ]
    data["links"] = dict(notice.links)
    return {
        "specversion": "1.0",
        "id": f"{notice.release}.{notice.mark}",
        "source": f"/headway/{notice.app}/{notice.environment}",
        "type": f"headway.release.{notice.state}",
        "subject": notice.release,
        "time": notice.at,
        "datacontenttype": "application/json",
        "data": data,
    }


def signature(secret: str, identifier: str, at: int, body: bytes) -> str:
    """Sign a body: `v1,` and the base64 of an HMAC-SHA256 over `id.timestamp.body`.

    A secret that begins with `whsec_` holds the key in base64 (Standard Webhooks); any other is the key itself.
    """
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            raise FailedError(
                "the secret that begins with whsec_ holds no base64",
                hint="copy HEADWAY_WEBHOOK_SECRET whole, or leave out whsec_ where it is a word of your own",
            ) from None
    made = hmac.new(key, f"{identifier}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(made).decode()


def post(url: str, secret: str, notice: Notice) -> None:
    """Notify one program; raise TransientError where it may work later, FailedError where it refuses."""
    if not secret:
        raise FailedError(
            "programs are notified of releases with a signature only",
            hint="set HEADWAY_WEBHOOK_SECRET to what the receiver knows too",
        )
    sent = event(notice)
    body, now = json.dumps(sent).encode(), int(time.time())
    headers = {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "User-Agent": "headway",
        "webhook-id": sent["id"],
        "webhook-timestamp": str(now),
        "webhook-signature": signature(secret, sent["id"], now, body),
    }
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=SECONDS, verify=trusted())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TransientError(f"the webhook cannot be reached: {type(error).__name__}") from None
    if answer.status_code == 429 or answer.status_code >= 500:
        after = answer.headers.get("Retry-After", "")
        wait = float(after) if after.isdigit() else None
        raise TransientError(f"the webhook answers {answer.status_code}", retry_after=wait)
    if answer.status_code >= 300:
        raise FailedError(f"the webhook answers {answer.status_code}", hint="see what it does not like")
