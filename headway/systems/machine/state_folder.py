"""The state folder and what is below it: for its user's eyes only.

It holds manifests, messages, and repos with what they say. A folder that headway did not make and that
others share, such as /tmp, stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import tempfile
from pathlib import Path

from headway.errors import FailedError


def private_folder(folder: Path) -> Path:
    """Make a folder that its owner alone may look into, and return it; one that was open to others is closed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    shared = found.st_mode & (stat.S_ISVTX | stat.S_ISGID | stat.S_IWOTH)
    if found.st_mode & 0o077 and found.st_uid == os.geteuid() and not shared and folder != Path.home():
        with contextlib.suppress(PermissionError):
            folder.chmod(0o700)
    return folder


def writable(folder: Path) -> None:
    """Try to write where each run writes; raise FailedError where that fails."""
    hint = "HEADWAY_STATE must be a folder on a disk with free space in which this user may write"
    try:
        for each in (folder, folder / "git", folder / "locks"):
            with tempfile.TemporaryFile(dir=private_folder(each)) as tried:
                tried.write(b"0" * 4096)
                tried.flush()
    except OSError as error:
        raise FailedError(f"{error.strerror or error}: {error.filename or folder}", hint=hint) from None


def examined(folder: Path) -> str:
    """Try the state folder and the databases in it, and return its path; raise FailedError where one cannot be used."""
    writable(folder)
    for file in sorted(folder.glob("*.sqlite")):
        try:
            with contextlib.closing(sqlite3.connect(file, timeout=5)) as database:
                database.execute("BEGIN IMMEDIATE")
                database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise FailedError(
                f"{file} cannot be used: {error}",
                hint="delete it: it is a cache, and what people were still to be notified of where it is the outbox",
            ) from None
    return str(folder)
