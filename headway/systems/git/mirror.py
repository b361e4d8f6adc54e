"""A bare mirror of one remote repo: reads and writes objects in this process, fetches and pushes.

The remote is the truth; a mirror can be lost at any time and is made again. What the
remote has is kept under refs/seen/, so that nothing local can be taken for it. It
refuses to force a branch: a push is a fast-forward or it fails.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from headway.errors import FailedError, HeadwayError, TransientError
from headway.systems.git.command import NETWORK, Result, Runner
from headway.systems.git.errors import (
    DamagedMirror,
    MissingRef,
    failure,
    is_damage,
    is_locked,
    rejection,
    unusable,
    wrong_branch,
)
from headway.systems.git.login import split_login
from headway.systems.git.objects import Objects, Unreadable
from headway.systems.git.redaction import redact
from headway.systems.machine.state_folder import private_folder

FIRST_FETCH = 1800.0
LOCK_WAIT = 600.0
LOCK_PAUSE, TURN_PAUSE = 0.003, 0.02
SEEN = "refs/seen/"

_log = logging.getLogger("headway.git")


@dataclass(frozen=True, slots=True)
class Push:
    """One ref to change, as a fast-forward, or away from exactly `lease` (empty: the ref must not exist).

    Without a commit the ref is removed.
    """

    ref: str
    commit: str
    lease: str | None = None


def seen(ref: str) -> str:
    """Return the local ref that says where a ref of the remote was."""
    return SEEN + ref.removeprefix("refs/")


def absolute_url(url: str) -> str:
    """Make a URL that is a path mean the same in every folder."""
    local = "://" not in url and (":" not in url or url.index(":") > (url + "/").index("/"))
    return os.path.abspath(os.path.expanduser(url)) if local else url


class Mirror:
    """A persistent mirror of `url`; one branch with headway's own refs, or all branches and tags.

    Safe to use from several threads and processes at once.
    """

    def __init__(
        self, url: str, folder: Path, branch: str | None = None, *, commits_only: bool = False
    ) -> None:
        """Name the mirror; nothing is read or written before it is used. `folder` holds many mirrors.

        With `commits_only` no files are brought here, where the server can leave them out.
        """
        plain, self._login = split_login(url)
        self._url = absolute_url(plain)
        self.url = redact(self._url)
        self.branch = branch
        self._filter = ["--filter=tree:0"] if commits_only else []
        name = f"{self._url}\n{branch or ''}" + ("\ncommits" if commits_only else "")
        self.folder = folder / hashlib.sha256(name.encode()).hexdigest()[:20]
        self._runner = Runner(self.folder, self._url, self._refspecs(), self._login)
        self._objects = Objects(self.folder, self._runner.git)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process that reads objects; the next use starts it again."""
        self._objects.close()

    @property
    def made(self) -> bool:
        """Return whether there is a mirror on this machine yet."""
        return (self.folder / "HEAD").exists()

    def fetch(self, *extra: str) -> None:
        """Bring what the remote has here; `extra` are refspecs beside the usual ones.

        Raises UsageError for a missing repo, branch, or an empty repo.
        """
        with self._alone() as lock:
            self._ensure(lock)
            self._fetch(lock, self._runner, NETWORK, extra)

    def push(self, *changes: Push, dry_run: bool = False, atomic: bool = True) -> None:
        """Change refs on the remote: all of them or none, or, not `atomic`, each by itself.

        Raises LostRace where the remote has moved, FailedError where it says no.
        """
        command = ["push", "--porcelain", "--no-verify", "--no-signed"]
        command += ["--atomic"] if atomic and len(changes) > 1 else []
        command += ["--dry-run"] if dry_run else []
        command += [f"--force-with-lease={it.ref}:{it.lease}" for it in changes if it.lease is not None]
        refs = [f"{it.commit}:{it.ref}" for it in changes]
        with self._alone() as lock:
            self._ensure(lock)
            result = self._command(lock, self._runner, [*command, "origin", *refs], NETWORK)
        if result.code:
            error = rejection(self.url, result.stdout.decode("utf-8", "replace"), result.stderr)
            raise error or failure(self.url, result.stderr)

    def find(self, name: str) -> tuple[str, str, bytes] | None:
        """Look up an object by any name Git knows: (SHA-1, type, content); None where there is none."""
        if not name or "\n" in name or "\0" in name:
            return None
        return next(self._find([name]))

    def resolve(self, name: str) -> str | None:
        """Return the commit that a revision names, through tags; None where there is none."""
        found = self.find(f"{name}^{{commit}}")
        return found[0] if found else None

    def seen(self, ref: str) -> str | None:
        """Return where a ref of the remote was when it was last looked at, such as `refs/heads/main`."""
        found = self.find(seen(ref))
        return found[0] if found else None

    def read(self, sha: str) -> bytes:
        """Read one object that must be there."""
        return next(self.read_many([sha]))

    def read_many(self, shas: Sequence[str]) -> Iterator[bytes]:
        """Read objects that must be there, in the order given."""
        for sha, found in zip(shas, self._find(shas), strict=True):
            if found is None:
                with self._alone():
                    raise self._discard(f"object {sha} is missing")
            yield found[2]

    def _find(self, names: Sequence[str]) -> Iterator[tuple[str, str, bytes] | None]:
        self._ready()
        try:
            yield from self._objects.find_many(names)
        except Unreadable as error:
            with self._alone():
                raise self._discard(str(error)) from None

    def write(self, kind: str, content: bytes) -> str:
        """Store an object here and return its name; storing it again changes nothing."""
        self._ready()
        return self._objects.write(kind, content)

    def run(
        self,
        *arguments: str,
        extra: dict[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float = NETWORK,
    ) -> Result:
        """Run a local Git command on the mirror."""
        self._ready()
        return self._runner.run(*arguments, extra=extra, stdin=stdin, timeout=timeout)

    @contextlib.contextmanager
    def records(self, *arguments: str) -> Iterator[Iterator[bytes]]:
        """Return a local command's output while it runs, cut at NUL bytes."""
        self._ready()
        with self._runner.stream(*arguments) as found:
            yield found

    def diff(self, old: str, new: str, path: str) -> str:
        """Return the unified diff between two commits, of one folder or file or of all."""
        command = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"]
        result = self.run(*command, old, new, "--", *([path] if path else []))
        if result.code:
            raise FailedError(f"git diff failed: {result.stderr}")
        return result.stdout.decode("utf-8", "replace")

    def maintain(self) -> bool:
        """Pack loose objects where there are thousands; return whether that was needed. Takes seconds."""
        with self._alone() as lock:
            self._ensure(lock)
            # As Git's own rule does: one of 256 folders stands for all.
            loose = self.folder / "objects" / "17"
            if not loose.is_dir() or len(os.listdir(loose)) < 16:
                return False
            self._runner.run("repack", "-d", "-l", "-q", timeout=FIRST_FETCH, keep_open=[lock])
            self._runner.run("pack-refs", "--all", timeout=NETWORK, keep_open=[lock])
            self._runner.run("prune", "--expire=2.weeks.ago", timeout=FIRST_FETCH, keep_open=[lock])
            # What a write that was killed left; Git's prune knows only those that are named as its own.
            for half in (self.folder / "objects").glob("obj*"):
                if half.stat().st_mtime < time.time() - 86400:
                    half.unlink(missing_ok=True)
        return True

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Take turns with every other thread and process on this machine at looking, planning and pushing.

        Pushes are right without it; with it they do not race each other, and so do not wear out their tries.
        """
        with _held(self.folder.parent, f"{self.folder.name}.turn", self.url, TURN_PAUSE):
            yield

    # --- talking to the remote ---

    def _refspecs(self) -> list[str]:
        if self.branch is None:
            return [f"+refs/{kind}/*:{seen(f'refs/{kind}/*')}" for kind in ("heads", "tags")]
        # The last two are patterns because a ref named exactly must exist.
        wanted = (f"refs/heads/{self.branch}", "refs/notes/headway*", "refs/headway/*")
        return [f"+{ref}:{seen(ref)}" for ref in wanted]

    def _fetch(self, lock: int, runner: Runner, timeout: float, extra: Sequence[str] = ()) -> None:
        command = [
            "fetch",
            "--quiet",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            *self._filter,
        ]
        result = self._command(lock, runner, [*command, "origin", *extra], timeout)
        if not result.code:
            if shallow := unusable(self.url, result.stderr):
                raise shallow
            return
        error = failure(self.url, result.stderr)
        if isinstance(error, MissingRef) and self.branch is not None and not extra:
            listed = runner.run("ls-remote", "--heads", "origin", timeout=NETWORK)
            if listed.code:
                raise failure(self.url, listed.stderr)
            lines = listed.stdout.decode("utf-8", "replace").splitlines()
            branches = [line.partition("\t")[2].removeprefix("refs/heads/") for line in lines]
            raise wrong_branch(self.url, self.branch, branches)
        raise error

    def _command(self, lock: int, runner: Runner, arguments: list[str], timeout: float) -> Result:
        """Run a command that changes the mirror's refs, dealing with what a killed one left behind."""
        result = runner.run(*arguments, timeout=timeout, keep_open=[lock])
        if result.code and is_locked(result.stderr):
            # The lock on the folder is ours, and a child holds it on after its parent's death: who made these is dead.
            for stale in [*runner.folder.glob("*.lock"), *(runner.folder / "refs").rglob("*.lock")]:
                stale.unlink(missing_ok=True)
            result = runner.run(*arguments, timeout=timeout, keep_open=[lock])
        if result.code and is_damage(result.stderr):
            raise self._discard(result.stderr.splitlines()[0])
        return result

    # --- the folder ---

    @contextlib.contextmanager
    def _alone(self) -> Iterator[int]:
        """Hold the mirror's lock against every other thread and process."""
        with _held(self.folder.parent, f"{self.folder.name}.lock", self.url, LOCK_PAUSE) as lock:
            yield lock

    def _ready(self) -> None:
        if not (self.folder / "HEAD").exists():
            with self._alone() as lock:
                self._ensure(lock)

    def _ensure(self, lock: int) -> None:
        """Make the mirror where there is none: beside its place, then moved there, so that half of one never counts."""
        if (self.folder / "HEAD").exists():
            return
        for dead in self.folder.parent.glob(f"{self.folder.name}.*.new"):
            shutil.rmtree(dead, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix=f"{self.folder.name}.", suffix=".new", dir=self.folder.parent))
        try:
            runner = Runner(fresh, self._url, self._refspecs(), self._login)
            made = runner.run("init", "--quiet", "--bare", "--template=")
            if made.code:
                raise failure(self.url, made.stderr)
            head = self.branch or "HEAD"
            (fresh / "HEAD").write_text(f"ref: {seen(f'refs/heads/{head}')}\n")
            self._fetch(lock, runner, FIRST_FETCH)
            if self.folder.exists():
                shutil.rmtree(self.folder)
            fresh.rename(self.folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _discard(self, why: str) -> HeadwayError:
        """Throw a mirror away that cannot be read; the caller holds the lock."""
        self.close()
        trash = Path(tempfile.mkdtemp(prefix=f"{self.folder.name}.", suffix=".new", dir=self.folder.parent))
        with contextlib.suppress(FileNotFoundError):
            self.folder.rename(trash / "old")
        shutil.rmtree(trash, ignore_errors=True)
        _log.warning("the mirror of %s was damaged (%s) and is made again", self.url, why)
        return DamagedMirror(
            f"the local mirror of {self.url} was damaged and has been thrown away: {why}",
            hint="try again: it is recreated from the remote",
        )


@contextlib.contextmanager
def _held(folder: Path, name: str, url: str, pause: float) -> Iterator[int]:
    """Hold a lock file that the kernel frees when its holder dies; raise TransientError after ten minutes."""
    private_folder(folder)
    deadline = time.monotonic() + LOCK_WAIT
    with (folder / name).open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TransientError(
                        f"another process has been busy with the mirror of {url} for {LOCK_WAIT:.0f} s",
                        hint="see whether a `git fetch` hangs",
                    ) from None
                time.sleep(pause)
        yield handle.fileno()
