"""Push events of registries and Git hosts: who sent them, and what they are about.

An event only says "look now". Nothing here is believed: what is true is read from the
registry or the config repo, so that a replayed or invented event costs a look.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from headway.domain.events import hosts, registries
from headway.domain.events.signatures import verify
from headway.domain.events.values import Event, Events, GitPushed, ImagePushed
from headway.errors import UsageError

__all__ = ["SENDERS", "Event", "Events", "GitPushed", "ImagePushed", "read", "verify"]

_READERS: dict[str, Callable[[Any, Mapping[str, str]], Events]] = {
    "distribution": registries.distribution,
    "dockerhub": registries.dockerhub,
    "github": hosts.github,
    "gitlab": hosts.gitlab,
    "harbor": registries.harbor,
    "quay": registries.quay,
    "ecr": registries.ecr,
    "gar": registries.gar,
    "acr": registries.acr,
    "gitea": hosts.gitea,
    "bitbucket": hosts.bitbucket,
    "generic": hosts.generic,
}
SENDERS = tuple(_READERS)


def read(sender: str, headers: Mapping[str, str], body: bytes) -> Events:
    """Read a sender's request; what it says of other things is acknowledged and has no events.

    Header names are in lower case. GitHub and Gitea may send the JSON as a form's `payload`; and many a client
    calls plain JSON a form, so only the body counts.
    Raises UsageError for a body that is not the sender's format.
    """
    try:
        if body.startswith(b"payload="):
            body = parse_qs(body, strict_parsing=True)[b"payload"][0]
        value = json.loads(body)
    except (ValueError, RecursionError, KeyError):
        raise UsageError("the body is not JSON") from None
    return _READERS[sender](value, headers)
