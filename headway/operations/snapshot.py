"""The config repo at one commit: its rules, what is held back, and its environments.

It is read once and handed on, so that a decision goes by one commit from its beginning to its end.
"""

from __future__ import annotations

import threading

from headway.domain.config.reading import Config, Environment
from headway.domain.policy.holds import FILE as HOLDS_FILE
from headway.domain.policy.holds import Holds, read_holds, unknown_names
from headway.errors import Problem
from headway.operations.desired import Desired
from headway.systems.git.config_repo import ConfigRepo


class Snapshot:
    """What stands in the config repo at `commit`. Nothing of it changes; what is asked for is read once.

    Not a dataclass on purpose, as `Desired` is not: Prefect walks into those to look for futures.
    """

    __slots__ = ("_environments", "_holds", "_lock", "_repo", "commit", "config")

    def __init__(self, repo: ConfigRepo, commit: str, config: Config) -> None:
        self.commit, self.config = commit, config
        self._repo = repo
        self._lock = threading.RLock()
        self._holds: Holds | None = None
        self._environments: dict[str, Desired] = {}

    @property
    def holds(self) -> Holds:
        """The locks, vetoes and overrides; raises ConfigError where holds.yaml cannot be read."""
        with self._lock:
            if self._holds is None:
                self._holds = read_holds(self._repo.own_file(self.commit, HOLDS_FILE))
            return self._holds

    @property
    def unknown_holds(self) -> list[Problem]:
        """The lines of holds.yaml that are about nothing in headway.yaml: they hold nothing back."""
        text = self._repo.own_file(self.commit, HOLDS_FILE)
        return unknown_names(text, self.config.environments, self.config.services)

    def rules(self, name: str) -> Environment:
        """Return what headway.yaml says of an environment; raise UsageError for one that it does not name."""
        return self.config.environment(name)

    def environment(self, name: str) -> Desired:
        """Return an environment as it should be: its manifests, images and digests."""
        with self._lock:
            if name not in self._environments:
                self._environments[name] = Desired(self._repo, self.config, name, self.commit)
            return self._environments[name]

    def problems(self, name: str) -> list[Problem]:
        """Return what is wrong with an environment's files, also where it has no other."""
        tree = self._repo.tree(self.commit, self.rules(name).path, self.config.document.ignore)
        return [it for index in self._repo.index(tree) for it in index.problems]

    def text(self, path: str) -> bytes:
        """Return a file's content; raise UsageError where there is none."""
        return self._repo.reader(self.commit)(path)

    def file(self, path: str) -> bytes | None:
        """Return a file's content; None where there is none."""
        return self._repo.read(self.commit, path)

    def folder(self, name: str) -> str:
        """Return the id of an environment's tree: two that are equal hold the same files."""
        return self._repo.tree_sha(self.commit, self.rules(name).path)
