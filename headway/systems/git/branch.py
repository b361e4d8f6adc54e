"""One branch of a remote as it was last looked at: its head, which commits it has, and those that it lost."""

from __future__ import annotations

import time

from headway.errors import TransientError
from headway.systems.git.commits import Commits
from headway.systems.git.mirror import Mirror


class Branch:
    """A branch of a mirror's remote; `branch` is its name."""

    def __init__(self, mirror: Mirror, branch: str) -> None:
        self._mirror, self.branch = mirror, branch
        self._commits = Commits(mirror)
        self._looked = float("-inf")

    @property
    def url(self) -> str:
        """The repo's URL, without credentials."""
        return self._mirror.url

    def fetch(self) -> str:
        """Look at the remote, and return the branch's newest commit."""
        ref = f"refs/heads/{self.branch}"
        before = self._mirror.seen(ref) if self._mirror.made else None
        self._mirror.fetch()
        self._saw()
        head = self.head
        if before is not None and before != head and not self._commits.comes_from(head, before):
            self._mirror.run("update-ref", self._lost, before)
        return head

    @property
    def head(self) -> str:
        """The branch's newest commit, as last looked at."""
        found = self._mirror.seen(f"refs/heads/{self.branch}")
        if found is None:
            raise TransientError(
                f"the branch {self.branch} of {self.url} was not looked at yet", hint="try again"
            )
        return found

    def rev_parse(self, name: str) -> str | None:
        """Return the commit that a Git revision names (`HEAD~2`, a SHA-1, the branch); None where there is none."""
        if name == self.branch or name.startswith((f"{self.branch}~", f"{self.branch}^")):
            name = f"HEAD{name[len(self.branch) :]}"
        return self._mirror.resolve(name)

    def on_branch(self, commit: str) -> bool:
        """Return whether the branch, as last looked at, has a commit."""
        found = self._mirror.find(commit)
        return found is not None and found[1] == "commit" and self._commits.comes_from(self.head, found[0])

    def look_again(self, seconds: float) -> None:
        """Look at the remote, unless that was done in the last so many seconds."""
        if self.age > seconds:
            self.fetch()

    @property
    def age(self) -> float:
        """The seconds since the remote was last looked at, or pushed to."""
        return time.monotonic() - self._looked

    def _saw(self) -> None:
        """Note that the branch is known as it is now."""
        self._looked = time.monotonic()

    def rewritten(self) -> tuple[str, str] | None:
        """Return the head before and the head now, once, where the branch lost commits since this was last asked.

        It is known to this machine's mirror alone: the remote keeps no trace of it.
        """
        found = self._mirror.find(self._lost)
        if found is None:
            return None
        self._mirror.run("update-ref", "-d", self._lost)
        return None if self._commits.comes_from(self.head, found[0]) else (found[0], self.head)

    @property
    def _lost(self) -> str:
        return f"refs/lost/heads/{self.branch}"
