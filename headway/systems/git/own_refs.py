"""The refs of the config repo that are headway's own, beside its notes.

`refs/headway/ENVIRONMENT/live` is the commit that was live last in an environment.
`refs/headway/ENVIRONMENT/released` and `refs/notes/headway-released-ENVIRONMENT` are the commit that was
released there last; nothing is read from them. They go in one push with the commit, so that a server which
takes no such refs refuses a release before anything is committed, and not its record after the rollout.
"""

from __future__ import annotations

import re

from headway.domain.releases.message import parse_message
from headway.errors import UsageError
from headway.systems.git.errors import NoAtomicPush
from headway.systems.git.mirror import Mirror, Push
from headway.systems.git.notes import NOTES

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*(?<!\.lock)")


def live_ref(environment: str) -> str:
    """Return the ref of the commit that was live last in an environment."""
    if not _WORD.fullmatch(environment):
        raise UsageError(
            f"{environment!r} cannot be an environment", hint="use letters, digits, dashes, underscores, dots"
        )
    return f"refs/headway/{environment}/live"


def push_release(mirror: Mirror, change: Push, message: str) -> None:
    """Push a commit to the branch, and a release's refs with it: where these are refused, it is refused."""
    own = _released(mirror, change.commit, message)
    try:
        mirror.push(change, *own)
    except NoAtomicPush:
        if own:
            mirror.push(*own, atomic=False)
        mirror.push(change)


def _released(mirror: Mirror, commit: str, message: str) -> list[Push]:
    """Return the refs that go with a release's commit; none with a rollback's, which nothing should hold up."""
    record = parse_message(message)
    if (
        record is None
        or record.kind not in ("release", "promotion")
        or not _WORD.fullmatch(record.environment)
    ):
        return []
    # One of each kind that the record of the outcome writes: hosts have rules for `refs/notes/*` and for others.
    refs = (f"refs/headway/{record.environment}/released", f"{NOTES}-released-{record.environment}")
    return [Push(ref, commit, lease=mirror.seen(ref) or "") for ref in refs]
