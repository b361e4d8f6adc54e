"""Tells from what Git prints which of headway's errors it is.

Git has few exit codes and many sentences; with LC_ALL=C those are stable. What no
rule here knows is a FailedError that shows Git's own words, never a guess.
"""

from __future__ import annotations

import re

from headway.errors import FailedError, HeadwayError, TransientError, UsageError


class LostRace(TransientError):
    """Somebody else's push came first: look again, plan again, push again."""


class DamagedMirror(TransientError):
    """The local mirror cannot be read; it is only a copy and is made again."""


class NoAtomicPush(FailedError):
    """The server cannot change several refs in one step."""


class MissingRef(FailedError):
    """The remote has no ref of that name."""


_RULES: tuple[tuple[str, type[HeadwayError], str, str], ...] = (
    (
        r"does not support --atomic|atomic push not supported",
        NoAtomicPush,
        "{url} cannot change several refs in one step",
        "",
    ),
    (
        r"couldn't find remote ref|not our ref|unadvertised object",
        MissingRef,
        "{url} does not have it: {detail}",
        "",
    ),
    (
        r"dubious ownership",
        FailedError,
        "git does not trust {url}: it belongs to another user",
        "run `git config --global --add safe.directory PATH` for it, or give it to this user",
    ),
    (
        r"SSL certificate problem|certificate verif|Host key verification failed",
        FailedError,
        "the identity of {url} could not be verified: {detail}",
        "give Git the server's CA (http.sslCAInfo) or host key (ssh-keyscan) and try again",
    ),
    (
        r"Authentication failed|could not read (Username|Password)|terminal prompts disabled|returned error: 401"
        r"|Permission denied \(|Access denied|Invalid username or|Bad credentials|authentication required",
        FailedError,
        "authentication failed for {url}",
        "give Git the credentials: a credential helper or ~/.netrc for http, an agent with the key for ssh; "
        "`git ls-remote URL` shows whether they work",
    ),
    (
        r"returned error: 403|Permission to .* denied|insufficient permission|not authorized|not allowed"
        r"|[Ww]rite access .* not granted|service not enabled|read.only",
        FailedError,
        "no permission for {url}: {detail}",
        "ask the server's owner to let this user push, or use another user's credentials",
    ),
    (
        r"Could not resolve|Connection refused|Failed to connect|Couldn't connect|timed out|Connection reset"
        r"|unexpected disconnect|early EOF|RPC failed|returned error: (5\d\d|429|408)|Network is unreachable"
        r"|No route to host|transfer closed|Operation too slow|Empty reply|Broken pipe|Connection closed"
        r"|Temporary failure|the remote end hung up unexpectedly(?!.*access rights)",
        TransientError,
        "{url} cannot be reached: {detail}",
        "see whether the Git server is up and the address is right; `git ls-remote URL` tries the same",
    ),
    (
        r"not found|does not appear to be a git repository|does not exist|No such file|returned error: 404"
        r"|not valid: is this a git repository|not a git repository",
        UsageError,
        "there is no Git repo at {url}",
        "correct the URL, or create the repo; a private repo also looks like this without credentials",
    ),
    (
        r"No space left|Disk quota",
        FailedError,
        "the disk is full: {detail}",
        "make room and try again; the state folder can be deleted, everything in it is made again",
    ),
)

_DAMAGE = re.compile(
    r"(object file|loose object|packed object|packfile|index file) .*(is empty|corrupt|cannot be accessed|is too small"
    r"|does not match|wrong|truncated)|unable to (read|unpack) [0-9a-f]{40}|bad object|fatal: bad tree"
    r"|missing (blob|tree|commit)|invalid object|did not send all necessary objects|inflate: data stream"
    r"|bad config|unable to parse object|not a git repository: '|non-monotonic index|bad index"
    r"|broken (link|ref)|invalid sha1 pointer|error in object|could not parse|bad pack"
)
_REJECTED = re.compile(
    r"fetch first|non-fast-forward|stale info|failed to update ref|cannot lock ref|failed to lock"
    r"|incorrect old value|already exists|reference already|unable to create '.*\.lock|failed to write"
)


def is_damage(stderr: str) -> bool:
    """Return whether Git complains about its own copy; what the remote and its hooks say is about no copy here."""
    return _DAMAGE.search(_own(stderr)) is not None


def is_locked(stderr: str) -> bool:
    """Return whether a lock file that a killed Git left is in the way."""
    return re.search(r"\.lock': File exists", _own(stderr)) is not None


def failure(url: str, stderr: str) -> HeadwayError:
    """Make the error for a command that failed; both arguments are redacted already."""
    for pattern, kind, message, hint in _RULES:
        if re.search(pattern, stderr, re.DOTALL if "(?!" in pattern else 0):
            return kind(message.format(url=url, detail=_detail(stderr)), hint=hint)
    return FailedError(f"git failed for {url}: {_detail(stderr)}", hint="`git ls-remote URL` tries the same")


def unusable(url: str, stderr: str) -> UsageError | None:
    """Make the error for a fetch that ends well and brings nothing; None where it brought what there is."""
    if "shallow roots are not allowed" not in stderr:
        return None
    return UsageError(
        f"the repo {url} is shallow: it lacks the history that headway reads",
        hint="run `git fetch --unshallow` in it, or use the repo that it was cloned from",
    )


SIGN = (
    "headway signs where Git's settings say so: git config --global commit.gpgsign true, user.signingkey KEY, "
    "and user.name and user.email of the key's owner"
)
_SIGNED = re.compile(r"\b(un)?sign(ed|ature|atures|ing)?\b|\bgpg", re.IGNORECASE)


def wants_signatures(said: str) -> bool:
    """Return whether a server refused commits because they are not signed."""
    return _SIGNED.search(said) is not None


def rejection(url: str, porcelain: str, stderr: str) -> HeadwayError | None:
    """Make the error for refs that a push could not change, from `git push --porcelain`; None where all changed."""
    refused = [line for line in porcelain.splitlines() if line.startswith("!")]
    if not refused:
        return None
    # Under --atomic the innocent refs are refused too; the guilty one says why.
    guilty = [line for line in refused if "atomic" not in line.rpartition("\t")[2]] or refused
    parts = guilty[0].split("\t")
    ref, summary = parts[1].rpartition(":")[2], parts[-1]
    if _REJECTED.search(summary) or (_REJECTED.search(stderr) and "declined" not in summary):
        return LostRace(f"somebody else pushed to {url} at the same time", hint="try again")
    if "unpacker error" in summary or "Internal" in summary:
        return TransientError(
            f"{url} could not store the push: {_detail(stderr)}", hint="see the server's log"
        )
    said = "\n".join(_remote_lines(stderr))
    if wants_signatures(said):
        return FailedError(f"{url} refused the push to {ref}: it wants signed commits\n{said}", hint=SIGN)
    return FailedError(
        f"{url} refused the push to {ref}: {summary.removeprefix('[remote rejected] ')}"
        + (f"\n{said}" if said else ""),
        hint="let the user that headway pushes as push to this ref, or take the rule off the server: "
        "headway writes the branch, refs/notes/headway* and refs/headway/*",
    )


def wrong_branch(url: str, branch: str, branches: list[str]) -> UsageError:
    """Make the error for a branch that is not there, naming those that are."""
    if not branches:
        return UsageError(
            f"the Git repo at {url} is empty", hint=f"push a first commit to its branch {branch}"
        )
    shown = ", ".join(branches[:10]) + (f" and {len(branches) - 10} more" if len(branches) > 10 else "")
    return UsageError(
        f"{url} has no branch {branch}; it has {shown}",
        hint="set HEADWAY_BRANCH to the one that says what runs",
    )


def _own(stderr: str) -> str:
    return "\n".join(line for line in stderr.splitlines() if not line.startswith("remote:"))


def _remote_lines(stderr: str) -> list[str]:
    lines = [
        line.removeprefix("remote:").strip() for line in stderr.splitlines() if line.startswith("remote:")
    ]
    return [line for line in lines if line][:10]


def _detail(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"(remote: )?(fatal|error|ssh|ERROR):?", line)] or lines
    return re.sub(r"^(remote: )?(fatal|error): ", "", telling[0]) if telling else "it gave no reason"
