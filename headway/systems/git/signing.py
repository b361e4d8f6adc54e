"""Signs commits where Git's own settings say so: `commit.gpgsign`, `user.signingkey`, `gpg.format`; knows Git's user.

A server that demands signed commits also compares the committer with the key's owner, so a signed commit is
committed by Git's own `user.name` and `user.email` where they are set.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from headway.errors import FailedError
from headway.systems.git.mirror import Mirror

_PERSON = re.compile(r"(.*?) <([^>]*)>")


class Signing:
    """Whether and how the commits of one mirror are signed; Git's settings are read once."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    @property
    def wanted(self) -> bool:
        """Return whether Git's settings ask for signed commits."""
        said = self._settings.get("commit.gpgsign", "false").lower()
        return said in ("true", "yes", "on") or (said.isdigit() and int(said) > 0)

    @property
    def own_user(self) -> tuple[str, str]:
        """Return the name and e-mail of Git's own user; empty where they are not set."""
        return self._settings.get("user.name", ""), self._settings.get("user.email", "")

    @cached_property
    def _settings(self) -> dict[str, str]:
        asked = r"^(user\.(name|email)|commit\.gpgsign)$"
        found = self._mirror.run("config", "-z", "--get-regexp", asked).stdout.decode("utf-8", "replace")
        # A key that stands there without a value means yes, and has no line of its own for it.
        rows = (row.partition("\n") if "\n" in row else (row, "", "true") for row in found.split("\0") if row)
        return {key: value.strip() for key, _, value in rows}

    def commit(
        self, tree: str, parents: Sequence[str], text: str, author: str, committer: str, when: str
    ) -> str:
        """Store a signed commit of a tree; raise FailedError where Git cannot sign it."""
        env = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        name, email = self.own_user if all(self.own_user) else _person(committer)
        env |= {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": email}
        env["GIT_AUTHOR_NAME"], env["GIT_AUTHOR_EMAIL"] = _person(author)
        named = [it for parent in parents for it in ("-p", parent)]
        made = self._mirror.run(
            "commit-tree", "-S", *named, "-F", "-", tree, extra=env, stdin=text.encode("utf-8", "replace")
        )
        if made.code:
            said = made.stderr.splitlines()
            raise FailedError(
                f"a commit could not be signed, as commit.gpgsign asks: {said[0] if said else 'no reason given'}",
                hint="`git config user.signingkey` names the key; it must be usable here without a passphrase prompt",
            )
        return made.stdout.decode().strip()


def _person(line: str) -> tuple[str, str]:
    found = _PERSON.fullmatch(line)
    return (found[1], found[2]) if found else (line, "")
