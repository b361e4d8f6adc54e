"""A folder of this machine, read as if it were a commit: what Git would take of it, before anything is committed.

It gives what `git_tree` reads, so that files, links and what is ignored mean the same before and after a commit.
It changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from headway.errors import UsageError
from headway.systems.git.command import QUICK
from headway.systems.git.tree import FILE, FOLDER, LINK, MODULE, Item, encode


class PlainFolder:
    """The files below a folder. Where it is in a Git working tree, what `.gitignore` names is not there."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise UsageError(f"{root} is not a folder", hint="name the root of a config repo's checkout")
        self._root = root
        self._kept = _listed(root)
        self._paths: dict[str, Path] = {}
        self.root = self._id(root)

    def read(self, sha: str) -> bytes:
        """Read what an id of this folder's stands for: a file, where a link leads, or a folder's list."""
        path = self._paths[sha]
        try:
            if path.is_symlink():
                return os.fsencode(os.readlink(path))
            return encode(self._entries(path)) if path.is_dir() else path.read_bytes()
        except OSError as error:
            said = f"{path} cannot be read: {error.strerror}"
            raise UsageError(said, hint="see whether this user may read it") from None

    def read_many(self, shas: Sequence[str]) -> Iterator[bytes]:
        """Read several, in the order given."""
        return map(self.read, shas)

    def write(self, kind: str, content: bytes) -> str:
        """Refuse: what is only read is not changed."""
        raise UsageError(f"{self._root} is only read")

    def _entries(self, folder: Path) -> dict[str, Item]:
        found = {}
        for name in sorted(os.listdir(folder)):
            path = folder / name
            mode = _mode(path)
            if name != ".git" and mode is not None and self._keeps(path, mode):
                found[name] = Item(mode, self._id(path))
        return found

    def _keeps(self, path: Path, mode: str) -> bool:
        relative = path.relative_to(self._root).as_posix()
        return self._kept is None or mode == FOLDER or relative in self._kept

    def _id(self, path: Path) -> str:
        made = hashlib.sha1(os.fsencode(path), usedforsecurity=False).hexdigest()
        self._paths[made] = path
        return made


def _mode(path: Path) -> str | None:
    """Return what Git would call it; None for what Git does not keep."""
    kind = path.lstat().st_mode
    if stat.S_ISLNK(kind):
        return LINK
    if stat.S_ISDIR(kind):
        return MODULE if (path / ".git").exists() else FOLDER
    return FILE if stat.S_ISREG(kind) else None


def _listed(root: Path) -> set[str] | None:
    """Return the files that are in the next commit or may be; None where no Git is asked about this folder."""
    command = ["git", "-C", str(root), "-c", "core.fsmonitor=false", "ls-files", "-coz", "--exclude-standard"]
    # Whoever calls this from a hook has variables of Git's that mean another repo.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=QUICK, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    return {os.fsdecode(it).rstrip("/") for it in done.stdout.split(b"\0") if it}
