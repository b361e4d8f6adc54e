"""A service's source repo: which commit a name means, and that commit's files for a build.

It reads only. What it exports is what a checkout would give, in a folder of its own
that is gone afterwards.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from headway.errors import FailedError, UsageError
from headway.systems.git.errors import MissingRef
from headway.systems.git.mirror import Mirror, seen
from headway.systems.git.tree import folder_path
from headway.systems.machine.state_folder import private_folder

_FULL = re.compile(r"[0-9a-f]{40}")
EXPORT = 600.0


class SourceRepo:
    """One source repo, through a mirror of its branches and tags."""

    def __init__(self, url: str, state_dir: Path) -> None:
        """Name a source repo; its mirror is made when it is first used."""
        self._mirror = Mirror(url, state_dir / "git")
        self._state = state_dir

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process that it started."""
        self._mirror.close()

    @property
    def url(self) -> str:
        """The repo's URL, without credentials: fit for a label or a log."""
        return self._mirror.url

    def resolve(self, ref: str) -> str:
        """Return the full SHA-1 of the commit that a branch, a tag or a SHA-1 names.

        A branch is looked up on the remote; a full SHA-1 that is here already needs no look.
        Raises UsageError where the repo has no such commit.
        """
        if not ref or ref.startswith("-"):
            raise UsageError(f"{ref!r} names no commit", hint="give a commit, a tag or a branch")
        full = _FULL.fullmatch(ref.lower()) is not None
        if full and (found := self._mirror.resolve(ref.lower())):
            return found
        self._mirror.fetch()
        plain = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        names = [ref.lower()] if full else [seen(f"refs/{kind}/{plain}") for kind in ("heads", "tags")]
        if re.fullmatch(r"[0-9a-f]{7,39}", ref):
            names.append(ref)
        for name in names:
            if found := self._mirror.resolve(name):
                return found
        if full:
            # Not on any branch, such as a pull request's; many servers give it out all the same.
            with contextlib.suppress(MissingRef):
                self._mirror.fetch(ref.lower())
                if found := self._mirror.resolve(ref.lower()):
                    return found
        raise UsageError(
            f"{self.url} has no commit, tag or branch {ref}", hint="push it first, or correct the name"
        )

    @contextlib.contextmanager
    def export(self, sha: str, context: str = ".") -> Iterator[Path]:
        """Return a folder with a commit's files, those below `context` only; it is removed when the block ends."""
        folder = folder_path(context)
        found = self._mirror.find(f"{sha}:{folder}")
        if found is None or found[1] != "tree":
            raise UsageError(
                f"{self.url} has no folder {folder or '.'} at {sha[:9]}",
                hint="correct `context` in headway.yaml",
            )
        parent = private_folder(self._state / "exports")
        made = Path(tempfile.mkdtemp(prefix=f"{sha[:9]}-", dir=parent))
        try:
            files = made / "files"
            files.mkdir()
            # An index and a work tree of its own: what other threads export does not meet here.
            extra = {"GIT_INDEX_FILE": str(made / "index"), "GIT_WORK_TREE": str(files)}
            result = self._mirror.run(
                "-c", "core.bare=false", "read-tree", "--reset", "-u", found[0], extra=extra, timeout=EXPORT
            )
            if result.code:
                raise FailedError(
                    f"the files of {self.url} at {sha[:9]} could not be written: {result.stderr}",
                    hint="see whether the disk is full",
                )
            yield files
        finally:
            shutil.rmtree(made, ignore_errors=True)


def resolve_url(base: str, url: str) -> str:
    """Resolve `./` and `../` at the start of a URL against another repo's URL, as Git does for submodules."""
    if not url.startswith(("./", "../")) and url not in {".", ".."}:
        return url
    base = base.rstrip("/")
    rest = url
    while True:
        if rest.startswith("../") or rest == "..":
            rest = rest[3:]
            cut = max(base.rfind("/"), base.rfind(":"))
            if (
                cut <= 0
                or base[:cut].endswith((":/", ":"))
                or (base[cut] == ":" and "://" not in base and not rest)
            ):
                raise UsageError(
                    f"{url} leads above the root of the config repo's URL", hint="give a whole URL"
                )
            base, joint = base[:cut], base[cut]
        elif rest.startswith("./") or rest == ".":
            rest, joint = rest[2:], "/"
        else:
            break
    return f"{base}{joint}{rest}".rstrip("/")
