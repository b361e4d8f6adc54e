"""What makes two calls one run: the idempotency keys that the Prefect server knows runs by.

The server gives back the run that has a key, whatever else the second call asks for. So a key holds
everything that the run would do: a call that asks for something else is never given another one's run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

ASIDE = frozenset({"actor", "reason"})
"""What a request says that changes nothing of what is done."""
_COMMIT = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")


def is_commit(ref: str) -> bool:
    """Return whether a ref is a whole commit, which means the same for ever; a branch does not."""
    return _COMMIT.fullmatch(ref) is not None


def key_of(flow: str, request: Mapping[str, Any], who: Sequence[str]) -> str:
    """Return the key of a flow's request, as a model's `model_dump(mode="json")`.

    `who` is whatever else tells callers and calls apart, each word for itself: `a`, `bc` is not `ab`, `c`.
    """
    facts = {name: value for name, value in request.items() if name not in ASIDE}
    if "services" in facts:
        facts["services"] = sorted(facts["services"])
    said = json.dumps([flow, facts, list(who)], sort_keys=True)
    return f"{flow}-{hashlib.sha256(said.encode()).hexdigest()[:40]}"
