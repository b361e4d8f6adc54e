"""The config repo at one commit: its rules, what is held back, and its environments.

It is read once and handed on, so that a decision goes by one commit from its beginning to its end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from headway.domain.config.reading import Config, Environment
from headway.domain.images.reference import Image
from headway.domain.manifests.chart_values import with_values
from headway.domain.manifests.image_fields import ImageFields
from headway.domain.manifests.index import FileIndex
from headway.domain.policy.holds import FILE as HOLDS_FILE
from headway.domain.policy.holds import Holds, read_holds, unknown_names
from headway.domain.releases.recorded import recorded_digests, with_digests, without_digest
from headway.domain.rendering.place import Place
from headway.domain.rendering.unit import Unit
from headway.errors import Problem, UsageError
from headway.operations.desired import Desired
from headway.operations.rendering import ReadSources, RenderedUnit
from headway.systems.git.config_repo import ConfigRepo
from headway.systems.git.folders import Tree

LOOK_BACK = 500
REMEMBERED = 2_000
Recorded = dict[tuple[str, str, frozenset[Image]], dict[Image, Image]]
"""Digests that the ledger was asked for, by environment, its last change, and images."""
Render = Callable[[tuple[Unit, ...], ReadSources, ImageFields], list[RenderedUnit]]


@dataclass(frozen=True, slots=True)
class Reads:
    """The files and whole folders that an environment is made of, and which of them are values of its charts."""

    paths: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()


class _Folders:
    """Reads environments by the rules of one headway.yaml, at whatever commit. Nothing else makes a `Desired`."""

    __slots__ = ("_config", "_recorded", "_render", "_repo")

    def __init__(self, repo: ConfigRepo, config: Config, render: Render, recorded: Recorded) -> None:
        self._repo, self._config, self._render, self._recorded = repo, config, render, recorded

    def read(self, name: str, commit: str) -> Desired:
        """Return what an environment's folder has at a commit; raise UsageError where it has no manifests."""
        tree, indexes, units = self.found(name, commit)
        if open_ := without_digest(self._config, indexes):
            indexes = with_digests(indexes, self._digests(name, commit, open_))
        return Desired(self._config, name, commit, tree, indexes, units, partial(self.read, name))

    def _digests(self, name: str, commit: str, images: frozenset[Image]) -> dict[Image, Image]:
        """Return what the ledger says of images; it says the same as long as nothing changes the environment."""
        place = self._config.place(name)
        key = (name, self._repo.last_commit(place, commit), images)
        if key not in self._recorded:
            log = self._repo.log(name, path=place, limit=LOOK_BACK, head=commit)
            while len(self._recorded) >= REMEMBERED:
                self._recorded.pop(next(iter(self._recorded)), None)
            self._recorded[key] = recorded_digests(images, name, log)
        return self._recorded[key]

    def found(self, name: str, commit: str) -> tuple[Tree, list[FileIndex], list[RenderedUnit]]:
        """Return what is in an environment's folder at a commit: what its files hold, and what was rendered."""
        tree = self._repo.tree(commit, self._config.place(name))
        fields = self._config.image_fields
        namespace = self._config.environment(name).cluster.namespace
        indexes = self._repo.index(tree, fields)
        if not tree.units:
            return tree, with_values(indexes, namespace), []
        units = self._render(tree.units, partial(self._repo.sources, tree), fields)
        indexes = with_values([*indexes, *(it.index for it in units)], namespace)
        rendered = indexes[len(indexes) - len(units) :]
        return tree, indexes, [replace(it, index=index) for it, index in zip(units, rendered, strict=True)]


class Snapshot:
    """What stands in the config repo at `commit`. Nothing of it changes; what is asked for is read once.

    Not a dataclass on purpose, as `Desired` is not: Prefect walks into those to look for futures.
    """

    __slots__ = ("_environments", "_folders", "_holds", "_lock", "_repo", "commit", "config")

    def __init__(
        self,
        repo: ConfigRepo,
        commit: str,
        config: Config,
        render: Render,
        recorded: Recorded | None = None,
    ) -> None:
        self.commit, self.config = commit, config
        self._repo = repo
        self._folders = _Folders(repo, config, render, {} if recorded is None else recorded)
        self._lock = threading.RLock()
        self._holds: tuple[Holds, list[Problem]] | None = None
        self._environments: dict[str, Desired] = {}

    @property
    def holds(self) -> Holds:
        """The locks, vetoes and overrides; raises ConfigError where holds.yaml cannot be read."""
        return self._read_holds()[0]

    @property
    def unknown_holds(self) -> list[Problem]:
        """The lines of holds.yaml that are about nothing in headway.yaml: they hold nothing back.

        Raises ConfigError where holds.yaml cannot be read.
        """
        return self._read_holds()[1]

    def _read_holds(self) -> tuple[Holds, list[Problem]]:
        with self._lock:
            if self._holds is None:
                text, config = self._repo.own_file(self.commit, HOLDS_FILE), self.config
                self._holds = read_holds(text), unknown_names(text, config.environments, config.services)
            return self._holds

    def rules(self, name: str) -> Environment:
        """Return what headway.yaml says of an environment; raise UsageError for one that it does not name."""
        return self.config.environment(name)

    def environment(self, name: str) -> Desired:
        """Return an environment as it should be: its manifests, images and digests."""
        with self._lock:
            if name not in self._environments:
                self._environments[name] = self._folders.read(name, self.commit)
            return self._environments[name]

    def past(self, name: str, commit: str) -> Desired:
        """Return an environment's folder as another commit has it, read by this commit's rules."""
        return self.environment(name) if commit == self.commit else self._folders.read(name, commit)

    def problems(self, name: str) -> list[Problem]:
        """Return what is wrong with an environment's files, also where it has no other."""
        _, indexes, _ = self._folders.found(name, self.commit)
        return [it for index in indexes for it in index.problems]

    def text(self, path: str) -> bytes:
        """Return a file's content; raise UsageError where there is none."""
        return self._repo.reader(self.commit)(path)

    def file(self, path: str) -> bytes | None:
        """Return a file's content; None where there is none."""
        return self._repo.read(self.commit, path)

    def folder(self, name: str) -> str:
        """Return the id of what an environment is made of: two that are equal hold the same files."""
        return self._repo.state(self.commit, self.config.place(name))

    def place(self, name: str) -> Place:
        """Return where an environment's objects come from."""
        return self.config.place(name)

    def reads(self, name: str) -> Reads:
        """Return what of the config repo an environment is made of; nothing where its folder is missing."""
        try:
            tree = self._repo.tree(self.commit, self.place(name))
        except UsageError:
            return Reads()
        units = tree.units
        paths = frozenset([*tree.files, *(path for unit in units for path in unit.reads)])
        return Reads(paths, frozenset(path for unit in units for path in unit.chart.values))
