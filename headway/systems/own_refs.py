"""The refs of the config repo that are headway's own, beside its notes.

`refs/headway/ENVIRONMENT/live` is the commit that an environment reached last.
`refs/headway/ENVIRONMENT/released` is the commit that was released there last; nothing is read from
it. It goes in one push with the commit, so that a server which takes no such refs refuses a release
before anything is applied, and not its record afterwards.
"""

from __future__ import annotations

import re

from headway.domain.releases import parse_message
from headway.errors import UsageError
from headway.systems.git import Mirror, Push

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*(?<!\.lock)")


def live_ref(environment: str) -> str:
    """Name the ref of the commit that an environment reached last."""
    if not _WORD.fullmatch(environment):
        raise UsageError(
            f"{environment!r} cannot be an environment", hint="use letters, digits, dashes, underscores, dots"
        )
    return f"refs/headway/{environment}/live"


def released(mirror: Mirror, commit: str, message: str) -> list[Push]:
    """Return the ref that goes with a release's commit; none with a rollback's, which nothing should hold up."""
    record = parse_message(message)
    if (
        record is None
        or record.kind not in ("release", "promotion")
        or not _WORD.fullmatch(record.environment)
    ):
        return []
    ref = f"refs/headway/{record.environment}/released"
    return [Push(ref, commit, lease=mirror.seen(ref) or "")]
