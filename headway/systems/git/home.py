"""Where one application's own files, refs and records are in a config repo that may hold several.

An application whose headway.yaml is at the root has the plain names. Any other has its folder in them:
its files stand there, its commits say so in a trailer, and its refs and notes are apart from the others'.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from headway.domain.releases.message import ReleaseRecord, parse_message
from headway.errors import UsageError

OWN_FILES = frozenset({"headway.yaml", "holds.yaml"})
"""About environments and not in one. Everywhere else they have these names; only here is it known where they stand."""
APPLICATION = "Application"
"""The trailer that says whose a commit is, where it is not of the application at the root."""
NOTES = "refs/notes/headway"

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*(?<!\.lock)")


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of an application's headway.yaml; empty for the root of the repo."""

    folder: str = ""

    def place(self, path: str) -> str:
        """Return where a file stands: one of headway's own in this folder, any other where it says."""
        return f"{self.folder}/{path}" if self.folder and path in OWN_FILES else path

    @property
    def own_files(self) -> frozenset[str]:
        """The paths of headway's own files."""
        return frozenset(map(self.place, OWN_FILES))

    @property
    def slug(self) -> str:
        """A name for refs and files: the folder's words, and what tells it from others of those words."""
        words = re.sub(r"[^A-Za-z0-9]+", "-", self.folder).strip("-")[:40]
        told = hashlib.sha256(self.folder.encode()).hexdigest()[:6]
        return f"{words}-{told}" if self.folder else ""

    @property
    def notes(self) -> str:
        """The ref of the notes with outcomes."""
        return f"{NOTES}-app.{self.slug}" if self.folder else NOTES

    @property
    def _refs(self) -> str:
        # No environment has a dot in its name, so this is none of those at the root.
        return f"refs/headway/app.{self.slug}" if self.folder else "refs/headway"

    def live_ref(self, environment: str) -> str:
        """Return the ref of the commit that was live last in an environment."""
        if not _WORD.fullmatch(environment):
            raise UsageError(
                f"{environment!r} cannot be an environment",
                hint="use letters, digits, dashes, underscores, dots",
            )
        return f"{self._refs}/{environment}/live"

    def released_refs(self, environment: str) -> tuple[str, ...]:
        """Return the refs of what was released last in an environment; none for what cannot be one."""
        if not _WORD.fullmatch(environment):
            return ()
        # One of each kind that the record of the outcome writes: hosts have rules for `refs/notes/*` and for others.
        return f"{self._refs}/{environment}/released", f"{self.notes}-released-{environment}"

    def marked(self, message: str) -> str:
        """Return a commit's message that says whose it is."""
        if not self.folder or parse_message(message) is None:
            return message
        return f"{message.rstrip()}\nHeadway-{APPLICATION}: {self.folder}\n"

    def record(self, message: str) -> ReleaseRecord | None:
        """Read a commit's message; None where it is no release of this application's."""
        found = parse_message(message)
        return (
            found if found is not None and dict(found.trailers).get(APPLICATION, "") == self.folder else None
        )
