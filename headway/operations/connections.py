"""What one process has open: the config repo, the registries, the clusters, the Docker engine.

Each is opened when it is first asked for, so that a rollback needs no Docker
engine and a build no cluster. It decides nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from headway.domain.config.placing import folder_of
from headway.domain.config.reading import Config, Environment, Source, load_config
from headway.domain.policy.holds import FILE as HOLDS_FILE
from headway.domain.policy.holds import Holds, read_holds
from headway.domain.runs.claims import Claim, mismatch
from headway.domain.text.addresses import repo_address
from headway.errors import HeadwayError, UsageError
from headway.settings import Settings

if TYPE_CHECKING:
    from headway.domain.manifests.image_fields import ImageFields
    from headway.domain.rendering.unit import Unit
    from headway.operations.dispatcher import Dispatcher
    from headway.operations.rendering import ReadSources, RenderedUnit, Renderings
    from headway.operations.snapshot import Recorded, Snapshot
    from headway.systems.cluster.client import Cluster
    from headway.systems.docker.engine import Engine
    from headway.systems.git.config_repo import ConfigRepo
    from headway.systems.git.source_history import SourceHistory
    from headway.systems.registry.client import RegistryClient

CONFIG_FILE = "headway.yaml"
SNAPSHOTS = 4
"""So many commits are kept as they were read; each may hold thousands of manifests."""


class Connections:
    """Every outside system, opened once and closed together.

    It is handed from step to step and is safe to use from several threads.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._open = contextlib.ExitStack()
        self._clusters: dict[str, Cluster] = {}
        self._histories: dict[tuple[str, str], SourceHistory] = {}
        self._configs: dict[bytes, Config] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._recorded: Recorded = {}
        self._lock = threading.RLock()
        self._repo: ConfigRepo | None = None
        self._registry: RegistryClient | None = None
        self._engine: Engine | None = None
        self._dispatcher: Dispatcher | None = None
        self._renderings: Renderings | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened, the last first."""
        self._open.close()
        self._clusters.clear()
        self._histories.clear()
        self._snapshots.clear()
        self._repo = self._registry = self._engine = self._dispatcher = self._renderings = None

    @property
    def repo(self) -> ConfigRepo:
        """The config repo's mirror."""
        with self._lock:
            if self._repo is None:
                from headway.systems.git.config_repo import ConfigRepo

                self._repo = ConfigRepo.open(
                    self.settings.config_repo(),
                    self.settings.branch,
                    self.settings.state,
                    folder_of(self.settings.config),
                )
                self._open.callback(self._repo.close)
            return self._repo

    @property
    def registry(self) -> RegistryClient:
        """The client for every registry."""
        with self._lock:
            if self._registry is None:
                from headway.systems.registry.client import RegistryClient
                from headway.systems.registry.facts import FactStore

                store = FactStore(self.settings.state / "facts.sqlite")
                self._open.callback(store.close)
                self._registry = self._open.enter_context(
                    RegistryClient(self.settings.docker_config or None, store)
                )
            return self._registry

    @property
    def engine(self) -> Engine:
        """The Docker engine."""
        with self._lock:
            if self._engine is None:
                from headway.systems.docker.engine import Engine

                self._engine = Engine.open(self.settings.docker_config or None)
                self._open.callback(self._engine.close)
            return self._engine

    @property
    def dispatcher(self) -> Dispatcher:
        """Return the dispatcher of notices."""
        with self._lock:
            if self._dispatcher is None:
                from headway.operations.dispatcher import Dispatcher

                self._dispatcher = Dispatcher(self.settings)
                self._open.callback(self._dispatcher.close)
            return self._dispatcher

    def cluster(self, context: str) -> Cluster:
        """Return the cluster of a kubeconfig's context."""
        with self._lock:
            if context not in self._clusters:
                from headway.systems.cluster.client import Cluster

                cluster = Cluster.open(context or None, self.settings.kubeconfig or None)
                self._open.callback(cluster.close)
                self._clusters[context] = cluster
            return self._clusters[context]

    @property
    def renderings(self) -> Renderings:
        """What kustomize and Helm rendered."""
        with self._lock:
            if self._renderings is None:
                from headway.operations.rendering import Renderings

                self._renderings = Renderings(self.settings)
                self._open.callback(self._renderings.close)
            return self._renderings

    def _render(self, units: tuple[Unit, ...], read: ReadSources, fields: ImageFields) -> list[RenderedUnit]:
        return self.renderings.units(units, read, fields)

    def at(self, commit: str) -> Snapshot:
        """Return the config repo as it stands at a commit; the last few stay as they were read."""
        from headway.operations.snapshot import Snapshot

        config = self.config(commit)
        with self._lock:
            found = self._snapshots.pop(commit, None) or Snapshot(
                self.repo, commit, config, self._render, self._recorded
            )
            self._snapshots[commit] = found
            while len(self._snapshots) > SNAPSHOTS:
                del self._snapshots[next(iter(self._snapshots))]
            return found

    def config(self, commit: str) -> Config:
        """Read headway.yaml as it stands at a commit."""
        data = self.repo.own_file(commit, CONFIG_FILE)
        if data is None:
            raise UsageError(
                f"{self.repo.home.place(CONFIG_FILE)} is missing at {commit[:9]} of {self.repo.url}",
                hint="`headway init` writes one; HEADWAY_CONFIG names one that is not at the root of the repo",
            )
        known = self._configs.get(data)
        if known is not None:
            return known
        config = load_config(data, CONFIG_FILE, self.repo.home.folder)
        self._configs = {data: config}
        return config

    def see_that_it_is_ours(self, name: str, deployment: Mapping[str, Any]) -> None:
        """Raise UsageError where a Prefect deployment is of another application or config repo than the one set."""
        theirs, url = Claim.of(deployment), self.settings.repo
        repo = repo_address(url) if url else ""
        if not url or (repo and repo == theirs.repo):
            return
        apps: tuple[str, ...] = ()
        # Whoever may start runs need not be able to read the repo; then its address alone is compared.
        with contextlib.suppress(HeadwayError):
            apps = (self.config(self.repo.fetch()).app,)
        if why := mismatch(Claim(apps, repo), theirs):
            raise UsageError(
                f"{name} on the Prefect server is not this config repo's: {why}",
                hint="set HEADWAY_DEPLOYMENTS to the prefix of this application's deployments, or HEADWAY_PREFECT to "
                "its own server; `headway doctor` says whose the deployments are",
            )

    def holds(self, commit: str) -> Holds:
        """Read holds.yaml as it stands at a commit, also where its headway.yaml cannot be read."""
        return read_holds(self.repo.own_file(commit, HOLDS_FILE))

    def history(self, source: Source) -> SourceHistory:
        """Return the history of a service's source branch."""
        from headway.systems.git.source import resolve_url

        url = resolve_url(self.settings.config_repo(), source.repo)
        key = (url, source.branch)
        with self._lock:
            if key not in self._histories:
                from headway.systems.git.source_history import SourceHistory

                history = SourceHistory(url, source.branch, self.settings.state)
                self._open.callback(history.close)
                self._histories[key] = history
            return self._histories[key]

    def environment_cluster(self, environment: Environment) -> Cluster:
        """Return the cluster that an environment lives in."""
        return self.cluster(environment.cluster.context)
