"""Proof that an approval was given where people are known: a signature, which Prefect cannot make: it knows nobody."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass

WAYS = ("board", "slack")
"""Where people are known: by a login, or by the member of the workspace that they are."""
_NAMES = {"board": "on the board", "slack": "in Slack"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered to which run, for which plan."""

    run: str
    plan: str
    decision: str
    by: str


def proof(secret: str, way: str, answer: Answer) -> str:
    """Return the proof that an answer was given at a way in: its name, and an HMAC-SHA256 in hexadecimal digits."""
    said = json.dumps([way, answer.run, answer.plan, answer.decision, answer.by])
    return f"{way}:{hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()}"


def way_of(secret: str, shown: str, answer: Answer) -> str:
    """Return where an answer was given; empty where nothing proves it, as for every answer without a secret."""
    way = shown.partition(":")[0]
    fits = secret and way in WAYS and hmac.compare_digest(shown.encode(), proof(secret, way, answer).encode())
    return way if fits else ""


def only_there(environment: str, wanted: Sequence[str], way: str) -> str:
    """Return that an environment takes no approval from a way in; empty where it does."""
    if not wanted or way in wanted:
        return ""
    return f"{environment} takes approvals {places(wanted)} only"


def places(wanted: Sequence[str]) -> str:
    """Return where approvals are taken, in words: `on the board or in Slack`."""
    return " or ".join(_NAMES[it] for it in wanted)
