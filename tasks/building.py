"""Steps that make images."""

from __future__ import annotations

from headway.connections import Connections
from headway.domain.config import Config
from headway.steps import log, task
from headway.systems.builds import Built, build_commit
from headway.systems.source import SourceRepo, resolve_url


@task(name="build and push", run_name="build and push {service}", timeout=3600)
def build_service(connections: Connections, config: Config, service: str, ref: str) -> Built:
    """Build one service at a commit and push it, unless the registry has it already."""
    definition = config.service(service)
    source = definition.source
    assert source is not None, "services without a source are refused by the flow"
    url = resolve_url(connections.settings.config_repo(), source.repo)
    with SourceRepo(url, connections.settings.state) as repo:
        sha = repo.resolve(ref or source.branch)
        with repo.export(sha, source.context) as folder:
            return build_commit(
                connections.engine,
                connections.registry,
                service=service,
                image=definition.ref,
                folder=folder,
                dockerfile=source.dockerfile,
                sha=sha,
                source=url,
                on_line=lambda line: log(f"{service} | {line}"),
            )
