"""The refs of the config repo that are headway's own, beside its notes.

`refs/headway/ENVIRONMENT/live` is the commit that was live last in an environment.
`refs/headway/ENVIRONMENT/released` and `refs/notes/headway-released-ENVIRONMENT` are the commit that was
released there last; nothing is read from them. They go in one push with the commit, so that a server which
takes no such refs refuses a release before anything is committed, and not its record after the rollout.
"""

from __future__ import annotations

from collections.abc import Sequence

from headway.domain.releases.message import parse_message
from headway.systems.git.errors import NoAtomicPush
from headway.systems.git.home import Home
from headway.systems.git.mirror import Mirror, Push


def push_release(mirror: Mirror, home: Home, change: Push, message: str) -> None:
    """Push a commit to the branch, and a release's refs with it: where these are refused, it is refused."""
    own = _released(mirror, home, change.commit, message)
    try:
        mirror.push(change, *own)
    except NoAtomicPush:
        if own:
            mirror.push(*own, atomic=False)
        mirror.push(change)


def _released(mirror: Mirror, home: Home, commit: str, message: str) -> list[Push]:
    """Return the refs that go with a release's commit; none with a rollback's, which nothing should hold up."""
    record = parse_message(message)
    if record is None or record.kind not in ("release", "promotion"):
        return []
    return [Push(ref, commit, lease=mirror.seen(ref) or "") for ref in home.released_refs(record.environment)]


def push_record(mirror: Mirror, changes: Sequence[Push]) -> None:
    """Push a note and a live ref: both or none, where the server can do that."""
    if not changes:
        return
    try:
        mirror.push(*changes)
    except NoAtomicPush:
        # The note first: without the ref, the next look finds an environment that is live already.
        for change in changes:
            mirror.push(change)
