"""Tries against the remote what a release will really push, and takes it away again.

A dry run asks no hook and no rule of the host. So a commit like those of a release is pushed to refs beside
the real ones: a branch, a ref under `refs/headway/`, notes. What cannot be known is said: a rule for the one
branch that says what runs is only met by a real release.
"""

from __future__ import annotations

from datetime import UTC, datetime

from headway.errors import FailedError, HeadwayError
from headway.systems.git.commits import Commits, author_line
from headway.systems.git.errors import SIGN, NoAtomicPush, wants_signatures
from headway.systems.git.mirror import Mirror, Push
from headway.systems.git.signing import Signing

MESSAGE = "headway doctor tries what a release pushes [skip ci]\n\nIt is taken away at once."


def try_pushing(mirror: Mirror, commits: Commits, branch: str, head: str) -> str:
    """Return what was tried, in words; raise FailedError that says what a release would be refused for."""
    mirror.push(Push(f"refs/heads/{branch}", head), dry_run=True)
    trial = commits.write(
        commits.get(head).tree, [head], MESSAGE, author_line("headway doctor"), datetime.now(UTC)
    )
    name = f"doctor-{trial[:12]}"
    others = [f"refs/headway/_{name}/live", f"refs/notes/headway-{name}"]
    apart = _tried(mirror, trial, others)
    try:
        left = _tried(mirror, trial, [f"refs/heads/headway-{name}"])
    except HeadwayError as error:
        raise _branch_refused(error, Signing(mirror).wanted) from None
    said = "a branch, notes and refs/headway/* can be written" + (
        ", signed" if Signing(mirror).wanted else ""
    )
    notes = [it for it in (apart, left) if it]
    return "; ".join([said, *dict.fromkeys(notes)])


def _tried(mirror: Mirror, commit: str, refs: list[str]) -> str:
    """Write refs in one push and remove them; return what a release has to do without."""
    changes = [Push(ref, commit, lease="") for ref in refs]
    said = ""
    try:
        mirror.push(*changes)
    except NoAtomicPush:
        said = "no atomic pushes: a note and its ref are pushed one after the other"
        for change in changes:
            mirror.push(change)
    for ref in refs:
        try:
            mirror.push(Push(ref, "", lease=commit))
        except HeadwayError:
            said = f"{ref} could not be removed: remove it by hand; it means nothing"
    return said


def _branch_refused(error: HeadwayError, signs: bool) -> HeadwayError:
    hint = (
        "a trial branch was refused; where that is a rule about the names of branches, or for other branches only, "
        "releases may still be taken: let this user push headway-doctor-* to know"
    )
    if wants_signatures(error.message):
        hint = (
            "headway signs, as commit.gpgsign says; does the server know the key and its owner?"
            if signs
            else SIGN
        )
    return FailedError(error.message, hint=hint)
