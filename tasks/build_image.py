"""Steps that make images."""

from __future__ import annotations

import contextlib

from headway.domain.config.reading import Config
from headway.operations.builds import Built, ToBuild, build_commit, to_build
from headway.operations.connections import Connections
from headway.runtime.steps import log, task
from headway.systems.git.source import SourceRepo, resolve_url


@task(name="look what would be built", run_name="look what building {service} would make")
def plan_build(connections: Connections, config: Config, service: str, ref: str) -> ToBuild:
    """Find a service's commit and say what building it would make."""
    definition = config.service(service)
    source = definition.source
    assert source is not None, "services without a source are refused by the flow"
    url = resolve_url(connections.settings.config_repo(), source.repo)
    with SourceRepo(url, connections.settings.state) as repo:
        sha = repo.resolve(ref or source.branch)
    return to_build(connections.registry, service, definition.ref, sha)


@task(name="build and push", run_name="build and push {service}")
def build_service(connections: Connections, config: Config, service: str, ref: str) -> Built:
    """Build one service at a commit and push it, unless the registry has it already."""
    definition = config.service(service)
    source = definition.source
    assert source is not None, "services without a source are refused by the flow"
    url = resolve_url(connections.settings.config_repo(), source.repo)
    with contextlib.ExitStack() as opened:
        repo = opened.enter_context(SourceRepo(url, connections.settings.state))
        sha = repo.resolve(ref or source.branch)
        return build_commit(
            lambda: connections.engine,
            connections.registry,
            service=service,
            image=definition.ref,
            sha=sha,
            folder=lambda: opened.enter_context(repo.export(sha, source.context)),
            dockerfile=source.dockerfile,
            source=repo.url,
            on_line=lambda line: log(f"{service} | {line}"),
        )
