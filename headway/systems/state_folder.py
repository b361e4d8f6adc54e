"""The state folder and what is below it: for its user's eyes only.

It holds manifests, messages, and repos with what they say. A folder that headway did not make and that
others share, such as /tmp, stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path


def private_folder(folder: Path) -> Path:
    """Make a folder that its owner alone may look into, and give it; one that was open to others is closed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    shared = found.st_mode & (stat.S_ISVTX | stat.S_ISGID | stat.S_IWOTH)
    if found.st_mode & 0o077 and found.st_uid == os.geteuid() and not shared and folder != Path.home():
        with contextlib.suppress(PermissionError):
            folder.chmod(0o700)
    return folder
