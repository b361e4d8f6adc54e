"""What an error that nobody foresaw means for a person: what happened, where, and what to do next.

Each system turns its client's errors into headway's own. This is for what is left, at the entrances:
a disk, a folder, a setting, a fault of headway itself. None of them shows a traceback unasked.
"""

from __future__ import annotations

import errno
import sqlite3

from pydantic import ValidationError

from headway.errors import FailedError, HeadwayError, UsageError

_DISK = {
    errno.EACCES: "see who may read and write there",
    errno.EPERM: "see who may read and write there",
    errno.EROFS: "it is on a read-only disk: point HEADWAY_STATE at a folder that can be written",
    errno.ENOSPC: "the disk is full: free some space, then try again",
    errno.EDQUOT: "the disk quota is used up: free some space, then try again",
    errno.EMFILE: "too many files are open: raise the limit (`ulimit -n`)",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOTDIR: "a folder is expected there",
    errno.EISDIR: "a file is expected there",
    errno.ENOENT: "see whether the folder is there; HEADWAY_STATE names headway's own",
}
_REPORT = "this is a fault of headway: run it again with --debug for the traceback, and report it"


def explained(error: BaseException) -> HeadwayError:
    """Give the error as one of headway's own, with a message and a hint; one that is its own already stays."""
    if isinstance(error, HeadwayError):
        return error
    if isinstance(error, ValidationError):
        return _of_settings(error) if error.title == "Settings" else _of_request(error)
    if isinstance(error, OSError) and error.errno in _DISK:
        where = f"{error.filename}: " if error.filename else ""
        return FailedError(f"{where}{error.strerror or error}", hint=_DISK[error.errno])
    if isinstance(error, sqlite3.Error):
        return FailedError(
            f"a cache file in the state folder cannot be used: {error}",
            hint="see whether HEADWAY_STATE can be written and has space; it can be deleted, and is made again",
        )
    if isinstance(error, MemoryError):
        return FailedError("there is not enough memory", hint="give the process more memory, then try again")
    text = " ".join(str(error).split())[:500]
    return FailedError(
        f"something unforeseen happened: {type(error).__name__}" + (f": {text}" if text else ""), hint=_REPORT
    )


def _of_settings(error: ValidationError) -> UsageError:
    """Name the variables; what they hold may be a secret and is not shown."""
    wrong = "; ".join(
        f"HEADWAY_{str(it['loc'][0]).upper()}: {it['msg']}" for it in error.errors() if it["loc"]
    )
    return UsageError(
        wrong or "a HEADWAY_* variable is wrong", hint="docs/settings.md lists what is expected"
    )


def _of_request(error: ValidationError) -> UsageError:
    wrong = "; ".join(f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors())
    return UsageError(f"the request is not valid: {wrong}")
