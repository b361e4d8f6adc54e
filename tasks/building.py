"""Steps that make images."""

from __future__ import annotations

import contextlib

from headway.connections import Connections
from headway.domain.config import Config
from headway.steps import log, task
from headway.systems.builds import Built, build_commit
from headway.systems.source import SourceRepo, resolve_url


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
            source=url,
            on_line=lambda line: log(f"{service} | {line}"),
        )
